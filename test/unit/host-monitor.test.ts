/** What a conductor makes of heartbeats and of their absence. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { HostBody, InstanceBody } from '../../actors/api.ts'
import type { HeldClaim } from '../../actors/host/host.ts'
import { RECONCILE_DEFAULTS, type ReconcilePolicy } from '../../actors/host/policies.ts'
import { SETTLE_MS } from '../../actors/host/reconcile.ts'
import type { GuestReport } from '../../actors/hypervisor/hypervisor.ts'
import { shardOf } from '../../actors/kernel/address.ts'
import type { ViewRow } from '../../actors/kernel/define.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import type { ViewQuery, Views } from '../../actors/kernel/ports.ts'
import { type Beat, checkBeat, createHostMonitor } from '../../supervisors/hosts/host-monitor.ts'
import type { TreatmentOptions } from '../../supervisors/hosts/treatments.ts'
import { instanceIn } from '../support/instance.ts'
import { type Bench, simulated } from '../support/simulated.ts'

const TIMING = { intervalMs: 1000, suspectMs: 3000, downMs: 10_000, auditMs: 12_000 }
const INFO = { driver: 'fake', pid: 1, version: '0', vcpus: 4, ramMb: 1000, diskGb: 10 }
const COMPUTE = { role: 'compute', node: 'h1' } as const
const GUEST: GuestReport = { instance: 'i1', power: 'running', order: 5 }

const hostRow = (id: string, state: HostBody['state']): ViewRow => ({ table: 'host', id, columns: {}, body: { id, state } })

const claimOf = ({ id, flavor: { vcpus, ramMb, diskGb } }: InstanceBody): HeldClaim => ({ instance: id, vcpus, ramMb, diskGb, since: 0 })

function matches(instance: InstanceBody, where: ViewQuery['where']): boolean {
  const ids = where?.id
  return Array.isArray(ids) ? ids.includes(instance.id) : instance.host === where?.host
}

interface Given {
  readonly hosts?: readonly ViewRow[]
  readonly instances?: readonly InstanceBody[]
  readonly policy?: Partial<ReconcilePolicy>
}

function start(bench: Bench, rows: Given = {}) {
  const calls: string[] = []
  const control: { answer: (call: string) => Promise<unknown>; instances: readonly InstanceBody[]; claims: Record<string, HeldClaim> } = {
    answer: async () => null,
    claims: Object.fromEntries((rows.instances ?? []).flatMap(i => (i.host === 'h1' && i.claim ? [[i.claim, claimOf(i)]] : []))),
    instances: rows.instances ?? [],
  }
  const rowOf = (body: InstanceBody): ViewRow => ({ table: 'instance', id: body.id, columns: {}, body })
  const views: Views = {
    async get(_, id) {
      const body = control.instances.find(i => i.id === id)
      return body ? rowOf(body) : null
    },
    list: async (table, { where }) => (table === 'host' ? [...(rows.hosts ?? [])] : control.instances.filter(i => matches(i, where)).map(rowOf)),
    count: async () => 0,
    countBy: async () => new Map(),
  }
  const call: TreatmentOptions['call'] = (kind, id, method, args) => {
    const text = `${method} ${kind}/${id}${method === 'register' ? '' : ` ${JSON.stringify(args)}`}`
    // Looking is no act.
    if (method !== 'claims') calls.push(text)
    if (method === 'lose') return Promise.resolve({ lost: true })
    return method === 'claims' ? Promise.resolve(control.claims) : control.answer(text)
  }
  const tellOwner = () => Promise.reject(new Error('no audit asks for this'))
  const treatments: TreatmentOptions = { views, call, policy: { ...RECONCILE_DEFAULTS, ...rows.policy }, log: bench.env.log, tellOwner }
  const monitor = createHostMonitor({
    env: bench.env,
    now: bench.now,
    views,
    timing: TIMING,
    call,
    treatments,
    ha: { leaseMs: 30_000, massFraction: 0.5 },
    confirmedMs: () => bench.env.monotonicMs(),
    hosts: () => [],
  })
  let seq = 0
  const beat = (more: Partial<Beat> = {}, host = 'h1') =>
    monitor.beat(host, { seq: seq++, bootId: 'b1', info: INFO, load: { cpu: 0.5 }, guests: [], ...more }, { ...COMPUTE, node: host })
  /** Beats once a second for so long. */
  const live = async (ms: number, more: Partial<Beat> = {}): Promise<void> => {
    for (let at = 0; at < ms; at += 1000) {
      await bench.value(beat(more))
      await bench.run(1000)
    }
  }
  const said = (method: string): string[] => calls.filter(c => c.startsWith(`${method} `))
  return { monitor, calls, control, beat, live, said }
}

test('the first beat registers the host, the next ones only when something changed', () =>
  simulated(async bench => {
    const { live, calls, monitor } = start(bench)
    await live(5000)
    assert.equal(calls, ['register host/h1'])
    assert.is(monitor.uptimeS('h1'), null)
    await live(2000, { info: { ...INFO, pid: 2 }, uptimeS: 7 })
    assert.equal([monitor.uptimeS('h1'), monitor.uptimeS('h2')], [7, null])
    assert.equal(calls, ['register host/h1', 'register host/h1'])
    assert.equal(monitor.load('h1'), { cpu: 0.5 })
    assert.is(monitor.load('h2'), undefined)
    monitor.stop()
  }))

test('a host that was never heard here is watched as soon as its actor lives here', () =>
  simulated(async bench => {
    const { monitor, said } = start(bench)
    monitor.recorded('h1', 'up')
    monitor.recorded('h2', 'gone')
    await bench.run(TIMING.downMs + 1000)
    assert.equal(said('observe'), ['observe host/h1 {"state":"suspect"}', 'observe host/h1 {"state":"down"}'])
    monitor.stop()
  }))

test('a beat is acknowledged only when the host is known to be registered, and told the interval', () =>
  simulated(async bench => {
    const { beat, control, said, monitor } = start(bench)
    control.answer = () => Promise.reject(new BatonError('Unavailable', 'moving'))
    assert.is(await bench.code(beat()), 'Unavailable')
    control.answer = async () => null
    assert.equal(await bench.value(beat()), { intervalMs: 1000, lease: { leaseMs: 30_000 } })
    assert.is(said('register').length, 2)
    monitor.stop()
  }))

test('a new life is acknowledged only when it is written down, though nothing else is new and copies of its first beat come', () =>
  simulated(async bench => {
    const { beat, live, control, said, monitor } = start(bench)
    await live(2000)
    control.answer = () => Promise.reject(new BatonError('Unavailable', 'the database is away'))
    assert.is(await bench.code(beat({ bootId: 'b2', seq: 0 })), 'Unavailable')
    assert.is(await bench.code(beat({ bootId: 'b2', seq: 0 })), 'Unavailable', 'a copy')
    assert.is(await bench.code(beat({ bootId: 'b2', seq: 1 })), 'Unavailable', 'the next')
    control.answer = async () => null
    assert.is((await bench.value(beat({ bootId: 'b2', seq: 2 }))).intervalMs, 1000)
    await bench.value(beat({ bootId: 'b2', seq: 3 }))
    assert.is(said('register').length, 5)
    monitor.stop()
  }))

test('a report is as old as the time that its heartbeat has waited', () =>
  simulated(async bench => {
    const { monitor } = start(bench)
    const said = { bootId: 'b', info: INFO, load: {}, guests: [], withinMs: 3000 }
    const ageOf = async (seq: number, leftMs: number): Promise<number | undefined> => {
      await bench.value(monitor.beat('h1', { ...said, seq }, COMPUTE, bench.env.monotonicMs() + leftMs))
      return monitor.reported('h1')?.ageMs
    }
    assert.equal([await ageOf(1, 3000), await ageOf(2, 500), await ageOf(3, 9000)], [0, 2500, 0])
    monitor.stop()
  }))

test('a compute host may not report for another', () =>
  simulated(async bench => {
    const { monitor, calls } = start(bench)
    const forged = monitor.beat('h2', { seq: 1, bootId: 'b', info: INFO, load: {}, guests: [] }, COMPUTE)
    assert.is(await bench.code(forged), 'Forbidden')
    assert.equal(calls, [])
    monitor.stop()
  }))

test('silence makes a host suspect, then down, each said once; a beat makes it up again', () =>
  simulated(async bench => {
    const { live, said, monitor } = start(bench)
    await live(3000)
    await bench.run(TIMING.suspectMs)
    assert.equal(said('observe'), ['observe host/h1 {"state":"suspect"}'])
    await bench.run(60_000)
    assert.equal(said('observe'), ['observe host/h1 {"state":"suspect"}', 'observe host/h1 {"state":"down"}'])
    await live(1000)
    assert.is(said('register').length, 2)
    monitor.stop()
  }))

test('a verdict that was not taken is said again', () =>
  simulated(async bench => {
    const { live, said, control, monitor } = start(bench)
    await live(1000)
    control.answer = () => Promise.reject(new BatonError('Unavailable', 'moving'))
    await bench.run(5000)
    control.answer = async () => null
    await bench.run(2000)
    const count = said('observe').length
    assert.ok(count >= 2)
    await bench.run(1000)
    assert.is(said('observe').length, count)
    monitor.stop()
  }))

test('a host that is back is registered behind the verdict that was under way, so that it does not stick', () =>
  simulated(async bench => {
    const { beat, live, said, control, monitor } = start(bench)
    await live(1000)
    let taken = (_: unknown): void => {}
    control.answer = call => (call.startsWith('observe') ? new Promise(resolve => (taken = resolve)) : Promise.resolve(null))
    await bench.run(TIMING.suspectMs)
    assert.is(said('observe').length, 1)
    const back = beat()
    await bench.run(500)
    assert.is(said('register').length, 1, 'not yet: the verdict could be heard after it')
    taken(null)
    await bench.value(back)
    assert.is(said('register').length, 2, 'it is back')
    await live(3000)
    assert.is(said('register').length, 2)
    monitor.stop()
  }))

test('a host that beats again while it is registered is registered once; after a verdict meanwhile, anew', () =>
  simulated(async bench => {
    const { beat, said, control, monitor } = start(bench)
    const registered: ((_: unknown) => void)[] = []
    control.answer = call => (call.startsWith('register') ? new Promise(resolve => registered.push(resolve)) : Promise.resolve(null))
    const first = beat()
    const second = beat()
    await bench.run(10)
    assert.is(said('register').length, 1)
    registered[0]?.(null)
    await Promise.all([bench.value(first), bench.value(second)])
    const third = beat({ info: { ...INFO, pid: 2 } })
    await bench.run(TIMING.downMs + 1000)
    assert.is(said('observe').at(-1), 'observe host/h1 {"state":"down"}')
    const fourth = beat({ info: { ...INFO, pid: 2 } })
    await bench.run(10)
    assert.is(said('register').length, 3, 'the verdict may have come behind what was under way')
    registered[1]?.(null)
    registered[2]?.(null)
    await Promise.all([bench.value(third), bench.value(fourth)])
    await bench.value(beat({ info: { ...INFO, pid: 2 } }))
    assert.is(said('register').length, 3)
    monitor.stop()
  }))

test('a verdict of a former conductor that was written down late does not stand against a host that is heard', () =>
  simulated(async bench => {
    const { live, said, monitor } = start(bench)
    await live(3000)
    assert.is(said('register').length, 1)
    monitor.recorded('h1', 'suspect')
    await live(2000)
    assert.is(said('register').length, 2, 'it says that it is up')
    monitor.recorded('h1', 'up')
    monitor.recorded('h9', 'down')
    await live(2000)
    assert.is(said('register').length, 2)
    monitor.stop()
  }))

test('an old beat, or the same again, counts for nothing; another boot counts from the beginning', () =>
  simulated(async bench => {
    const { beat, said, monitor } = start(bench)
    await bench.value(beat({ seq: 100 }))
    await bench.run(2000)
    await bench.value(beat({ seq: 100 }))
    await bench.value(beat({ seq: 40, info: { ...INFO, pid: 9 } }))
    assert.is(said('register').length, 1)
    await bench.run(2000)
    assert.is(said('observe').length, 1, 'it has been silent for 4 s')
    await bench.value(beat({ seq: 0, bootId: 'b2' }))
    assert.is(said('register').length, 2)
    monitor.stop()
  }))

test('hosts of shards taken over get a full term; those of other shards, and those gone, are not watched', () =>
  simulated(async bench => {
    const other = ['h2', 'h3', 'h4'].find(h => shardOf(h) !== shardOf('h1')) ?? ''
    const { monitor, said } = start(bench, { hosts: [hostRow('h1', 'up'), hostRow(other, 'up'), hostRow('h9', 'gone')] })
    await bench.value(monitor.adopt([shardOf('h1'), shardOf('h9')]))
    await bench.run(TIMING.suspectMs - 10)
    assert.equal(said('observe'), [])
    await bench.run(600)
    assert.equal(said('observe'), ['observe host/h1 {"state":"suspect"}'])
    monitor.release([shardOf('h1')])
    await bench.run(60_000)
    assert.is(said('observe').length, 1, 'it is watched elsewhere now')
    monitor.stop()
  }))

test('a host that was down when its shard was taken over is not said to be suspect', () =>
  simulated(async bench => {
    const { monitor, said } = start(bench, { hosts: [hostRow('h1', 'down')] })
    await bench.value(monitor.adopt([shardOf('h1')]))
    await bench.run(60_000)
    assert.equal(said('observe'), [])
    monitor.stop()
  }))

function settledInstance(bench: Bench, more: Partial<InstanceBody> = {}): InstanceBody {
  const body = instanceIn('active').body()
  if (!body) throw new Error('an active instance has a body')
  return { ...body, updatedAt: bench.now() - SETTLE_MS, ...more }
}

test('what is as believed raises no question, audit after audit', () =>
  simulated(async bench => {
    const { live, calls, monitor } = start(bench, { instances: [settledInstance(bench)] })
    await live(60_000, { guests: [GUEST] })
    assert.equal(calls, ['register host/h1'])
    monitor.stop()
  }))

test('a missing guest is asked about, in every audit again', () =>
  simulated(async bench => {
    const { live, said, monitor } = start(bench, { instances: [settledInstance(bench)] })
    await live(45_000)
    assert.match(said('guestMissing')[0] ?? '', /^guestMissing instance\/i1 {"host":"h1","vanished":"error","asOf":\d+}$/)
    assert.ok(said('guestMissing').length >= 3)
    monitor.stop()
  }))

test('a guest whose owner does not want it is destroyed here, with the rank the owner gives', () =>
  simulated(async bench => {
    const { live, control, said, monitor } = start(bench, { instances: [settledInstance(bench, { host: 'h2' })] })
    control.answer = async call => (call.startsWith('guestSeen') ? { known: true, keep: false, order: 9_000_000 } : null)
    await live(15_000, { guests: [GUEST] })
    assert.is(said('guestSeen')[0], 'guestSeen instance/i1 {"host":"h1","power":"running","order":5,"unknown":"keep"}')
    // It lives elsewhere: a disk that both hosts reach is left to it.
    assert.is(said('destroy')[0], 'destroy compute/h1 {"instance":"i1","order":9000000,"keepDisk":true}')
    monitor.stop()
  }))

test('a guest that its owner keeps, or that has no owner at all, is left alone', () =>
  simulated(async bench => {
    for (const answer of [
      { known: true, keep: true, order: 1 },
      { known: false, keep: true },
    ]) {
      const { live, control, said, monitor } = start(bench)
      control.answer = async call => (call.startsWith('guestSeen') ? answer : null)
      await live(15_000, { guests: [GUEST] })
      assert.ok(said('guestSeen').length > 0)
      assert.equal(said('destroy'), [])
      monitor.stop()
    }
  }))

test('a change in what runs brings the next look forward', () =>
  simulated(async bench => {
    const { live, said, monitor } = start(bench, { instances: [settledInstance(bench)] })
    await live(30_000, { guests: [GUEST] })
    assert.equal(said('guestSeen'), [])
    await live(4000, { guests: [{ ...GUEST, power: 'crashed' }] })
    assert.is(said('guestSeen').length, 1, 'within a third of the time between two audits')
    monitor.stop()
  }))

test('an audit that meets a fault is finished another time, and a silent host is not audited', () =>
  simulated(async bench => {
    const { live, control, said, monitor } = start(bench, { instances: [settledInstance(bench)] })
    control.answer = call => (call.startsWith('guestMissing') ? Promise.reject(new BatonError('Unavailable', 'moving')) : Promise.resolve(null))
    await live(15_000)
    const tries = said('guestMissing').length
    assert.ok(tries >= 1)
    await live(15_000)
    assert.ok(said('guestMissing').length > tries)
    const before = said('guestMissing').length
    await bench.run(60_000)
    assert.ok(said('guestMissing').length <= before + 1, 'what it last said is too old to act upon')
    monitor.stop()
  }))

test('a beat is checked at the door', () => {
  const beat = { seq: 1, bootId: 'b', info: INFO, load: {}, guests: [GUEST] }
  assert.is(checkBeat(beat), null)
  for (const [field, wrong] of [
    ['seq', -1],
    ['bootId', ''],
    ['info', { ...INFO, ramMb: 'much' }],
    ['load', 7],
    ['guests', [{ ...GUEST, power: 'dreaming' }]],
    ['guests', [{ ...GUEST, order: 0.5 }]],
    ['guests', Array.from({ length: 10_001 }, () => GUEST)],
  ] as const) {
    assert.match(checkBeat({ ...beat, [field]: wrong }) ?? '', new RegExp(`^${field} `))
  }
})

test('a conductor that was frozen takes no old report for the truth: what came to the host meanwhile has not vanished', () =>
  simulated(async bench => {
    const here = settledInstance(bench)
    const { monitor, live, control, said } = start(bench)
    await live(3000)
    bench.process.freeze()
    await bench.run(TIMING.auditMs * 2)
    control.instances = [here]
    bench.process.thaw()
    await bench.run(TIMING.intervalMs)
    assert.equal(said('guestMissing'), [])
    await live(TIMING.auditMs + 2000)
    assert.ok(said('guestMissing').length > 0, 'the next report is news')
    monitor.stop()
  }))

test.run()
