import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { backoffMs } from '../../actors/kernel/env.ts'
import { judgeFailure } from '../../supervisors/hosting/restart.ts'

const POLICY = { limit: 3, periodMs: 60_000, backoffBaseMs: 100, backoffCapMs: 2000 }

/** Verdicts for failures at these moments, ms. */
function judgeAll(moments: readonly number[]): (number | 'set aside')[] {
  let failures: readonly number[] = []
  return moments.map(at => {
    const judged = judgeFailure(POLICY, failures, at)
    failures = judged.failures
    return judged.verdict.restart ? judged.verdict.attempt : 'set aside'
  })
}

test('it may fail so many times within the period, each restart counted higher; one more and it is set aside', () => {
  assert.equal(judgeAll([0, 10, 20, 30]), [0, 1, 2, 'set aside'])
})

test('failures older than the period are forgotten', () => {
  assert.equal(judgeAll([0, 10, 20, 60_001, 60_011, 60_021]), [0, 1, 2, 2, 2, 2])
  assert.equal(judgeAll([0, 60_000]), [0, 0], 'exactly a period later is over')
})

test('what is kept is bounded by what happened within the period', () => {
  let failures: readonly number[] = []
  for (let at = 0; at < 10_000_000; at += 25_000) failures = judgeFailure(POLICY, failures, at).failures
  assert.is(failures.length, 3)
})

test('backoff doubles, stays between half and all of its step, and is capped', () => {
  const at = (attempt: number, chance: number) => backoffMs({ random: () => chance }, attempt, 100, 2000)
  assert.equal(
    [0, 1, 2, 3].map(n => at(n, 0)),
    [50, 100, 200, 400],
  )
  assert.equal(
    [0, 1, 2, 3].map(n => Math.round(at(n, 0.9999999))),
    [100, 200, 400, 800],
  )
  assert.is(at(1000, 0), 1000)
})

test.run()
