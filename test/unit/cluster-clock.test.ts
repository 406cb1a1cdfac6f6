import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createClusterClock } from '../../supervisors/membership/cluster-clock.ts'

const DATABASE_MS = 1_700_000_000_000

function clockAt(monotonicMs: number) {
  const time = { monotonicMs }
  return { time, clock: createClusterClock({ monotonicMs: () => time.monotonicMs }) }
}

test('it cannot be read before the database was looked at', () => {
  assert.throws(() => clockAt(5).clock.now(), /before the first look/)
})

test("the first look sets it to the database's time at the middle of the round trip; the monotonic clock carries it on", () => {
  const { time, clock } = clockAt(1000)
  clock.sync(DATABASE_MS, 990, 1010)
  assert.is(clock.now(), DATABASE_MS)
  time.monotonicMs += 12_345
  assert.is(clock.now(), DATABASE_MS + 12_345)
})

test('what the round trip explains is followed slowly, what it does not at once', () => {
  const { time, clock } = clockAt(0)
  clock.sync(DATABASE_MS, 0, 0)
  time.monotonicMs = 1000
  clock.sync(DATABASE_MS + 500 + 400, 0, 1000)
  assert.is(clock.now(), DATABASE_MS + 1000 + 50)
  clock.sync(DATABASE_MS + 60_000, 1000, 1000)
  assert.is(clock.now(), DATABASE_MS + 60_000)
})

test('small drift is followed at once', () => {
  const { time, clock } = clockAt(0)
  clock.sync(DATABASE_MS, 0, 0)
  time.monotonicMs = 1000
  clock.sync(DATABASE_MS + 1030, 1000, 1000)
  assert.is(clock.now(), DATABASE_MS + 1030)
})

test('two conductors with different origins agree to within half their round trips', () => {
  const [a, b] = [clockAt(5), clockAt(900_000)]
  a.clock.sync(DATABASE_MS, 0, 10)
  b.clock.sync(DATABASE_MS, 900_000, 900_000)
  assert.ok(Math.abs(a.clock.now() - b.clock.now()) <= 5)
})

test('it never goes back, whatever the database says', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ passMs: fc.nat(2000), jumpMs: fc.integer({ min: -1e7, max: 1e7 }), rttMs: fc.nat(500) }), { maxLength: 50 }),
      looks => {
        const { time, clock } = clockAt(0)
        clock.sync(DATABASE_MS, 0, 0)
        let latest = clock.now()
        for (const { passMs, jumpMs, rttMs } of looks) {
          const sentMs = time.monotonicMs + passMs
          time.monotonicMs = sentMs + rttMs
          clock.sync(DATABASE_MS + time.monotonicMs + jumpMs, sentMs, time.monotonicMs)
          assert.ok(clock.now() >= latest)
          latest = clock.now()
        }
      },
    ),
  )
})

test.run()
