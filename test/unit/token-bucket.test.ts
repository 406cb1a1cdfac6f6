/** Rates, with plain numbers: against a bucket that counts its tokens one by one. */
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createBucket, rateOf, takeToken } from '../../actors/kernel/token-bucket.ts'

const test = suite('token-bucket')

test('as many at once as the burst, then one each time one has come back', () => {
  let nowMs = 1000
  const bucket = createBucket(rateOf({ burst: 3, perSecond: 10 }), () => nowMs)
  assert.equal([bucket.take(), bucket.take(), bucket.take(), bucket.take()], [true, true, true, false])
  nowMs += 99
  assert.is(bucket.take(), false)
  nowMs += 1
  assert.equal([bucket.take(), bucket.take()], [true, false])
  nowMs += 3_600_000
  assert.equal([bucket.take(), bucket.take(), bucket.take(), bucket.take()], [true, true, true, false], 'silence saves no more than the burst')
})

test('what is given back can be taken again, and fills no bucket over its brim', () => {
  const bucket = createBucket(rateOf({ burst: 2, perSecond: 1 }), () => 0)
  bucket.giveBack()
  assert.equal([bucket.take(), bucket.take(), bucket.take()], [true, true, false])
  bucket.giveBack()
  assert.equal([bucket.take(), bucket.take()], [true, false])
})

test('who is refused is told when there is one, and has paid nothing', () => {
  const rate = rateOf({ burst: 1, perSecond: 4 })
  const first = takeToken(rate, undefined, 0)
  assert.equal(first, { fullAtMs: 250, waitMs: 0 })
  assert.equal(takeToken(rate, first.fullAtMs, 50), { fullAtMs: 250, waitMs: 200 })
  assert.is(takeToken(rate, 250, 250).waitMs, 0)
})

test('it lets through what a bucket that counts its tokens lets through', () => {
  // Powers of two: no fraction is rounded, so that the two may be compared token by token.
  const step = fc.record({ gapMs: fc.integer({ min: 0, max: 400 }), givesBack: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 1, max: 20 }), fc.constantFrom(8, 16, 64, 128), (steps, burst, everyMs) => {
      let nowMs = 0
      let tokens = burst
      const bucket = createBucket({ everyMs, depthMs: burst * everyMs }, () => nowMs)
      for (const { gapMs, givesBack } of steps) {
        nowMs += gapMs
        tokens = Math.min(burst, tokens + gapMs / everyMs)
        const isTaken = tokens >= 1
        assert.is(bucket.take(), isTaken)
        if (isTaken && !givesBack) tokens--
        if (isTaken && givesBack) bucket.giveBack()
      }
    }),
  )
})

test.run()
