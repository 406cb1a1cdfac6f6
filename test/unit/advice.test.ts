/** When to add a conductor, on recorded numbers. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { adviseScaling, type ConductorLoad, SCALING, spreadText } from '../../actors/alerts/advice.ts'

const QUIET = { oldestMs: 3, lagMs: 2, cpu: 0.2, commitMs: 4, commitsWaiting: 0 }
/** Conductors with an even share of 256 shards. */
const cluster = (...loads: readonly Readonly<Record<string, number>>[]): ConductorLoad[] =>
  loads.map((load, i) => ({ id: `c${i + 1}`, shards: Math.floor(256 / loads.length), load }))

test('short queues: no conductor is missing, and the numbers are said', () => {
  assert.equal(adviseScaling(cluster(QUIET, { ...QUIET, oldestMs: 12 })), {
    addConductor: false,
    because: 'queues are short: oldest message 12 ms, lag 2 ms, busy 20 % of the time',
  })
  assert.is(adviseScaling([]).addConductor, false)
  assert.is(adviseScaling(cluster({})).addConductor, false)
})

test('each sign alone asks for a conductor, with its number, its limit and its conductor; exactly at the limit is still fine', () => {
  for (const [key, over, says] of [
    ['oldestMs', 1500, 'a message has waited 1500 ms on c2 (limit 1000)'],
    ['lagMs', 250, 'the event loop of c2 lags 250 ms (limit 200)'],
    ['cpu', 0.9, 'c2 is busy 90 % of the time (limit 85 %)'],
  ] as const) {
    const { addConductor, because } = adviseScaling(cluster({ ...QUIET, cpu: 0.6 }, { ...QUIET, [key]: over }))
    assert.equal([addConductor, because], [true, says])
    assert.is(adviseScaling(cluster(QUIET, { ...QUIET, [key]: SCALING[key] })).addConductor, false, key)
  }
})

test('how the load would spread: shards evenly, and work with them', () => {
  const { spread } = adviseScaling(cluster({ ...QUIET, cpu: 0.95 }, { ...QUIET, cpu: 0.91 }))
  assert.equal(spread, { conductors: 3, shardsBefore: 128, shardsAfter: 86, busyBefore: 0.95, busyAfter: 0.62 })
  assert.is(
    spread && spreadText(spread),
    'With one more, each of 3 would own about 86 shards instead of up to 128, and be busy about 62 % of the time instead of up to 95 %.',
  )
})

test('when commits are slow, or wait while processors idle, another conductor would not help', () => {
  for (const [load, says] of [
    [{ ...QUIET, oldestMs: 5000, commitMs: 300 }, /commits take 300 ms: a conductor more would not help, the database is the limit/],
    [{ ...QUIET, oldestMs: 5000, commitsWaiting: 950 }, /950 commits wait while no conductor is busy more than 20 % of the time/],
  ] as const) {
    const { addConductor, because, spread } = adviseScaling(cluster(QUIET, load))
    assert.is(addConductor, false)
    assert.is(spread, undefined)
    assert.match(because, says)
  }
  assert.match(adviseScaling(cluster({ ...QUIET, commitMs: 300 })).because, /^queues are short/, 'slow commits alone are no sign')
  assert.ok(adviseScaling(cluster({ ...QUIET, cpu: 0.97, oldestMs: 2000, commitsWaiting: 950 })).addConductor, 'a busy processor makes commits wait')
})

test('one busy conductor among idle ones is a busy actor, which cannot be split', () => {
  const { addConductor, because } = adviseScaling(cluster({ ...QUIET, cpu: 0.98 }, { ...QUIET, cpu: 0.1 }, { ...QUIET, cpu: 0.14 }))
  assert.is(addConductor, false)
  assert.match(because, /c1 is busy 98 % .*the others 12 % on average, and it has 85 of 255 shards/)
})

test('a loop that is busy without getting a core: one more helps, on another machine', () => {
  const starved = adviseScaling(cluster({ ...QUIET, cpu: 0.31, busy: 0.96 }))
  assert.is(starved.addConductor, true)
  assert.match(starved.because, /^c1 is busy 96 % of the time \(limit 85 %\), though it gets only 31 % of a core: start it on another machine$/)
  assert.not.match(adviseScaling(cluster({ ...QUIET, cpu: 0.9, busy: 0.96 })).because, /another machine/)
  assert.is(adviseScaling(cluster({ ...QUIET, cpu: 0.1, busy: 0.3 })).addConductor, false)
})

test.run()
