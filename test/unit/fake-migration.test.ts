/** Live migration of fake guests: two drivers, each restarted before every command, and a clock that is moved by hand. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createFakeDriver, lapsedFakeGuest } from '../../actors/hypervisor/drivers/fake.ts'
import { progressOf, ticksAt } from '../../actors/hypervisor/drivers/fake-transfer.ts'
import { FAKE_IMAGE } from '../../actors/hypervisor/drivers/images.ts'
import type { FakeGuest, FakeOutgoing } from '../../actors/hypervisor/drivers/records.ts'
import { type MemoryStore, memoryStore } from '../../actors/hypervisor/drivers/store.ts'
import type { MigrationDriver } from '../../actors/hypervisor/migration.ts'
import type { Env } from '../../actors/kernel/env.ts'
import { realEnv, rejects, specOf } from '../support/driver-contract.ts'

const A = 'aaaaaaaa-0000-4000-8000-000000000001'
const MIB = 1024 ** 2

/** Time goes by when somebody waits, and when it is said to. */
function bench() {
  let now = 1_000_000
  const env: Env = {
    ...realEnv,
    monotonicMs: () => now,
    wallMs: () => now,
    setTimer(delayMs, fn) {
      const timer = setImmediate(() => {
        now += delayMs
        fn()
      })
      return { cancel: () => clearImmediate(timer) }
    },
  }
  const stores = { source: memoryStore<FakeGuest>(), there: memoryStore<FakeGuest>() }
  const capacity = { vcpus: 8, ramMb: 8192, diskGb: 100 }
  const rates = { bytesPerS: 100 * MIB, dirtyBytesPerS: 20 * MIB }
  const open = (store: MemoryStore<FakeGuest>) => createFakeDriver(env, store, { capacity, rates })
  const migration = (store: MemoryStore<FakeGuest>): MigrationDriver => {
    const { migration: found } = open(store)
    if (!found) throw new Error('the fake driver migrates')
    return found
  }
  const guest = (store: MemoryStore<FakeGuest>) => store.guests().find(g => g.spec.instance === A)
  const ticks = (store: MemoryStore<FakeGuest>): number => {
    const memory = guest(store)?.memory
    return memory ? ticksAt(memory, now) : -1
  }
  return {
    env,
    rates,
    driver: () => open(stores.source),
    source: () => migration(stores.source),
    there: () => migration(stores.there),
    stores,
    guest,
    ticks,
    advance(ms: number): void {
      now += ms
    },
    power: () => [guest(stores.source)?.power ?? null, guest(stores.there)?.power ?? null],
  }
}

const spec = (metadata: Record<string, string> = {}) => specOf(A, FAKE_IMAGE.id, { ramMb: 100, diskGb: 1, metadata })

async function sending(metadata: Record<string, string> = {}) {
  const b = bench()
  await b.driver().spawn(spec(metadata), 10)
  b.advance(3000)
  const { copyDisk } = await b.source().check(A, 'auto')
  const to = await b.there().prepareIncoming(spec(metadata), 20, copyDisk)
  await b.source().migrateOut(A, 21, to, copyDisk)
  return b
}

test('carried as it runs: stopped here before it goes on there, and its counter goes on without a gap', async () => {
  const b = await sending()
  assert.equal(b.power(), ['running', 'shutdown'])
  await rejects('DriverFault', b.source().handOver(A, 22), /goes on here/)
  const half = await b.source().progress(A, 500)
  assert.equal([half.converged, half.memoryTotalBytes, half.memoryProcessedBytes], [false, 100 * MIB, 50 * MIB])
  assert.is(half.memoryRemainingBytes, 60 * MIB)
  assert.ok((await b.source().progress(A, 60_000)).converged)
  const handed = await b.source().handOver(A, 23)
  assert.equal(b.power(), ['shutdown', 'shutdown'])
  assert.equal(await b.source().handOver(A, 23), handed, 'told again, it answers the same')
  assert.equal(await b.source().handOver(A, 24), handed, 'also with another rank')
  const { ticks } = (handed as { memory: { ticks: number } }).memory
  assert.ok(ticks >= 30)
  b.advance(60_000)
  await b.there().finishIncoming(A, 25, handed)
  assert.equal(b.power(), ['shutdown', 'running'])
  assert.is(b.ticks(b.stores.there), ticks, 'no tick was missed or made twice')
  assert.is(b.guest(b.stores.there)?.memory?.boot, 10)
  b.advance(500)
  await b.there().finishIncoming(A, 26, handed)
  assert.is(b.ticks(b.stores.there), ticks + 5, 'told again, it does not go back')
  assert.is(b.stores.there.history.filter(e => e.method === 'finishIncoming').length, 1)
})

test('started again elsewhere, as by a cold migration, the counter begins anew', async () => {
  const b = bench()
  const driver = b.driver()
  await driver.spawn(spec(), 10)
  b.advance(3000)
  assert.is(b.ticks(b.stores.source), 30)
  await driver.stop(A, 11, 0)
  assert.is(b.ticks(b.stores.source), -1)
  await driver.receive?.(spec(), 12, true)
  assert.equal([b.ticks(b.stores.source), b.guest(b.stores.source)?.memory?.boot], [0, 12])
})

test('given up: the guest goes on here, also after it was handed over, from the same tick', async () => {
  const sent = await sending()
  await sent.source().cancelOutgoing(A, 30)
  assert.equal(sent.power(), ['running', 'shutdown'])
  await rejects('DriverFault', sent.source().progress(A, 0), /not being sent/)
  await rejects('StaleCommand', sent.source().handOver(A, 22))
  const b = await sending()
  await b.source().progress(A, 60_000)
  const { memory } = (await b.source().handOver(A, 22)) as { memory: { ticks: number } }
  b.advance(10_000)
  await b.source().cancelOutgoing(A, 30)
  assert.equal([b.power()[0], b.ticks(b.stores.source)], ['running', memory.ticks])
  await b.source().cancelOutgoing(A, 31)
  await bench().source().cancelOutgoing(A, 1)
})

test('a destination that has lost what waited refuses for good, as do late commands behind a destroy', async () => {
  const b = await sending()
  await b.source().progress(A, 60_000)
  const handed = await b.source().handOver(A, 22)
  await rejects('DriverFault', bench().there().finishIncoming(A, 23, handed), /does not wait here/)
  await createFakeDriver(realEnv, b.stores.there, { capacity: { vcpus: 1, ramMb: 1, diskGb: 1 } }).destroy(A, 40)
  await rejects('StaleCommand', b.there().finishIncoming(A, 23, handed))
  await rejects('DriverFault', b.there().finishIncoming(A, 41, { nonsense: true }), /not what a fake guest needs/)
})

test('a guest that writes faster than the line carries converges only when it is paused; then it goes on running', async () => {
  const b = await sending({ 'fake:dirty_bytes_per_s': String(200 * MIB) })
  for (let i = 0; i < 5; i++) assert.not((await b.source().progress(A, 2000)).converged)
  await b.source().forceOutgoing(A, 22)
  assert.is(b.power()[0], 'paused')
  assert.ok((await b.source().progress(A, 2000)).converged)
  await b.there().finishIncoming(A, 24, await b.source().handOver(A, 23))
  assert.equal(b.power(), ['shutdown', 'running'])
  const given = await sending({ 'fake:dirty_bytes_per_s': String(200 * MIB) })
  await given.source().forceOutgoing(A, 22)
  await given.source().cancelOutgoing(A, 23)
  assert.is(given.power()[0], 'running')
})

test('a paused guest stays paused, and one that is off is not carried', async () => {
  const b = bench()
  await b.driver().spawn(spec(), 10)
  await b.driver().pause(A, 11)
  await b.there().prepareIncoming(spec(), 20, false)
  await b.source().migrateOut(A, 21, null, false)
  await b.source().progress(A, 60_000)
  await b.there().finishIncoming(A, 23, await b.source().handOver(A, 22))
  assert.equal(b.power(), ['shutdown', 'paused'])
  const off = bench()
  await off.driver().spawn(spec(), 10)
  await off.driver().stop(A, 11, 0)
  await rejects('DriverFault', off.source().check(A, 'auto'), /is shutdown/)
  await rejects('DriverFault', off.source().migrateOut(A, 12, null, false), /is shutdown/)
})

test('a guest that its watchdog has ended is not carried, and giving up the move does not begin it again', async () => {
  const b = await sending()
  const [running] = b.stores.source.guests()
  if (!running) throw new Error('there is a guest')
  await b.stores.source.put(A, lapsedFakeGuest(running))
  await rejects('DriverFault', b.source().handOver(A, 22), /not being sent anywhere: it is shutdown/)
  await b.source().cancelOutgoing(A, 30)
  assert.equal([b.power()[0], b.ticks(b.stores.source)], ['shutdown', -1])
})

test('what is on its disk goes with it', async () => {
  const b = await sending({ 'fake:disk': 'local' })
  await b.source().progress(A, 600_000)
  await b.there().finishIncoming(A, 24, await b.source().handOver(A, 23))
  const disk = b.guest(b.stores.source)?.disk
  assert.ok(disk?.length)
  assert.equal(b.guest(b.stores.there)?.disk, disk)
})

test('its disk is copied when the hosts do not share it; the wrong wish is refused', async () => {
  const b = await sending({ 'fake:disk': 'local' })
  const { diskTotalBytes, diskRemainingBytes, memoryProcessedBytes } = await b.source().progress(A, 1000)
  assert.equal([diskTotalBytes, diskRemainingBytes, memoryProcessedBytes], [1024 * MIB, 924 * MIB, 0])
  await rejects('DriverFault', b.source().check(A, false), /must be copied/)
  const shared = bench()
  await shared.driver().spawn(spec(), 10)
  await rejects('DriverFault', shared.source().check(A, true), /hosts share/)
  await rejects('DriverFault', b.source().prepareIncoming(spec(), 50, false), /running on this host already/)
})

test('what is left never grows beyond what there is, and is nothing when it is handed over', () => {
  const transfer: FakeOutgoing = {
    ...{ startedMs: 0, forcedMs: null, memoryBytes: 100, diskBytes: 0, bytesPerS: 10, dirtyBytesPerS: 40, power: 'running', handed: null },
  }
  for (const ms of [0, 1000, 100_000]) assert.is(progressOf(transfer, ms).memoryRemainingBytes, 100)
  assert.is(progressOf(transfer, 5000).convergesInMs, Number.POSITIVE_INFINITY)
  const forced = { ...transfer, forcedMs: 5000 }
  assert.is(progressOf(forced, 10_000).memoryRemainingBytes, 50)
  assert.is(progressOf({ ...forced, bytesPerS: 0 }, 1e9).memoryRemainingBytes, 100)
})

test('a local disk is fetched cold, looked at until it is there, and taken over; a shared one is not', async () => {
  const b = bench()
  const target = () => createFakeDriver(b.env, b.stores.there, { capacity: { vcpus: 8, ramMb: 8192, diskGb: 100 }, rates: b.rates })
  const local = spec({ 'fake:disk': 'local' })
  await b.driver().spawn(local, 1)
  await b.driver().checkMove?.(local, true)
  await rejects('DriverUnsupported', b.driver().checkMove?.(local, false) ?? Promise.resolve())
  await rejects('DriverFault', b.driver().offer?.(A, 2) ?? Promise.resolve(), /is running/)
  await b.driver().stop(A, 3, 0)
  const offer = (await b.driver().offer?.(A, 4)) ?? null
  const looks = [await target().fetch?.(local, 10, offer, 2_000), await target().fetch?.(local, 11, offer, 20_000)]
  // 1 GiB at 100 MiB a second.
  assert.equal(
    looks.map(look => [look?.done, look?.diskProcessedBytes]),
    [
      [false, 200 * MIB],
      [true, 1024 * MIB],
    ],
  )
  await target().receive?.(local, 12, true)
  assert.equal(b.guest(b.stores.there)?.disk, b.guest(b.stores.source)?.disk)
  const shared = bench()
  await shared.driver().spawn(spec(), 1)
  await shared.driver().stop(A, 2, 0)
  assert.is(await shared.driver().offer?.(A, 3), null)
})

test.run()
