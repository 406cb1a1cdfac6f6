/** Guests of QEMU on their way between two hosts, with a counter in memory and on disk that tells of every gap. time limit: 120 s */
import { randomBytes } from 'node:crypto'
import { access, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { HypervisorDriver } from '../../actors/hypervisor/driver.ts'
import { signal } from '../../actors/hypervisor/drivers/process/proc.ts'
import type { MigrationDriver } from '../../actors/hypervisor/migration.ts'
import type { Json } from '../../actors/kernel/define.ts'
import { COUNTER, countingSector } from '../support/boot-sector.ts'
import { eventually, guestIn, rejects, specOf } from '../support/driver-contract.ts'
import { type QemuBench, qemuBench, skipWithout, whyNoQemu } from '../support/driver-qemu-bench.ts'

const A = 'aaaaaaaa-0000-4000-8000-000000000001'
const IMAGE = '22222222-0000-4000-8000-000000000002'
/** What is copied of the disk takes a moment. */
const IMAGE_BYTES = 8 * 1024 * 1024

const missing = await whyNoQemu()

interface Host {
  readonly bench: QemuBench
  driver: HypervisorDriver
  /** Whether its disks are in a folder that both have. */
  readonly shares: boolean
}

/** Two hosts, and a guest that counts on the first. */
interface World {
  readonly here: Host
  readonly there: Host
  /** Next rank. */
  order(): number
  /** The agent of a host dies and comes again: what it alone held is gone. */
  restart(host: Host): Promise<void>
  /** The folder that they share. */
  readonly shared: string
}

const migrationOf = ({ driver }: Host): MigrationDriver => {
  if (!driver.migration) throw new Error('the driver cannot migrate')
  return driver.migration
}

function check(what: string, limits: { bandwidthMbPerS: number; shared?: boolean; patienceMs?: number }, run: (world: World) => Promise<void>): void {
  test(what, async () => {
    if (missing !== null) return skipWithout(missing)
    const shared = await mkdtemp(join(tmpdir(), 'bq-shared-'))
    const benches = [await qemuBench(), await qemuBench()] as const
    try {
      const bytes = Buffer.concat([countingSector(), Buffer.alloc(COUNTER.sectors * 512), randomBytes(IMAGE_BYTES - (COUNTER.sectors + 1) * 512)])
      for (const bench of benches) await bench.upload(IMAGE, 'raw', bytes)
      const moves = { address: '127.0.0.1', downtimeMs: 300, ...limits, shared: limits.shared ? shared : null }
      const [here, there] = await Promise.all(
        benches.map(async bench => ({ bench, driver: await bench.open({ moves }), shares: limits.shared === true })),
      )
      if (!here || !there) throw new Error('two hosts')
      let order = 0
      const restart = async (host: Host): Promise<void> => {
        await host.driver.close()
        host.driver = await host.bench.open({ moves })
      }
      await here.driver.spawn(specOf(A, IMAGE), ++order)
      await eventually('it counts', async () => (await numbers(here)).length > 5)
      await run({ here, there, order: () => ++order, restart, shared }).catch(async error => {
        console.error(what, error)
        throw error
      })
    } finally {
      for (const bench of benches) await bench.dispose()
      await rm(shared, { recursive: true, force: true })
    }
  })
}

/** What the guest has counted on a host, from its serial line; the first and the last line may be cut. */
async function numbers({ driver }: Host): Promise<number[]> {
  const text = await driver.consoleLog(A, 500_000)
  return text.split('\n').flatMap(line => (/^[0-9a-f]{8}$/.test(line) ? [Number.parseInt(line, 16)] : []))
}

/** What the sectors of its disk say, in order. The guest is off. */
async function written({ bench }: Host): Promise<number[]> {
  const { execFileSync } = await import('node:child_process')
  const raw = join(bench.folder, 'raw')
  execFileSync('qemu-img', ['convert', '-O', 'raw', join(bench.runFolder(A), 'disk.qcow2'), raw])
  const file = await open(raw)
  const found: number[] = []
  for (let i = 0; i < COUNTER.sectors; i++) {
    const { buffer } = await file.read(Buffer.alloc(4), 0, 4, (COUNTER.firstSector + i) * 512)
    found.push(buffer.readUInt32LE())
  }
  await file.close()
  // Those that it has not come to yet are empty.
  return found.filter(n => n > 0).toSorted((a, b) => a - b)
}

/** One number after the other, none left out, none twice. */
function unbroken(counted: readonly number[], what: string): void {
  const breaks = counted.flatMap((n, i) => (i > 0 && n !== (counted[i - 1] ?? 0) + 1 ? [`${counted[i - 1]} then ${n}`] : []))
  assert.equal(breaks, [], what)
}

interface Way {
  readonly to: Json
  readonly handed: Json
}

/** Whether the disk is copied. */
const copies = ({ here }: World): boolean => here.shares !== true

async function prepare({ here, there, order }: World): Promise<Json> {
  const { copyDisk, shape } = await migrationOf(here).check(A, 'auto')
  return migrationOf(there).prepareIncoming(specOf(A, IMAGE), order(), copyDisk, shape)
}

async function converge({ here }: World): Promise<void> {
  await eventually('it converges', async () => (await migrationOf(here).progress(A, 500)).converged, 60_000)
}

/** All of it, as the operation does it. */
async function carry(world: World): Promise<Way> {
  const { here, there, order } = world
  const to = await prepare(world)
  await migrationOf(here).migrateOut(A, order(), to, copies(world))
  await converge(world)
  const handed = await migrationOf(here).handOver(A, order())
  console.log(/migration: handed over.*/.exec(await here.driver.consoleLog(A, 500_000))?.[0])
  await migrationOf(there).finishIncoming(A, order(), handed)
  return { to, handed }
}

async function goesOn(host: Host): Promise<void> {
  const before = (await numbers(host)).length
  await eventually('it counts on', async () => (await numbers(host)).length > before + 5)
}

check(
  'a live migration with its disk: the counter goes on there without a gap, in memory and on disk, and back again',
  { bandwidthMbPerS: 0 },
  async world => {
    const { here, there, order } = world
    await carry(world)
    assert.equal([(await guestIn(here.driver, A))?.power, (await guestIn(there.driver, A))?.power], ['shutdown', 'running'])
    await here.driver.destroy(A, order())
    await goesOn(there)
    const [first, second] = [await numbers(here).catch(() => []), await numbers(there)]
    assert.equal(first, [], 'nothing of it is left')
    const back = { ...world, here: there, there: here }
    await carry(back)
    await there.driver.destroy(A, order())
    await goesOn(here)
    unbroken(second, 'there')
    unbroken(await numbers(here), 'and back')
    await here.driver.stop(A, order(), 0)
    unbroken(await written(here), 'on its disk')
  },
)

const PHASES = ['disk', 'memory', 'converged', 'handed', 'finished'] as const
type Phase = (typeof PHASES)[number]

/** Ends something of a migration by force. */
const STRIKES: Readonly<Record<string, (world: World) => Promise<void>>> = {
  'the agent of the source': ({ here, restart }) => restart(here),
  'the agent of the target': ({ there, restart }) => restart(there),
  'the QEMU of the target': async ({ there }) => {
    signal(await there.bench.pid(A), 'SIGKILL')
    await eventually('it is gone', async () => (await there.bench.pids()).length === 0)
  },
  // Whoever owns the operation next tells the same again.
  'the conductor': async () => {},
}

/**
 * As the operation does it, struck once at a phase: what was told without an answer is told again; what is refused before the
 * destination goes on turns back. Answers where the guest is then.
 */
async function struckAt(phase: Phase, strike: (world: World) => Promise<void>, world: World): Promise<Host> {
  const { here, there, order } = world
  const hit = async (now: Phase): Promise<void> => (now === phase ? strike(world) : undefined)
  try {
    const to = await prepare(world)
    const sending = order()
    await migrationOf(here).migrateOut(A, sending, to, copies(world))
    if (phase === 'disk') {
      await eventually('its disk is being copied', async () => (await migrationOf(here).progress(A, 0)).diskProcessedBytes > 0)
      await hit('disk')
      await migrationOf(here).migrateOut(A, sending, to, true)
    }
    if (phase === 'memory') {
      await eventually('its memory is being sent', async () => (await migrationOf(here).progress(A, 0)).memoryProcessedBytes > 0)
      await hit('memory')
    }
    await converge(world)
    await hit('converged')
    const handing = order()
    let handed = await migrationOf(here).handOver(A, handing)
    await hit('handed')
    handed = await migrationOf(here).handOver(A, handing)
    const finishing = order()
    await migrationOf(there).finishIncoming(A, finishing, handed)
    await hit('finished')
    await migrationOf(there).finishIncoming(A, finishing, handed)
    await here.driver.destroy(A, order(), true)
    return there
  } catch {
    await there.driver.destroy(A, order(), true)
    await migrationOf(here).cancelOutgoing(A, order())
    return here
  }
}

check('whatever is killed at whatever phase: one guest afterwards, and it goes on', { bandwidthMbPerS: 8 }, async world => {
  let { here, there } = world
  let last = 0
  for (const phase of PHASES) {
    // Of no other consequence than 'handed', unless its disk is shared: see there.
    if (phase === 'converged') continue
    for (const [name, strike] of Object.entries(STRIKES)) {
      if (name === 'the conductor' && phase !== 'handed') continue
      const what = `${name}, ${phase}`
      const at = await struckAt(phase, strike, { ...world, here, there })
      const isThere = at === there
      if (isThere) [here, there] = [there, here]
      const powers = [(await guestIn(here.driver, A))?.power, (await guestIn(there.driver, A))?.power]
      if (name.includes('QEMU') && phase === 'finished') {
        assert.equal(powers, ['crashed', undefined], what)
        await here.driver.start(A, world.order())
        last = 0
        continue
      }
      assert.equal(powers, ['running', undefined], what)
      assert.is((await here.bench.pids()).length + (await there.bench.pids()).length, 1, what)
      await goesOn(here)
      const counted = await numbers(here)
      unbroken(counted, what)
      assert.ok((counted[0] ?? 0) >= last || !isThere, `${what}: it has not gone back`)
      last = counted.at(-1) ?? 0
    }
  }
  await here.driver.stop(A, world.order(), 0)
  unbroken(await written(here), 'on its disk')
})

check(
  'with a disk that is shared nothing of it is copied, whatever is killed; it goes only with its instance',
  { bandwidthMbPerS: 8, shared: true },
  async world => {
    let { here, there } = world
    const disk = join(world.shared, `${A}.qcow2`)
    await rejects('DriverFault', migrationOf(here).check(A, true), /do not copy it/)
    for (const phase of ['converged', 'handed'] as const) {
      for (const name of ['the agent of the source', 'the QEMU of the target', 'the conductor']) {
        const at = await struckAt(phase, STRIKES[name] ?? (async () => {}), { ...world, here, there })
        if (at === there) [here, there] = [there, here]
        assert.equal([(await guestIn(here.driver, A))?.power, (await guestIn(there.driver, A))?.power], ['running', undefined], `${name}, ${phase}`)
        await goesOn(here)
        unbroken(await numbers(here), `${name}, ${phase}`)
      }
    }
    // Its host dies; what evacuates it finds the disk.
    signal(await here.bench.pid(A), 'SIGKILL')
    await eventually('it is gone', async () => (await here.bench.pids()).length === 0)
    await there.driver.receive?.(specOf(A, IMAGE, { diskGb: 2 }), world.order(), true)
    await goesOn(there)
    await here.driver.destroy(A, world.order(), true)
    await access(disk)
    await there.driver.destroy(A, world.order())
    await rejectsAccess(disk)
  },
)

const rejectsAccess = async (path: string): Promise<void> =>
  access(path).then(
    () => assert.unreachable(`${path} is still there`),
    () => {},
  )

check('when nobody says that it is to go on elsewhere, it does not stand still for long', { bandwidthMbPerS: 0, patienceMs: 300 }, async world => {
  const { here, there, order } = world
  await migrationOf(here).migrateOut(A, order(), await prepare(world), true)
  await eventually('it was given up', async () =>
    migrationOf(here)
      .progress(A, 1_000)
      .then(
        () => false,
        error => /nobody said within 300 ms/.test(String(error)),
      ),
  )
  await goesOn(here)
  unbroken(await numbers(here), 'here')
  await rejects('DriverFault', migrationOf(here).handOver(A, order()))
  await migrationOf(here).cancelOutgoing(A, order())
  await there.driver.destroy(A, order())
  await goesOn(here)
})

check('given up half-way it goes on where it was, and a second try succeeds', { bandwidthMbPerS: 8 }, async world => {
  const { here, there, order } = world
  await migrationOf(here).migrateOut(A, order(), await prepare(world), true)
  await eventually('its memory is being sent', async () => (await migrationOf(here).progress(A, 0)).memoryProcessedBytes > 0)
  await migrationOf(here).cancelOutgoing(A, order())
  await there.driver.destroy(A, order())
  await goesOn(here)
  await rejects('DriverFault', migrationOf(here).progress(A, 0), /not being sent/)
  await carry(world)
  await goesOn(there)
  unbroken(await numbers(there), 'there')
})

check('a disk is carried cold: fetched from where a restart has left it, compared, grown and not shrunk', { bandwidthMbPerS: 0 }, async world => {
  const { here, there, order, restart } = world
  const { checkMove, offer, fetch, receive } = here.driver
  if (!checkMove || !offer || !fetch || !receive) throw new Error('the driver cannot move a guest')
  await rejects('DriverFault', here.driver.checkMove?.(specOf(A, IMAGE, { diskGb: 0.5 }), true) ?? Promise.resolve(), /cannot shrink to 0.5 GB/)
  await rejects('DriverUnsupported', here.driver.checkMove?.(specOf(A, IMAGE), false) ?? Promise.resolve(), /would be gone with it/)
  await rejects('DriverFault', here.driver.offer?.(A, order()) ?? Promise.resolve(), /is running; only one that is off/)
  await here.driver.stop(A, order(), 0)
  const before = await written(here)
  const larger = specOf(A, IMAGE, { diskGb: 2, ramMb: 96 })
  await rejects('DriverFault', there.driver.receive?.(larger, order(), true) ?? Promise.resolve(), /a file of the host that it was on/)
  const from = (await here.driver.offer?.(A, order())) ?? null
  await there.driver.fetch?.(larger, order(), from, 0)
  await restart(there)
  await eventually('it is fetched', async () => (await there.driver.fetch?.(larger, order(), from, 200))?.done)
  await there.driver.receive?.(larger, order(), false)
  assert.equal(await written(there), before)
  await there.driver.start(A, order())
  await goesOn(there)
  await here.driver.destroy(A, order())
})

test.run()
