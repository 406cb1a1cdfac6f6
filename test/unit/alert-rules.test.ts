/** What fires on which facts, after how long, and when it is over. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ConductorFacts, Facts, HostFacts } from '../../actors/alerts/facts.ts'
import { alertKey, judge, MOST_OF_A_RULE } from '../../actors/alerts/judge.ts'
import { RULES } from '../../actors/alerts/rules.ts'
import type { OperationBody, StepRecord } from '../../actors/api.ts'
import { createRecent } from '../../supervisors/alerts/recent.ts'
import { createRate, createSmoothed } from '../../supervisors/observe/self-report.ts'
import { host as hostRow } from '../support/placement.ts'

const test = suite('alert rules')
const NOW = 1_700_000_000_000
const DAY = 86_400_000

const CONDUCTOR: ConductorFacts = {
  ...{ id: 'c1', shards: 256, leaseLeftMs: 5500, leaseMs: 6000, poisoned: [], silent: [], held: [] },
  load: { inbox: 2, oldestMs: 3, commitsWaiting: 1, commitMs: 4, cpu: 0.2, lagMs: 2, queueLimit: 20_000, clockOffMs: 0, diskFree: 0.6 },
}
const host = (id: string, more: Partial<HostFacts> = {}): HostFacts => ({ ...hostRow(id), load: { diskFree: 0.5, clockOffMs: 100 }, ...more })
const QUIET: Facts = {
  ...{ now: NOW, conductors: [CONDUCTOR], hosts: [host('h1')], operations: [], certificates: [], silentAgents: [] },
  recently: { deadLetters: new Map(), silences: new Map() },
}
const conductor = (more: Partial<ConductorFacts> & { readonly load?: Readonly<Record<string, number>> }): Partial<Facts> => ({
  conductors: [{ ...CONDUCTOR, ...more, load: { ...CONDUCTOR.load, ...more.load } }],
})

const step = (more: Partial<StepRecord>): StepRecord => ({
  ...{ name: 'spawn', direction: 'do', state: 'running', attempt: 3, startedAt: NOW - 400_000, endedAt: null, fault: null },
  ...more,
})
const operation = (more: Partial<OperationBody>): OperationBody => ({
  ...{
    id: 'i.1',
    kind: 'build',
    subject: 'i',
    requestId: 'r',
    status: 'running',
    plan: ['spawn'],
    endedAt: null,
    cancelRequested: false,
    fault: null,
  },
  ...{ steps: [step({})], startedAt: NOW - 401_000, deadlineAt: NOW + 199_000 },
  ...more,
})

/** Looks at the same facts every two seconds for as long, and says what fired after how many ms. */
function after(forMs: number, facts: Partial<Facts>, firing: readonly string[] = []) {
  const fires = new Set(firing)
  const changes: string[] = []
  let waiting: ReadonlyMap<string, number> = new Map()
  for (let ms = 0; ms <= forMs; ms += 2000) {
    const verdict = judge(RULES, { ...QUIET, ...facts, now: NOW + ms }, fires, waiting)
    waiting = verdict.waiting
    for (const { code, subject } of verdict.fire) {
      fires.add(alertKey(code, subject))
      changes.push(`${ms} +${code} ${subject}`)
    }
    for (const key of verdict.clear) {
      fires.delete(key)
      changes.push(`${ms} -${key}`)
    }
  }
  return changes
}

const messageOf = (facts: Partial<Facts>): string => judge(RULES, { ...QUIET, ...facts }, new Set(), new Map()).fire[0]?.message ?? ''

test('a quiet cluster has none', () => assert.equal(after(60_000, {}), []))

const SEEN: readonly (readonly [what: string, facts: Partial<Facts>, ...changes: readonly string[]])[] = [
  ['an operation that makes no step', { operations: [operation({})] }, '0 +stuck-operation operation/i.1'],
  [
    'long queues',
    conductor({ load: { oldestMs: 2500, inbox: 800, commitMs: 120 } }),
    '10000 +queue-grows conductor/c1',
    '10000 +database-slow database',
  ],
  ['a busy processor', conductor({ load: { cpu: 0.97 } }), '16000 +add-a-conductor cluster'],
  ['a host that is down', { hosts: [host('h1', { state: 'down' })] }, '0 +host-silent host/h1'],
  ['a host in maintenance may be off', { hosts: [host('h1', { state: 'down', mode: 'maintenance' })] }],
  ['a host that comes and goes', { recently: { ...QUIET.recently, silences: new Map([['h1', 3]]) } }, '0 +host-flaps host/h1'],
  ['a host that went twice', { recently: { ...QUIET.recently, silences: new Map([['h1', 2]]) } }],
  [
    'a lease of a silent host',
    conductor({ silent: [{ host: 'h1', heardAgoMs: 26_000, leftMs: 4000, instances: 3 }] }),
    '0 +lease-near-its-end host/h1',
  ],
  ['a lease of a conductor', conductor({ leaseLeftMs: 1500 }), '0 +lease-near-its-end conductor/c1'],
  ['most hosts at once', conductor({ held: ['h1', 'h2'] }), '0 +mass-silence conductor/c1'],
  ['commands for nobody', { recently: { ...QUIET.recently, deadLetters: new Map([['c1', 1]]) } }, '0 +dead-letters conductor/c1'],
  ['an actor set aside', conductor({ poisoned: ['instance/x'] }), '0 +actor-set-aside instance/x'],
  ['a silent agent', { silentAgents: [{ instance: 'i1', service: 'sqlite', host: 'h1' }] }, '0 +agent-silent instance/i1'],
  ['little room on a disk', { hosts: [host('h1', { load: { diskFree: 0.08 } })] }, '10000 +disk-nearly-full host/h1'],
  ['no room on a disk', conductor({ load: { diskFree: 0.02 } }), '0 +disk-full conductor/c1', '10000 +disk-nearly-full conductor/c1'],
  ['a clock behind', { hosts: [host('h1', { load: { clockOffMs: -2500 } })] }, '10000 +clock-drifts host/h1'],
  ['a certificate', { certificates: [{ node: 'g1', endsAt: NOW + 20 * DAY }] }, '0 +certificate-ends-soon gateway/g1'],
  [
    'a certificate that has ended',
    { certificates: [{ node: 'g1', endsAt: NOW - DAY }] },
    ...['0 +certificate-ends-soon gateway/g1', '0 +certificate-ends gateway/g1'],
  ],
]
for (const [what, facts, ...changes] of SEEN) test(what, () => assert.equal(after(20_000, facts), changes))

test('each rule is seen to fire', () => {
  const fired = new Set(SEEN.flatMap(([, , ...changes]) => changes.map(change => change.split(' ')[1]?.slice(1))))
  assert.equal([...fired].toSorted(), Object.keys(RULES).toSorted())
})

test('it is said with the numbers', () => {
  const silent = [{ host: 'h1', heardAgoMs: 26_000, leftMs: 4000, instances: 3 }]
  assert.is(messageOf(conductor({ silent })), '4 s are left of the lease of h1; then it stops 3 protected instances')
  assert.is(messageOf({ operations: [operation({})] }), 'build of i has been at step spawn (attempt 3) for 6 min; its deadline is in 3 min')
  assert.is(messageOf({ certificates: [{ node: 'g', endsAt: NOW + 2 * DAY + 1 }] }), 'its certificate ends in 2 days (limit 21 days)')
  assert.is(messageOf({ hosts: [host('h1', { state: 'down', claims: 12 })] }), 'no heartbeat of h1, which has 12 instances')
})

test('an operation that says how far it is is stuck only after its deadline', () => {
  const moving = operation({ steps: [step({ progress: { memoryRemainingBytes: 5 } })] })
  assert.equal(after(0, { operations: [moving] }), [])
  assert.equal(after(0, { operations: [{ ...moving, deadlineAt: NOW - 61_000 }] }), ['0 +stuck-operation operation/i.1'])
})

test('a number that plays around its limit makes one alert: lower limits count as long as it fires', () => {
  const firing = ['queue-grows conductor/c1', 'clock-drifts host/h1', 'disk-nearly-full host/h1']
  const between = { ...conductor({ load: { oldestMs: 900 } }), hosts: [host('h1', { load: { clockOffMs: 1500, diskFree: 0.11 } })] }
  assert.equal(after(60_000, between), [], 'it would not begin to fire')
  assert.equal(after(60_000, between, firing), [], 'and what fires goes on')
  assert.equal(after(60_000, {}, firing), ['10000 -clock-drifts host/h1', '10000 -disk-nearly-full host/h1', '20000 -queue-grows conductor/c1'])
})

test('what comes back within its time was never over, and what goes within its time never was', () => {
  const facts = conductor({ load: { inbox: 15_000 } })
  const key = 'queue-grows conductor/c1'
  const first = judge(RULES, { ...QUIET, ...facts }, new Set(), new Map())
  assert.equal([...first.waiting.keys()], [`+${key}`])
  const gone = judge(RULES, { ...QUIET, now: NOW + 5000 }, new Set(), first.waiting)
  assert.is(gone.waiting.size, 0)
  const leaving = judge(RULES, { ...QUIET, now: NOW + 6000 }, new Set([key]), new Map())
  assert.equal([leaving.clear, [...leaving.waiting.keys()]], [[], [`-${key}`]])
  assert.is(judge(RULES, { ...QUIET, ...facts, now: NOW + 8000 }, new Set([key]), leaving.waiting).waiting.size, 0)
})

test('a thousand silent hosts are a few alerts, always the same ones', () => {
  const hosts = Array.from({ length: 1000 }, (_, i) => host(`h${i}`, { state: 'down' }))
  const all = judge(RULES, { ...QUIET, hosts }, new Set(), new Map()).fire
  assert.is(all.length, MOST_OF_A_RULE + 1)
  assert.match(all.at(-1)?.message ?? '', /^980 more, such as no heartbeat of/)
  const firing = new Set(all.map(({ code, subject }) => alertKey(code, subject)))
  const again = judge(RULES, { ...QUIET, hosts: hosts.toReversed() }, firing, new Map())
  assert.equal([again.fire, again.clear, again.waiting.size], [[], [], 0])
})

test('what no rule looks for any more is over, and a long message is cut', () => {
  assert.equal(after(0, {}, ['of-an-old-release x']), ['0 -of-an-old-release x'])
  assert.is(messageOf(conductor({ held: Array.from({ length: 10 }, (_, i) => `${i}${'x'.repeat(254)}`) })).length, 900)
})

test('what is counted is forgotten after ten minutes', () => {
  const recent = createRecent()
  for (let ms = 0; ms < 1_200_000; ms += 60_000) recent.add('h1', 1, ms)
  recent.add('h2', 0, 1_200_000)
  assert.equal([...recent.counts(1_200_000)], [['h1', 10]])
  assert.is(recent.counts(3_000_000).size, 0)
})

test('a time that is smoothed: one slow commit is none, many are, and it fades', () => {
  const commitMs = createSmoothed()
  assert.is(commitMs(10, 40), 4)
  assert.is(commitMs(20, 380), 19, 'one of ten took 300 ms')
  assert.is(commitMs(30, 420), 11.5)
  for (let i = 1; i <= 10; i++) commitMs(30 + i * 10, 420 + i * 1500)
  const slow = commitMs(140, 420 + 16_500)
  assert.ok(slow > 145 && slow <= 150, String(slow))
  let fading = slow
  for (let i = 0; i < 10; i++) fading = commitMs(140, 420 + 16_500)
  assert.ok(fading < 1)
})

test('a rate is what has been added since the last look, in a second', () => {
  const perS = createRate()
  assert.equal([perS(1000, 5000), perS(1100, 7000), perS(1100, 8000), perS(1103, 8000)], [0, 50, 0, 0])
})

test('what was over its limit once fires when it stays above the lower one, and is over below that', () => {
  const busy = (cpu: number) => ({ ...QUIET, ...conductor({ load: { cpu } }) })
  const shares = [0.9, 0.7, 0.8, 0.65, 0.88, 0.7, 0.7, 0.7, 0.7]
  const fires = new Set<string>()
  let waiting: ReadonlyMap<string, number> = new Map()
  const look = (cpu: number, ms: number) => {
    const verdict = judge(RULES, { ...busy(cpu), now: NOW + ms }, fires, waiting)
    waiting = verdict.waiting
    for (const { code, subject } of verdict.fire) fires.add(alertKey(code, subject))
    for (const key of verdict.clear) fires.delete(key)
  }
  for (const [i, cpu] of shares.entries()) look(cpu, i * 2000)
  assert.equal([...fires], ['add-a-conductor cluster'])
  for (let ms = 18_000; ms <= 40_000; ms += 2000) look(0.5, ms)
  assert.is(fires.size, 0)
  for (let ms = 42_000; ms <= 90_000; ms += 2000) look(0.7, ms)
  assert.is(fires.size, 0, 'it never was over its limit')
})

/** One conductor under 3,000 heartbeats a second on a busy machine, as it was recorded: seconds, busy, CPU, lag in ms. */
const RECORDED: readonly (readonly [s: number, busy: number, cpu: number, lagMs: number])[] = [
  ...([
    [24.0, 0.4, 0.35, 11],
    [25.6, 0.88, 0.3, 238],
    [27.3, 0.77, 0.32, 180],
    [28.9, 0.67, 0.27, 227],
    [30.6, 0.66, 0.32, 139],
  ] as const),
  ...([
    [32.1, 0.76, 0.24, 326],
    [34.4, 0.72, 0.12, 450],
    [36.1, 0.72, 0.18, 419],
    [37.6, 0.7, 0.25, 331],
    [41.0, 0.74, 0.29, 136],
  ] as const),
]

test('a recorded overload: it fires 15 s after it began, though numbers fell below their limits in between', () => {
  let waiting: ReadonlyMap<string, number> = new Map()
  const fired = RECORDED.flatMap(([s, busy, cpu, lagMs]) => {
    const verdict = judge(RULES, { ...QUIET, ...conductor({ load: { busy, cpu, lagMs } }), now: NOW + s * 1000 }, new Set(), waiting)
    waiting = verdict.waiting
    return verdict.fire.map(({ code, message }) => [s, code, message] as const)
  })
  assert.equal(
    fired.map(([s, code]) => [s, code]),
    [[41, 'add-a-conductor']],
  )
  assert.match(
    fired[0]?.[2] ?? '',
    /c1 is busy 74 % .*With one more, each of 2 would own about 128 shards instead of up to 256, and be busy about 37 %/,
  )
})

test.run()
