/** The files of a guest of QEMU on their way to another host: whole, compared, and from where it broke off. No QEMU is in it. */
import { randomBytes } from 'node:crypto'
import { link, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { openLedger } from '../../actors/hypervisor/drivers/ledger.ts'
import { openBases } from '../../actors/hypervisor/drivers/qemu/bases.ts'
import { createCold } from '../../actors/hypervisor/drivers/qemu/cold.ts'
import { NEVER_RUN } from '../../actors/hypervisor/drivers/qemu/life.ts'
import { createDoor } from '../../actors/hypervisor/drivers/qemu/tunnel.ts'
import type { QemuGuest } from '../../actors/hypervisor/drivers/records.ts'
import { memoryStore } from '../../actors/hypervisor/drivers/store.ts'
import { eventually, realEnv, rejects, specOf } from '../support/driver-contract.ts'

const A = 'aaaaaaaa-0000-4000-8000-000000000001'
const GB = 1024 ** 3
const SPEC = specOf(A, 'image')
const DISK = randomBytes(20_000_000)
const IMAGE = randomBytes(300_000)

const GUEST: QemuGuest = {
  ...{ spec: SPEC, begun: 1, order: 1, method: 'stop', effect: null, stopped: true, rescue: null, saved: false, slots: { nic: 9 } },
  ...{ root: { base: { file: 'bases/image.raw', format: 'raw' }, kernel: null }, run: NEVER_RUN },
}

/** An agent with nothing but the part that moves disks; its guests are all off. */
async function host() {
  const folder = await mkdtemp(join(tmpdir(), 'bc-'))
  const store = memoryStore<QemuGuest>()
  const ledger = openLedger({ store, nameOf: guest => guest.spec.instance, env: realEnv, enlivens: () => false })
  const homeOf = (instance: string): string => join(folder, 'run', instance)
  const runs = {
    homeOf,
    power: async () => 'shutdown' as const,
    kill: async () => {},
    async makeHome(instance: string) {
      await mkdir(homeOf(instance), { recursive: true })
      return homeOf(instance)
    },
  }
  const door = createDoor(realEnv, '127.0.0.1')
  const bases = await openBases({ folder, built: join(folder, 'none'), user: null, fetch: undefined })
  const cold = createCold({ env: realEnv, folder, user: null, runs, bases, storage: { diskBytesOf: async () => GB }, ledger, door })
  return { folder, store, ledger, door, cold, disk: join(homeOf(A), 'disk.qcow2'), base: join(folder, 'bases', 'image.raw'), runs }
}
type Host = Awaited<ReturnType<typeof host>>

async function withHosts(run: (here: Host, there: Host) => Promise<void>): Promise<void> {
  const hosts = [await host(), await host()] as const
  const [here] = hosts
  try {
    await here.runs.makeHome(A)
    await writeFile(here.disk, DISK)
    await writeFile(join(here.folder, 'cached'), IMAGE)
    await link(join(here.folder, 'cached'), here.base)
    await here.ledger.save(A, GUEST)
    await run(...hosts)
  } finally {
    for (const { cold, door, folder } of hosts) {
      cold.close()
      door.close()
      await rm(folder, { recursive: true })
    }
  }
}

test('the disk and the image it is read through to come whole; told again nothing comes twice', () =>
  withHosts(async (here, there) => {
    const offer = await here.cold.offer(A, 2)
    let order = 10
    const seen = await eventually('all is here', async () => {
      const look = await there.cold.fetch(SPEC, order++, offer, 100)
      return look.done && look
    })
    assert.is(seen.diskRemainingBytes, 0)
    assert.is(Buffer.compare(await readFile(there.disk), DISK), 0)
    assert.is(Buffer.compare(await readFile(there.base), IMAGE), 0)
    const [made] = there.store.guests()
    assert.equal([made?.fetched, made?.root, made?.slots], [true, GUEST.root, {}])
    here.door.close()
    assert.is((await there.cold.fetch(SPEC, order, offer, 0)).done, true, 'the source is not asked any more')
  }))

test('a source that is lost is said so, and when it offers anew the rest is fetched', () =>
  withHosts(async (here, there) => {
    const offer = await here.cold.offer(A, 2)
    const part = join(there.folder, 'fetched', `${A}.disk`)
    await there.cold.fetch(SPEC, 10, offer, 0)
    await eventually('some of it is here', async () => (await stat(part).catch(() => null))?.size)
    here.door.close()
    await rejects('DriverFault', there.cold.fetch(SPEC, 11, offer, 5_000), /broke off|could not be fetched/)
    const came = (await stat(part)).size
    assert.ok(came > 0 && came < DISK.length, `${came} bytes came`)
    await rejects('DriverFault', there.cold.fetch(SPEC, 12, offer, 5_000), /cannot be reached/)
    const door = createDoor(realEnv, '127.0.0.1')
    const again = createCold({
      env: realEnv,
      folder: here.folder,
      user: null,
      runs: here.runs,
      bases: await openBases({ ...NO_IMAGES, folder: here.folder }),
      storage: { diskBytesOf: async () => GB },
      ledger: here.ledger,
      door,
    })
    try {
      const anew = await again.offer(A, 3)
      const first = await there.cold.fetch(SPEC, 13, anew, 0)
      assert.ok(first.diskProcessedBytes >= 0)
      let order = 14
      await eventually('all is here', async () => (await there.cold.fetch(SPEC, order++, anew, 200)).done)
      assert.is(Buffer.compare(await readFile(there.disk), DISK), 0)
    } finally {
      door.close()
    }
  }))

test('what came damaged is thrown away, and fetched from its beginning', () =>
  withHosts(async (here, there) => {
    const offer = await here.cold.offer(A, 2)
    await mkdir(join(there.folder, 'fetched'))
    await writeFile(join(there.folder, 'fetched', `${A}.disk`), Buffer.alloc(1_000))
    await rejects('DriverFault', there.cold.fetch(SPEC, 10, offer, 20_000), /came damaged/)
    assert.is((await there.cold.fetch(SPEC, 11, offer, 20_000)).done, true)
    assert.is(Buffer.compare(await readFile(there.disk), DISK), 0)
  }))

test('an offer of something else is refused, and a disk that would shrink or be lost stays', () =>
  withHosts(async (here, there) => {
    await rejects('DriverFault', there.cold.fetch(SPEC, 1, { driver: 'fake' }, 0), /offers no guest of QEMU/)
    const offer = await here.cold.offer(A, 2)
    const strange = { ...(offer as object), base: { file: '../../etc/passwd', format: 'raw', sizeBytes: 1 } }
    await rejects('DriverFault', there.cold.fetch(SPEC, 2, strange, 20_000), /a file that is no image/)
    await here.cold.checkMove(SPEC, true)
    await rejects('DriverFault', here.cold.checkMove({ ...SPEC, diskGb: 0.5 }, true), /cannot shrink/)
    await rejects('DriverUnsupported', here.cold.checkMove(SPEC, false), /would be gone with it/)
    await here.ledger.save(A, { ...GUEST, shared: true })
    await here.cold.checkMove(SPEC, false)
    assert.is(await here.cold.offer(A, 3), null, 'there is nothing to fetch')
  }))

const NO_IMAGES = { built: '/nowhere', user: null, fetch: undefined }

test.run()
