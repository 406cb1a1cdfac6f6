/** Cluster time: whatever is done to the database's clock, it goes on as if nothing had been done, while anybody lives who knows. */
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type ClockRow, isStrange, look, NEW_CLOCK, TOLERANCE_MS } from '../../persistence/clock-rules.ts'

const START_MS = 1_700_000_000_000
const HOUR_MS = 3_600_000
const timeOf = (row: ClockRow): number => row.seenMs + row.offsetMs

/** A database whose clock can be set, and conductors that know what they were told and how long ago. */
function cluster(conductors: number) {
  let trueMs = START_MS
  let wrongMs = 0
  let row = look(NEW_CLOCK, START_MS, null)
  const told = Array.from({ length: conductors }, () => ({ clusterMs: timeOf(row), atMs: trueMs }))
  const latest = { ms: timeOf(row) }
  return {
    latest,
    pass: (ms: number) => {
      trueMs += ms
    },
    set: (ms: number) => {
      wrongMs += ms
    },
    /** Conductor `i` looks; answers with cluster time. */
    look(i: number): number {
      const known = told[i]
      if (!known) throw new Error(`there is no conductor ${i}`)
      row = look(row, trueMs + wrongMs, known.clusterMs + trueMs - known.atMs)
      told[i] = { clusterMs: timeOf(row), atMs: trueMs }
      latest.ms = row.latestMs
      return timeOf(row)
    },
    trueMs: () => trueMs,
    row: () => row,
  }
}

test('an hour forth or back is corrected at the first look after it, and others see nothing of it', () => {
  for (const jumpMs of [HOUR_MS, -HOUR_MS]) {
    const c = cluster(2)
    c.pass(1000)
    c.look(0)
    c.set(jumpMs)
    c.pass(1000)
    assert.is(c.look(1), START_MS + 2000)
    assert.is(c.look(0), START_MS + 2000)
  }
})

test('whatever is set whenever, cluster time stays within the tolerance of the time that has passed, and what is told never goes back', () => {
  const act = fc.oneof(
    fc.record({ is: fc.constant('look' as const), who: fc.nat(2), ms: fc.nat(1500) }),
    fc.record({ is: fc.constant('set' as const), who: fc.nat(2), ms: fc.integer({ min: -2 * HOUR_MS, max: 2 * HOUR_MS }) }),
  )
  fc.assert(
    fc.property(fc.array(act, { maxLength: 60 }), acts => {
      const c = cluster(3)
      let small = 0
      for (const { is, who, ms } of acts) {
        if (is === 'set') {
          c.set(ms)
          // Below the tolerance nobody can tell it from a slow answer, so it is let through.
          if (Math.abs(ms) <= 2 * TOLERANCE_MS) small += Math.abs(ms)
          continue
        }
        c.pass(ms)
        const before = c.latest.ms
        const now = c.look(who)
        const worn = (c.trueMs() - START_MS) / 200 + acts.length
        assert.ok(Math.abs(now - c.trueMs()) <= small + worn + acts.length * 2 * TOLERANCE_MS)
        assert.ok(c.latest.ms >= before)
      }
    }),
  )
})

test('a conductor that stood still learns from the others', () => {
  const row = look(look(NEW_CLOCK, START_MS, null), START_MS + 60_000, START_MS + 60_000)
  const after = look(row, START_MS + 61_000, START_MS + 5000)
  assert.is(timeOf(after), START_MS + 61_000)
})

test('with nobody there, time passes as the database says, and never back', () => {
  const row = look(NEW_CLOCK, START_MS, null)
  assert.is(timeOf(look(row, START_MS + HOUR_MS, null)), START_MS + HOUR_MS)
  assert.is(timeOf(look(row, START_MS - HOUR_MS, null)), START_MS)
})

test('what was corrected is worn off so slowly that no deadline notices', () => {
  let row = look(NEW_CLOCK, START_MS, null)
  row = look(row, START_MS + HOUR_MS, START_MS)
  assert.is(row.offsetMs, -HOUR_MS)
  for (let s = 1; s <= 60; s++) {
    const before = timeOf(row)
    row = look(row, START_MS + HOUR_MS + s * 1000, before + 1000)
    assert.is(timeOf(row) - before, 1005)
  }
  assert.is(row.offsetMs, -HOUR_MS + 300)
})

test('a clock is strange when it did not simply go on since the latest look', () => {
  const row = look(NEW_CLOCK, START_MS, null)
  assert.is(isStrange(NEW_CLOCK, START_MS), false)
  assert.is(isStrange(row, START_MS + TOLERANCE_MS), false)
  assert.is(isStrange(row, START_MS + TOLERANCE_MS + 1), true)
  assert.is(isStrange(row, START_MS - HOUR_MS), true)
})

test.run()
