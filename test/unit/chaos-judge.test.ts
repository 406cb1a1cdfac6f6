import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { DriverMethod } from '../../actors/hypervisor/drivers/rules.ts'
import { HIGHLY_AVAILABLE, type Note } from '../../bin/chaos/clients.ts'
import { type Evidence, judge, RULE_NAMES } from '../../bin/chaos/judge.ts'
import { reportOf, tally } from '../../bin/chaos/report.ts'
import { chanceOf } from '../../bin/chaos/run.ts'
import { evacuationTimes, percentile, takeOverTimes } from '../../bin/chaos/times.ts'

const note = (what: Note['what'], instance: string, outcome: Note['outcome'] = 'acknowledged', detail = ''): Note => ({
  askedAt: 0,
  at: 1500,
  client: 1,
  what,
  instance,
  outcome,
  detail,
})
const effect = (at: number, instance: string, method: DriverMethod, order: number) => ({ at, instance, method, order })

const guest = (id: string, power = 'running') => ({ id, power })

const GOOD: Evidence = {
  notes: [note('create', 'a'), note('create', 'b'), note('delete', 'b')],
  instances: [{ id: 'a', status: 'ACTIVE', host: 'h1' }],
  openOperations: [],
  hosts: [
    { id: 'h1', claims: 1 },
    { id: 'h2', claims: 0 },
  ],
  guests: new Map([
    ['h1', [guest('a')]],
    ['h2', []],
  ]),
  effects: new Map([
    ['h1', [effect(10, 'a', 'spawn', 1), effect(30, 'a', 'stop', 2), effect(60, 'a', 'start', 5)]],
    ['h2', [effect(40, 'a', 'receive', 3), effect(50, 'a', 'destroy', 4)]],
  ]),
  lapses: [],
}

const HA = note('seen', 'a', 'there', HIGHLY_AVAILABLE)

const BAD: Readonly<Record<string, Partial<Evidence>>> = {
  'an acknowledged create is there': { notes: [...GOOD.notes, note('create', 'c')] },
  'an acknowledged delete is done': { notes: [...GOOD.notes, note('delete', 'a')] },
  'an acknowledged request becomes an operation': { notes: [...GOOD.notes, note('stop', 'a', 'lost', 'req-1')] },
  'every operation ends': { openOperations: [{ id: 'a.1', kind: 'build' }] },
  'no instance is left between states': { instances: [{ id: 'a', status: 'BUILD', host: 'h1' }] },
  'nothing is done twice': {
    effects: new Map([...GOOD.effects, ['h3', [effect(1, 'z', 'spawn', 1), effect(1, 'z', 'destroy', 2), effect(2, 'z', 'destroy', 2)]]]),
  },
  'an instance runs in one place': { effects: new Map([...GOOD.effects, ['h3', [effect(20, 'a', 'start', 9)]]]) },
  'a guest is where its instance is': {
    guests: new Map([
      ['h1', []],
      ['h2', [guest('a')]],
    ]),
  },
  'what is active runs': { guests: new Map([['h1', [guest('a', 'shutdown')]]]) },
  'what is highly available stays active': { notes: [...GOOD.notes, HA], instances: [{ id: 'a', status: 'ERROR', host: 'h1' }] },
  'what a client saw end has ended': { notes: [...GOOD.notes, note('seen', 'a', 'ended', 'a.1'), note('seen', 'a', 'open', 'a.1')] },
  'allocations equal instances': { hosts: [{ id: 'h1', claims: 2 }] },
}

const rulesBroken = (evidence: Evidence): string[] => judge(evidence).map(v => v.rule)

test('one story has no violation', () => assert.equal(judge(GOOD), []))

test('there is a case for each rule', () => assert.equal(Object.keys(BAD).toSorted(), RULE_NAMES.toSorted()))

for (const [rule, more] of Object.entries(BAD)) {
  test(`a violation of: ${rule}`, () => assert.ok(judge({ ...GOOD, ...more }).some(v => v.rule === rule)))
}

test('a refused delete leaves the instance, an unanswered one may go either way', () => {
  assert.equal(judge({ ...GOOD, notes: [...GOOD.notes, note('delete', 'a', 'refused', 'Conflict')] }), [])
  assert.equal(judge({ ...GOOD, notes: [...GOOD.notes, note('delete', 'a', 'unknown'), note('create', 'd'), note('delete', 'd', 'unknown')] }), [])
})

test('a guest that its watchdog stopped may run elsewhere from then on', () => {
  const effects = new Map([...GOOD.effects, ['h3', [effect(80, 'a', 'receive', 6)]]])
  const guests = new Map([['h3', [guest('a')]]])
  const moved = { ...GOOD, effects, guests, instances: [{ id: 'a', status: 'ACTIVE', host: 'h3' }], notes: [...GOOD.notes, HA] }
  const inTime = { ...moved, lapses: [{ host: 'h1', instance: 'a', at: 70 }] }
  assert.equal(judge(inTime), [])
  assert.equal(rulesBroken({ ...moved, lapses: [{ host: 'h1', instance: 'a', at: 90 }] }), ['an instance runs in one place'])
})

test('reads of one client never go back: operations do not open again, instances do not return', () => {
  const seen = (...sights: Note[]) => rulesBroken({ ...GOOD, notes: [...GOOD.notes, ...sights] })
  const back = ['what a client saw end has ended']
  assert.equal(seen(note('seen', 'b', 'open', 'b.1'), note('seen', 'b', 'ended', 'b.1'), note('seen', 'b', 'there'), note('seen', 'b', 'gone')), [])
  assert.equal(seen(note('seen', 'b', 'gone'), note('seen', 'b', 'there')), back)
  assert.equal(seen(note('seen', 'b', 'ended', 'b.1'), note('seen', 'b', 'gone', 'b.1')), back)
  assert.equal(seen(note('seen', 'b', 'gone'), { ...note('seen', 'b', 'there'), client: 2 }), [])
})

test('a highly available instance that somebody wanted deleted may be in any state', () => {
  const notes = [...GOOD.notes, HA, note('delete', 'a', 'unknown')]
  assert.equal(judge({ ...GOOD, notes, instances: [{ id: 'a', status: 'ERROR', host: 'h1' }] }), [])
})

test('an instance that waits for its resize to be confirmed holds room and a guest on two hosts', () => {
  const waiting = {
    ...GOOD,
    instances: [{ id: 'a', status: 'VERIFY_RESIZE', host: 'h1' }],
    hosts: [
      { id: 'h1', claims: 1 },
      { id: 'h2', claims: 1 },
    ],
    guests: new Map([
      ['h1', [guest('a')]],
      ['h2', [guest('a')]],
    ]),
  }
  assert.equal(judge(waiting), [])
})

test('the report shows the verdict, and names as text', () => {
  const deed = { fault: 'kill-conductor', victim: '<conductor-1>', beganAt: 1000, healedAt: 2000 }
  const fault = { name: 'kill-conductor', about: 'a & b', network: false, lastsMs: [0, 0] as const, inject: async () => null }
  const takeOvers = [
    { at: 1000, ms: 500, amid: [] },
    { at: 1000, ms: 700, amid: ['loss'] },
  ]
  const run = {
    seed: 7,
    beganAt: 0,
    endedAt: 10_000,
    deeds: [deed],
    notes: GOOD.notes,
    violations: [],
    takeOvers,
    evacuations: [{ instance: 'a', at: 9000, from: 'h1', to: 'h2', outageMs: 4000, sinceFaultMs: null }],
    leftOut: [],
    kept: null,
  }
  const page = reportOf(run, [fault])
  assert.match(page, /No violation/)
  assert.match(page, /1, p50 4000 ms, p99 4000 ms without a running guest; since their host was cut off none/)
  assert.match(page, /2, p50 500 ms, p99 700 ms; while nothing else was wrong 1, p50 500 ms/)
  assert.match(page, /take-over, 700 ms, amid loss/)
  assert.match(page, /&#60;conductor-1&#62;/)
  assert.not.match(page, /<conductor-1>/)
  assert.match(reportOf({ ...run, violations: [{ rule: 'every operation ends', what: 'build x is open' }] }, [fault]), /1 violation</)
})

test('a take-over is measured from its kill to the first resumed step before the next kill', () => {
  const deed = (fault: string, beganAt: number, healedAt: number) => ({ fault, victim: 'x', beganAt, healedAt })
  const kills = [deed('kill-conductor', 10_000, 10_000), deed('kill-conductor', 30_000, 30_000), deed('kill-conductor', 50_000, 50_000)]
  const deeds = [...kills, deed('database-away', 25_000, 31_000)]
  assert.equal(takeOverTimes(deeds, [9000, 10_800, 11_000, 35_000, 70_000]), [
    { at: 10_000, ms: 800, amid: [] },
    { at: 30_000, ms: 5000, amid: ['database-away'] },
  ])
})

test('an evacuation is measured from the last lapse of its instance before it, and from the fault that lasted at that host', () => {
  const deed = (fault: string, victim: string, beganAt: number, healedAt: number) => ({ fault, victim, beganAt, healedAt })
  const deeds = [deed('kill-agent', 'h1', 500, 500), deed('lose-host', 'h1', 1000, 20_000), deed('lose-host', 'h2', 1000, 8000)]
  const lapses = [
    { host: 'h1', instance: 'a', at: 9000 },
    { host: 'h1', instance: 'a', at: 400 },
    { host: 'h2', instance: 'b', at: 9500 },
    { host: 'h1', instance: 'c', at: 9000 },
  ]
  const arrived = [effect(14_000, 'b', 'receive', 2), effect(13_000, 'a', 'receive', 2), effect(300, 'a', 'receive', 1)]
  const effects = new Map([
    ['h3', arrived],
    ['h1', [effect(30_000, 'c', 'receive', 2)]],
  ])
  assert.equal(evacuationTimes(deeds, { effects, lapses }), [
    { instance: 'a', at: 13_000, from: 'h1', to: 'h3', outageMs: 4000, sinceFaultMs: 12_000 },
    { instance: 'b', at: 14_000, from: 'h2', to: 'h3', outageMs: 4500, sinceFaultMs: null },
  ])
})

test('figures', () => {
  assert.is(percentile([3, 1, 2, 4], 0.5), 2)
  assert.is(percentile([3, 1, 2, 4], 0.99), 4)
  assert.equal(Object.fromEntries(tally([...GOOD.notes, note('end', 'a', 'done', 'stop')])), { 'create acknowledged': 2, 'stop done': 1 })
})

test('the same seed makes the same choices', () => {
  const draw = (seed: number) => {
    const chance = chanceOf(seed)
    return Array.from({ length: 20 }, () => chance.next())
  }
  assert.equal(draw(3), draw(3))
  assert.not.equal(draw(3), draw(4))
  assert.ok(draw(5).every(x => x >= 0 && x < 1))
})

test('what is drawn from a chance of its own changes nothing of what comes after', () => {
  const [quiet, busy] = [chanceOf(3), chanceOf(3)]
  quiet.fork()
  const own = busy.fork()
  for (let i = 0; i < 5; i++) own.next()
  assert.is(busy.next(), quiet.next())
})

test.run()
