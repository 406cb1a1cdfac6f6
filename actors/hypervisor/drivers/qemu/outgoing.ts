/**
 * A guest on its way out: its disk is mirrored to the other host if that is to be copied, then its memory is sent over and over, until so
 * little is left that it waits for the word to send the rest. All of it goes through tunnels of this agent; if the agent dies QEMU finds its
 * connections closed, gives up by itself, and the guest goes on here.
 */

import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import type { Json } from '../../../kernel/define.ts'
import { type Env, minutes } from '../../../kernel/env.ts'
import { BatonError } from '../../../kernel/errors.ts'
import { sleep, until } from '../process/wait.ts'
import { listenPlain } from './guest-files.ts'
import type { Qmp } from './qmp.ts'
import type { User } from './tools.ts'
import { type MemoryTransfer, MIRROR, type Mirror, memoryTransfer, mirrorOf } from './transfer.ts'
import { call, carry, type Invitation } from './tunnel.ts'

/** Sockets in the guest's folder, and names of the channels of a move. */
export const MEMORY = 'mig'
export const DISK = 'nbd'

const POLL_MS = 50
/** The operation's own deadline ends it sooner. */
const MIRROR_MS = minutes(120)
const LET_GO_MS = 10_000
const WATCH_MS = 200
/** Longer than a conductor takes over from another. */
const PATIENCE_MS = 5_000

export interface MigrationLimits {
  /** Of one migration, 2^20 bytes a second; 0: as fast as it goes. */
  readonly bandwidthMbPerS: number
  /** How long a guest may stand still. */
  readonly downtimeMs: number
  /** How long it waits, standing still, for the word to send the rest, before it goes on where it is; default 5 s. */
  readonly patienceMs?: number
}

/** As much as QEMU takes; the default would be 128 MiB a second. */
const NO_LIMIT_BYTES_PER_S = 2 ** 40

export interface Outgoing {
  /** Why it has failed; null as long as it goes well. */
  failed(): string | null
  /** Whether its memory is being sent; until then QEMU tells of an earlier time. */
  begun(): boolean
  /** Closes its tunnels. */
  close(): void
}

export interface OutgoingOptions {
  readonly env: Env
  readonly home: string
  readonly user: User | null
  readonly qmp: Qmp
  readonly to: Invitation
  readonly copyDisk: boolean
  readonly limits: MigrationLimits
}

/** Begins to send. Rejects `DriverFault` when it cannot even begin; what goes wrong later is told by `failed`. */
export async function beginOutgoing({ env, home, user, qmp, to, copyDisk, limits }: OutgoingOptions): Promise<Outgoing> {
  const closing: (() => void)[] = []
  let failed: string | null = null
  let closed = false
  let begun = false
  const bytesPerS = limits.bandwidthMbPerS > 0 ? limits.bandwidthMbPerS * 2 ** 20 : 0

  /** What QEMU sends to a socket here comes out at the other host. The tunnel is there before it is needed: so who cannot be reached is known. */
  async function channel(name: typeof MEMORY | typeof DISK): Promise<void> {
    const far: Duplex = await call(env, to, name)
    closing.push(() => far.destroy())
    const server = await listenPlain(join(home, name), user, near => {
      closing.push(() => near.destroy())
      carry(near, far)
    })
    closing.push(() => server.close())
  }

  async function copy(): Promise<void> {
    // `unmap`: what is empty stays empty there, and is not counted as sent.
    const target = { driver: 'nbd', 'node-name': MIRROR, server: { type: 'unix', path: DISK }, export: 'root', discard: 'unmap' }
    await qmp.execute('blockdev-add', target, LET_GO_MS)
    await qmp.execute('blockdev-mirror', {
      ...{ 'job-id': MIRROR, device: 'root', target: MIRROR, sync: 'full', 'copy-mode': 'write-blocking' },
      ...(bytesPerS > 0 ? { speed: bytesPerS } : {}),
    })
    let last: Mirror | null = null
    const ready = await until(env, MIRROR_MS, POLL_MS, async () => {
      last = mirrorOf(await qmp.execute('query-block-jobs'))
      return closed || last === null || last.ready
    })
    if (!ready || last === null) throw new BatonError('DriverFault', 'the copying of its disk broke off')
  }

  async function send(): Promise<void> {
    if (copyDisk) await copy()
    if (closed) return
    const capabilities = ['events', 'auto-converge', 'pause-before-switchover'].map(capability => ({ capability, state: true }))
    await qmp.execute('migrate-set-capabilities', { capabilities })
    // It is not to stand still before it is told to, so that it does not wait for a conductor: with nothing allowed, only an idle guest does.
    await qmp.execute('migrate-set-parameters', { 'max-bandwidth': bytesPerS || NO_LIMIT_BYTES_PER_S, 'downtime-limit': 0 })
    await qmp.execute('migrate', { uri: `unix:${MEMORY}` })
    begun = true
    await watch()
  }

  /** No guest stands still for a control plane that is not there: it goes on, and whoever asks hears that it was not sent. */
  async function watch(): Promise<void> {
    const { patienceMs = PATIENCE_MS } = limits
    let sinceMs: number | null = null
    while (!closed) {
      const { state } = await queryMemory(qmp)
      if (state === 'sent' || state === 'failed') return
      sinceMs = state === 'waits' ? (sinceMs ?? env.monotonicMs()) : null
      if (sinceMs !== null && env.monotonicMs() - sinceMs >= patienceMs) {
        await takeBack(env, qmp)
        throw new BatonError('DriverFault', `nobody said within ${patienceMs} ms that it is to go on elsewhere`)
      }
      await sleep(env, WATCH_MS)
    }
  }

  const close = (): void => {
    closed = true
    for (const each of closing.splice(0)) each()
  }

  try {
    await takeBack(env, qmp)
    if (copyDisk) await channel(DISK)
    await channel(MEMORY)
  } catch (error) {
    close()
    throw error
  }
  send().catch(error => {
    failed = error instanceof Error ? error.message : String(error)
    close()
  })
  return { failed: () => failed, begun: () => begun, close }
}

export const queryMemory = async (qmp: Qmp): Promise<MemoryTransfer> => memoryTransfer(await qmp.execute('query-migrate'))
export const queryMirror = async (qmp: Qmp): Promise<Mirror | null> => mirrorOf(await qmp.execute('query-block-jobs'))

/** Ends what is under way, however far it is; what an agent that died has begun too. The guest keeps standing still if it does. */
export async function takeBack(env: Env, qmp: Qmp): Promise<void> {
  const { state } = await queryMemory(qmp)
  if (state === 'active' || state === 'waits') {
    await qmp.execute('migrate_cancel')
    await settle(env, 'the sending of its memory', async () => !['active', 'waits'].includes((await queryMemory(qmp)).state))
  }
  await endMirror(env, qmp, true)
}

/** Ends the copying of the disk: by force, or with both disks alike, when it is ready. Rejects `DriverFault` when they are not. */
export async function endMirror(env: Env, qmp: Qmp, force: boolean): Promise<void> {
  if (await queryMirror(qmp)) {
    let fault: string | null = null
    const forget = qmp.onEvent(({ name, data }) => {
      if (name === 'BLOCK_JOB_COMPLETED' && data.device === MIRROR && typeof data.error === 'string') fault = data.error
    })
    try {
      await qmp.execute('block-job-cancel', { device: MIRROR, force }).catch(() => {})
      await settle(env, 'the copying of its disk', async () => (await queryMirror(qmp)) === null)
    } finally {
      forget()
    }
    if (fault !== null && !force) throw new BatonError('DriverFault', `its disk was not copied to the end: ${fault}`)
  }
  const nodes: Json = await qmp.execute('query-named-block-nodes', { flat: true })
  if (JSON.stringify(nodes).includes(`"node-name":"${MIRROR}"`)) await qmp.execute('blockdev-del', { 'node-name': MIRROR })
}

async function settle(env: Env, what: string, ask: () => Promise<boolean>): Promise<void> {
  if (!(await until(env, LET_GO_MS, 5, ask))) throw new BatonError('DriverFault', `${what} does not end within ${LET_GO_MS} ms`)
}
