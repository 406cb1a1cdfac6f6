/** The agents of a host's guests, with the agent library at the other end: reports, backups through the channel, and guests that misbehave. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { GuestListener } from '../../actors/guest/contract.ts'
import { createGuests, type Guests } from '../../actors/guest/guests.ts'
import type { AgentReport } from '../../actors/guest/report.ts'
import { createTransfers, type Transfers } from '../../actors/guest/transfers.ts'
import { createFakeDriver, type FakeDriver } from '../../actors/hypervisor/drivers/fake.ts'
import { FAKE_IMAGE } from '../../actors/hypervisor/drivers/images.ts'
import type { FakeGuest } from '../../actors/hypervisor/drivers/records.ts'
import { memoryStore } from '../../actors/hypervisor/drivers/store.ts'
import type { ImageSource, LocalImage } from '../../actors/hypervisor/images.ts'
import { BatonError, toFault } from '../../actors/kernel/errors.ts'
import { type Bench, simulated } from '../support/simulated.ts'

const A = 'aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa'
const B = 'bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb'

interface World extends Bench {
  readonly driver: FakeDriver
  readonly guests: Guests
  readonly transfers: Transfers
  readonly reports: { instance: string; report: AgentReport }[]
  /** What is in the store, by image. */
  readonly stored: Map<string, Uint8Array>
  spawn(instance: string, metadata?: Record<string, string>): Promise<void>
  /** Looks at the guests, as with every heartbeat of the host, for so long. */
  beats(seconds: number): Promise<void>
}

function world(fn: (w: World) => Promise<void>): Promise<void> {
  return simulated(async bench => {
    const { env } = bench
    const driver = createFakeDriver(env, memoryStore<FakeGuest>(), { capacity: { vcpus: 9, ramMb: 999, diskGb: 9 } })
    const reports: World['reports'] = []
    const stored = new Map<string, Uint8Array>()
    const images: ImageSource = { use: async (image, _, task) => task(local(stored.get(image) ?? new Uint8Array())) }
    const guests = createGuests({
      ...{ env, life: 1, settings: { heartbeatMs: 1000, silentMs: 5000 } },
      channels: driver.agents ?? { open: () => Promise.reject(new Error('none')) },
      report: async (instance, report) => void reports.push({ instance, report }),
    })
    const tend = async (): Promise<void> => guests.tend(await driver.list())
    const w: World = {
      ...{ ...bench, driver, guests, reports, stored },
      transfers: createTransfers(env, guests, images),
      async spawn(instance, metadata = {}) {
        await bench.value(
          driver.spawn({ instance, name: 'n', vcpus: 1, ramMb: 1, diskGb: 1, image: FAKE_IMAGE.id, metadata, agent: true }, 1_000_003),
        )
        await tend()
      },
      async beats(seconds) {
        for (let i = 0; i < seconds; i++) {
          await tend()
          await bench.run(1000)
        }
      },
    }
    await fn(w)
    guests.stop()
  })
}

const local = (bytes: Uint8Array): LocalImage => ({
  ...{ sizeBytes: bytes.length, path: null, format: null },
  head: async max => bytes.subarray(0, max),
  read: async (offset, length) => bytes.subarray(offset, offset + length),
})

async function fetched(w: World, instance: string, backup: string, kind: 'full' | 'incremental', parent: string | null): Promise<void> {
  const request = { instance, backup, kind, parent }
  const look = await w.value(w.transfers.backup(request, 2500))
  assert.is(look.done, true)
  const made = await w.value(w.transfers.open(request))
  assert.is(made.hash, look.checksum)
  const pieces: Uint8Array[] = []
  await w.value(
    (async () => {
      for await (const piece of made.read(0)) pieces.push(piece)
    })(),
  )
  w.stored.set(backup, Buffer.concat(pieces))
  await w.value(w.transfers.forget(instance, backup))
}

test('ready when its service is, and told upward: what changes, and nothing else', () =>
  world(async w => {
    await w.spawn(A, { 'fake:agent_boot_ms': '3000' })
    const ready = w.guests.ready(A, 60_000)
    await w.beats(1)
    assert.is((await w.outcome(ready, 10)).is, 'waiting')
    await w.beats(4)
    assert.equal(await w.value(ready), { status: 'ACTIVE' })
    await w.beats(30)
    const said = w.reports.map(({ report }) => `${report.heard} ${report.status}`)
    assert.equal([said.at(0), said.at(-1), said.length <= 4], ['true BUILDING', 'true ACTIVE', true], said.join('; '))
    assert.ok(w.guests.look(A).counters.heartbeats > 25)
  }))

test('off, on again, and gone', () =>
  world(async w => {
    await w.spawn(A)
    await w.beats(3)
    await w.value(w.driver.stop(A, 2_000_001, 0))
    await w.beats(2)
    const off = w.reports.at(-1)?.report
    assert.equal([off?.on, off?.heard, off?.order.rank], [false, false, 2_000_001])
    await w.value(w.driver.start(A, 3_000_001))
    await w.beats(3)
    const on = w.reports.at(-1)?.report
    assert.equal([on?.on, on?.heard, on?.status], [true, true, 'ACTIVE'])
    await w.value(w.driver.pause(A, 3_000_002))
    await w.beats(8)
    await w.value(w.driver.unpause(A, 3_000_003))
    await w.beats(3)
    assert.ok(
      w.reports.every(({ report }) => report.heard || !report.on),
      'a guest that begins to run, or goes on, has time to be heard',
    )
    await w.value(w.driver.destroy(A, 4_000_001))
    await w.beats(1)
    assert.is(w.guests.stats().agents, 0)
  }))

test('a backup, an incremental one on it, and a restore of both into another guest', () =>
  world(async w => {
    await w.spawn(A)
    await w.spawn(B)
    await w.beats(2)
    const write = (line: string) => w.value(w.guests.session(A).command('write', { line }, 1000))
    const long = 'x'.repeat(25_000)
    await write('one')
    await write(long)
    await write(long)
    await fetched(w, A, 'f1', 'full', null)
    await write('two')
    await fetched(w, A, 'i1', 'incremental', 'f1')
    assert.ok((w.stored.get('f1')?.length ?? 0) > 40_000 && (w.stored.get('i1')?.length ?? 0) < 100)
    const restore = { instance: B, restore: 'r1', images: ['f1', 'i1'] }
    assert.is((await w.value(w.transfers.restore(restore, 10_000))).done, true)
    const there = await w.value(w.guests.session(B).command('read', {}, 1000))
    assert.equal((there as { lines: string[] }).lines, ['one', long, long, 'two'])
    assert.is((await w.value(w.transfers.restore(restore, 10_000))).done, true, 'told twice it is done once')
    const lost = await w.outcome(w.transfers.backup({ instance: A, backup: 'i9', kind: 'incremental', parent: 'never' }, 2500))
    assert.match(lost.is === 'refused' ? lost.fault.message : lost.is, /could not make backup i9: nothing is known of never/)
  }))

test('a report that may have been taken, its answer lost, is corrected even when all is as it was before', () =>
  simulated(async ({ env, run }) => {
    const said: string[] = []
    let listener: GuestListener | undefined
    let answers = true
    const guests = createGuests({
      ...{ env, life: 1, settings: { heartbeatMs: 1000, silentMs: 5000 } },
      channels: {
        async open(_, opened) {
          listener = opened
          return { async write() {}, pause() {}, resume() {}, close() {} }
        },
      },
      async report(_, { heard, order }) {
        said.push(`${order.number} ${heard}`)
        if (!answers) throw new BatonError('DeadlineExceeded', 'no answer')
      },
    })
    let seq = 0
    const say = (line: object): void => listener?.bytes(Buffer.from(`${JSON.stringify(line)}\n`))
    const beat = async (): Promise<void> => {
      say({ type: 'heartbeat', seq: ++seq, status: 'ACTIVE', message: null })
      guests.tend([{ instance: A, power: 'running', order: 1, agent: true }])
      await run(1000)
    }
    guests.tend([{ instance: A, power: 'running', order: 1, agent: true }])
    await run(10)
    say({ type: 'hello', version: 1, agent: 'a/1', boot: 'b', service: 's', methods: [] })
    await beat()
    answers = false
    await run(6000)
    answers = true
    await beat()
    await beat()
    guests.stop()
    assert.equal(said, ['1 true', '2 false', '3 true'])
  }))

for (const [how, expected] of [
  ['silent', /no heartbeat of the agent of guest a+-.* within 10 s; nothing was heard of it/],
  ['fails', /says FAILED: it was told to/],
  ['liar', /no heartbeat/],
] as const) {
  test(`an agent that is ${how} never makes a build ready, and it is said why`, () =>
    world(async w => {
      await w.spawn(A, { 'fake:agent': how })
      const ready = w.guests.ready(A, 10_000).catch(error => toFault(error).message)
      await w.beats(12)
      assert.match(String(await w.value(ready)), expected)
    }))
}

test('one that dies is silent after the set time; others are not touched by one that floods, lies or says garbage', () =>
  world(async w => {
    const behaviours = ['dies', 'flood', 'garbage', 'liar', 'replays', 'works']
    const ids = behaviours.map((_, i) => `${i}${A.slice(1)}`)
    for (const [i, how] of behaviours.entries()) await w.spawn(ids[i] ?? '', { 'fake:agent': how })
    await w.beats(40)
    const [dies, flood, garbage, liar, replays, works] = ids.map(id => w.guests.session(id))
    assert.equal([dies?.belief().heard, dies?.belief().status], [false, 'ACTIVE'])
    assert.ok((flood?.counters().flooded ?? 0) > 1000)
    assert.ok(w.reports.filter(r => r.instance === ids[1]).length <= 15, 'however often it changes its mind')
    assert.ok((garbage?.counters().malformed ?? 0) > 100)
    assert.equal([liar?.belief().hello, (liar?.counters().foreign ?? 0) > 0], [null, true])
    assert.equal([replays?.belief().status, (replays?.counters().stale ?? 0) > 10], ['ACTIVE', true])
    assert.equal([works?.belief().status, works?.belief().heard], ['ACTIVE', true])
    assert.equal({ ...works?.counters(), heartbeats: 0 }, { heartbeats: 0, malformed: 0, stale: 0, foreign: 0, flooded: 0, unasked: 0 })
    assert.ok(w.reports.every(({ instance }) => ids.includes(instance)))
  }))

test.run()
