/** Guests of the built image in real virtual machines, with their agents and the way of backups through them. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { BackupKind } from '../../actors/guest/contract.ts'
import { createGuests, type Guests } from '../../actors/guest/guests.ts'
import { createTransfers, type Transfers } from '../../actors/guest/transfers.ts'
import type { GuestStream, HypervisorDriver } from '../../actors/hypervisor/driver.ts'
import { QEMU_IMAGE } from '../../actors/hypervisor/drivers/images.ts'
import { qemuAgents } from '../../actors/hypervisor/drivers/qemu/agent-channel.ts'
import { BUILT_IMAGES, builtImage } from '../../actors/hypervisor/drivers/qemu/built.ts'
import type { ImageSource } from '../../actors/hypervisor/images.ts'
import { eventually, realEnv, specOf } from './driver-contract.ts'
import { qemuBench, whyNoQemu } from './driver-qemu-bench.ts'

/** Why there is nothing to test here; null where there is. */
export const whyNoBuiltGuest = async (): Promise<string | null> =>
  (await whyNoQemu()) ?? ((await builtImage(BUILT_IMAGES, QEMU_IMAGE.id)) ? null : 'npm run images has not been run')

/** No word for so long is silence. */
export const SILENT_MS = 8000

const BOOT_MS = 60_000

export interface BuiltGuests {
  readonly driver: HypervisorDriver
  readonly guests: Guests
  readonly transfers: Transfers
  /** Resolves when its agent says that its service is ACTIVE. */
  spawn(instance: string, userData?: string, silentMs?: number): Promise<void>
  ask(instance: string, method: string, args?: Record<string, string>): Promise<unknown>
  /** On its serial line, where a shell of root listens. */
  type(instance: string, line: string): Promise<void>
  /** Has it made and reads it, as an upload would. */
  backUp(instance: string, backup: string, kind: BackupKind, parent?: string): Promise<Buffer>
}

export async function withGuests(run: (held: BuiltGuests) => Promise<void>): Promise<void> {
  const bench = await qemuBench()
  const driver = await bench.open({ built: BUILT_IMAGES })
  const guests = createGuests({
    ...{ env: realEnv, life: 1, settings: { heartbeatMs: 1000, silentMs: SILENT_MS }, channels: qemuAgents(join(bench.folder, 'run')) },
    report: async () => null,
  })
  const stored = new Map<string, Buffer>()
  const lines = new Map<string, GuestStream>()
  const images: ImageSource = {
    use: (image, _, task) => {
      const bytes = stored.get(image) ?? Buffer.alloc(0)
      const read = async (offset: number, length: number) => bytes.subarray(offset, offset + length)
      return task({ sizeBytes: bytes.length, path: null, format: null, head: length => read(0, length), read })
    },
  }
  const transfers = createTransfers(realEnv, guests, images)
  const looking = setInterval(() => driver.list().then(guests.tend, () => {}), 500)
  try {
    await run({
      ...{ driver, guests, transfers },
      async spawn(instance, userData, silentMs = BOOT_MS) {
        const about = { project: 'p', reservation: 'r', flavor: 'f', hostname: `host-${instance.slice(-1)}` }
        const data = userData === undefined ? {} : { userData: Buffer.from(userData).toString('base64') }
        await driver.spawn({ ...specOf(instance, QEMU_IMAGE.id), ramMb: 128, agent: true, about: { ...about, ...data } }, 1)
        await guests.ready(instance, silentMs)
      },
      ask: (instance, method, args = {}) => guests.session(instance).command(method, args, 20_000),
      async type(instance, line) {
        const known = lines.get(instance) ?? (await driver.openStream?.(instance, 'serial'))
        if (!known) throw new Error('no serial line')
        if (!lines.has(instance)) known.start({ bytes() {}, end() {} })
        lines.set(instance, known)
        known.write(Buffer.from(`${line}\n`))
      },
      async backUp(instance, backup, kind, parent) {
        const request = { instance, backup, kind, parent: parent ?? null }
        const made = await eventually(`backup ${backup}`, async () => {
          const look = await transfers.backup(request, 2000)
          return look.done && look
        })
        const parts: Uint8Array[] = []
        for await (const bytes of (await transfers.open(request)).read(0)) parts.push(bytes)
        const bytes = Buffer.concat(parts)
        assert.is(createHash('sha512').update(bytes).digest('hex'), made.checksum, 'its bytes are what the agent has said')
        stored.set(backup, bytes)
        return bytes
      },
    })
  } finally {
    clearInterval(looking)
    for (const line of lines.values()) line.close()
    guests.stop()
    await bench.dispose()
  }
}
