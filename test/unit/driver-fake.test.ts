/** The fake driver: the contract on both stores, and what only it can do. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type BlobStore, folderBlobs, memoryBlobs } from '../../actors/hypervisor/drivers/blobs.ts'
import { createFakeDriver, type FakeDriver, type FakeOptions } from '../../actors/hypervisor/drivers/fake.ts'
import { folderStore, readHistory } from '../../actors/hypervisor/drivers/folder-store.ts'
import { FAKE_IMAGE } from '../../actors/hypervisor/drivers/images.ts'
import { type FakeGuest, FakeGuestSchema, parseWith } from '../../actors/hypervisor/drivers/records.ts'
import { type GuestStore, memoryStore } from '../../actors/hypervisor/drivers/store.ts'
import type { Env } from '../../actors/kernel/env.ts'
import { type DriverBench, driverContract, guestIn, realEnv, rejects, specOf } from '../support/driver-contract.ts'

const capacity = { vcpus: 8, ramMb: 8192, diskGb: 100 }
const A = 'aaaaaaaa-0000-4000-8000-000000000001'

function storeIn(folder: string, unreadable: string[] = []): GuestStore<FakeGuest> {
  return folderStore({ folder, parse: parseWith(FakeGuestSchema), onUnreadable: file => unreadable.push(file) })
}

async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'baton-fake-'))
  try {
    await use(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

function bench(store: () => GuestStore<FakeGuest>, blobs: () => BlobStore, more: Pick<DriverBench, 'history' | 'dispose'>): DriverBench {
  let newest: FakeDriver | null = null
  return {
    image: FAKE_IMAGE.id,
    async open() {
      newest = createFakeDriver(realEnv, store(), { capacity, blobs: blobs() })
      return newest
    },
    crash: async (_driver, instance) => newest?.crash(instance),
    ...more,
  }
}

const inMemory = driverContract('fake (memory)', async () => {
  const store = memoryStore<FakeGuest>()
  const blobs = memoryBlobs()
  return bench(
    () => store,
    () => blobs,
    { history: async () => store.history, dispose: async () => {} },
  )
})

const onDisk = driverContract('fake (folder)', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'baton-fake-'))
  return bench(
    () => storeIn(folder),
    () => folderBlobs(folder),
    { history: () => readHistory(folder), dispose: () => rm(folder, { recursive: true }) },
  )
})

/** A clock that stands until it is moved; chance that is given. */
function handEnv(random: () => number): { env: Env; advance: (ms: number) => void } {
  let now = 0
  let timers: { at: number; fn: () => void }[] = []
  const env: Env = {
    ...realEnv,
    monotonicMs: () => now,
    wallMs: () => now,
    random,
    setTimer(delayMs, fn) {
      const timer = { at: now + delayMs, fn }
      timers.push(timer)
      return { cancel: () => (timers = timers.filter(each => each !== timer)) }
    },
  }
  const advance = (ms: number) => {
    now += ms
    const due = timers.filter(timer => timer.at <= now)
    timers = timers.filter(timer => timer.at > now)
    for (const timer of due) timer.fn()
  }
  return { env, advance }
}

/** Lets every promise that can settle without a timer do so. */
const settle = () => new Promise(resolve => setImmediate(resolve))

test('takes its time from the clock it is given: options, and metadata before them', async () => {
  const { env, advance } = handEnv(() => 0.5)
  const driver = createFakeDriver(env, memoryStore(), { capacity, latencyMs: { spawn: [100, 200] } })
  let spawned = ''
  const first = driver.spawn(specOf(A, FAKE_IMAGE.id), 1).then(() => (spawned += 'a'))
  const second = driver.spawn(specOf('bb', FAKE_IMAGE.id, { metadata: { 'fake:spawn_ms': '400' } }), 1).then(() => (spawned += 'b'))
  await settle()
  advance(149)
  await settle()
  assert.is(spawned, '')
  advance(1)
  await settle()
  assert.is(spawned, 'a')
  advance(250)
  await Promise.all([first, second])
  assert.is(spawned, 'ab')
})

test('fails as told, does nothing then, and can be told again with the same order', async () => {
  let chance = 0.4
  const options: FakeOptions = { capacity, failure: { spawn: 0.5 } }
  const { env } = handEnv(() => chance)
  const store = memoryStore<FakeGuest>()
  const driver = createFakeDriver(env, store, options)
  await rejects('DriverFault', driver.spawn(specOf(A, FAKE_IMAGE.id), 1), /failed to spawn/)
  assert.equal(await driver.list(), [])
  assert.equal(store.history, [])
  chance = 0.6
  await driver.spawn(specOf(A, FAKE_IMAGE.id, { metadata: { 'fake:fail': 'stop,pause' } }), 1)
  await rejects('DriverFault', driver.stop(A, 2, 0))
  await rejects('DriverFault', driver.pause(A, 3))
  assert.equal(await guestIn(driver, A), { instance: A, power: 'running', order: 1 })
})

test('two runs with the same clock and chance leave the same trace', async () => {
  const trace = async () => {
    let seed = 7
    const { env } = handEnv(() => {
      seed = (seed * 16807) % 2147483647
      return seed / 2147483647
    })
    const store = memoryStore<FakeGuest>()
    const driver = createFakeDriver(env, store, { capacity, failure: { spawn: 0.3, stop: 0.3 } })
    const outcomes = await Promise.allSettled(
      Array.from({ length: 30 }, (_, i) => (i % 3 ? driver.stop(`${i - (i % 3)}`, i, 0) : driver.spawn(specOf(`${i}`, FAKE_IMAGE.id), i))),
    )
    const guests = await driver.list()
    const consoles = await Promise.all(guests.map(guest => driver.consoleLog(guest.instance, 9999)))
    assert.ok(guests.length > 0 && guests.length < 10, 'some spawns fail and some do not')
    return JSON.stringify([outcomes.map(outcome => outcome.status), store.history, guests, consoles])
  }
  assert.is(await trace(), await trace())
})

test('an agent killed between record and history leaves neither a gap nor a double', () =>
  inFolder(async folder => {
    await createFakeDriver(realEnv, storeIn(folder), { capacity }).spawn(specOf(A, FAKE_IMAGE.id), 1)
    // As if the agent had died in the middle of writing the line.
    const line = await readFile(join(folder, 'history.log'), 'utf8')
    await writeFile(join(folder, 'history.log'), line.slice(0, 20))
    const next = createFakeDriver(realEnv, storeIn(folder), { capacity })
    await next.spawn(specOf(A, FAKE_IMAGE.id), 1)
    await next.spawn(specOf('bb', FAKE_IMAGE.id), 1)
    assert.equal(
      (await readHistory(folder)).map(effect => `${effect.method} ${effect.instance}`),
      [`spawn ${A}`, 'spawn bb'],
    )
  }))

test('a record that is none is reported, left alone and not listed', () =>
  inFolder(async folder => {
    await createFakeDriver(realEnv, storeIn(folder), { capacity }).spawn(specOf(A, FAKE_IMAGE.id), 1)
    await writeFile(join(folder, 'guests', 'cc.json'), '{"spec":')
    await writeFile(join(folder, 'guests', 'dd.json'), '{"spec":{}}')
    const unreadable: string[] = []
    const guests = await createFakeDriver(realEnv, storeIn(folder, unreadable), { capacity }).list()
    assert.equal(guests, [{ instance: A, power: 'running', order: 1 }])
    assert.equal(unreadable.sort(), [join(folder, 'guests', 'cc.json'), join(folder, 'guests', 'dd.json')])
  }))

test('a folder that cannot be used is a fault of the data folder', () =>
  inFolder(async folder => {
    await writeFile(join(folder, 'file'), '')
    const driver = createFakeDriver(realEnv, storeIn(join(folder, 'file')), { capacity })
    await rejects('DataFolder', driver.list(), /cannot use/)
  }))

test('two thousand spawns at once on a folder each take effect once', () =>
  inFolder(async folder => {
    const driver = createFakeDriver(realEnv, storeIn(folder), { capacity })
    const count = 2_000
    await Promise.all(Array.from({ length: count }, (_, i) => driver.spawn(specOf(`${i}`, FAKE_IMAGE.id), 1)))
    assert.is((await readHistory(folder)).length, count)
  }))

for (const contract of [...inMemory, ...onDisk]) contract.run()
test.run()
