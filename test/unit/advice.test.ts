import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { adviseScaling, SCALING } from '../../supervisors/advice.ts'

const QUIET = { oldestMs: 3, lagMs: 2, cpu: 0.2, commitMs: 4 }

test('short queues: no conductor is missing, and the numbers are said', () => {
  assert.equal(adviseScaling([QUIET, { ...QUIET, oldestMs: 12 }]), {
    addConductor: false,
    because: 'queues are short: oldest message 12 ms, lag 2 ms, cpu 20 %',
  })
  assert.is(adviseScaling([]).addConductor, false)
  assert.is(adviseScaling([{}]).addConductor, false)
})

test('each sign alone asks for a conductor, with its number and limit; exactly at the limit is still fine', () => {
  for (const [key, over, says] of [
    ['oldestMs', 1500, 'a message has waited 1500 ms (limit 1000)'],
    ['lagMs', 250, 'an event loop lags 250 ms (limit 200)'],
    ['cpu', 0.9, 'a conductor uses 90 % of its core (limit 85 %)'],
  ] as const) {
    assert.equal(adviseScaling([QUIET, { ...QUIET, [key]: over }]), { addConductor: true, because: says })
    assert.is(adviseScaling([{ ...QUIET, [key]: SCALING[key] }]).addConductor, false, key)
  }
})

test('several signs are all named', () => {
  assert.is(adviseScaling([{ ...QUIET, oldestMs: 2000, cpu: 0.95 }]).because.split('; ').length, 2)
})

test('when commits are slow, another conductor would not help', () => {
  const { addConductor, because } = adviseScaling([
    { ...QUIET, oldestMs: 5000 },
    { ...QUIET, commitMs: 300 },
  ])
  assert.is(addConductor, false)
  assert.match(because, 'commits take 300 ms: the database is the limit')
  assert.is(adviseScaling([{ ...QUIET, commitMs: 300 }]).because.startsWith('queues are short'), true, 'slow commits alone are no sign')
})

test.run()
