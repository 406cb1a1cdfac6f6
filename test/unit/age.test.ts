import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createAgeMeter } from '../../transport/age.ts'

/** Their clock is this far from ours. */
const OFFSET_MS = 123_456_789

test('the first message has no age, whatever the clocks say', () => {
  assert.is(createAgeMeter().observe(5 + OFFSET_MS, 10), 0)
})

test('a message is older by what it took longer than the fastest', () => {
  const meter = createAgeMeter()
  meter.observe(1000 + OFFSET_MS, 1002)
  assert.is(meter.observe(1000 + OFFSET_MS, 1052), 40, 'a fifth of what passed since is what the clocks may have drifted apart')
  meter.observe(2000 + OFFSET_MS, 2002)
  assert.is(meter.observe(3000 + OFFSET_MS, 3002), 0)
  assert.is(meter.observe(4000 + OFFSET_MS, 4001), 0, 'a faster one is the new measure')
})

test('what lay an hour in a queue shows most of it, however long nothing else came', () => {
  const meter = createAgeMeter()
  meter.observe(1000 + OFFSET_MS, 1001)
  const hour = 3_600_000
  const age = meter.observe(2000 + OFFSET_MS, 2001 + hour)
  assert.ok(age >= 0.79 * hour && age <= hour, `${age} ms`)
  assert.is(Math.round(meter.observe(2100 + OFFSET_MS, 2001 + hour)), Math.round(age - 100), 'and so does what lay behind it')
})

test('a way that has become slower for good is believed in the end', () => {
  const meter = createAgeMeter()
  let ageMs = 0
  for (let at = 0; at < 100_000; at += 1000) ageMs = meter.observe(at + OFFSET_MS, at + (at < 20_000 ? 1 : 400))
  assert.is(ageMs, 0)
})

test('drift of the clocks makes nothing older: not by as much as clocks are slewed at most, one up and one down', () => {
  for (const rate of [0.999, 11 / 13, 13 / 11]) {
    const meter = createAgeMeter()
    let worst = 0
    for (let at = 0; at < 3_600_000; at += 1000) worst = Math.max(worst, meter.observe(at * rate + OFFSET_MS, at))
    assert.ok(worst < 0.001, `${worst} ms at ${rate}`)
  }
})

test('an age is never negative, and never more than how much later the message came than the fastest', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(5000), fc.nat(100_000)), { minLength: 1, maxLength: 60 }), messages => {
      const meter = createAgeMeter()
      let sentAt = 0
      let receivedAt = 0
      let fastest = Number.POSITIVE_INFINITY
      for (const [gapMs, delayMs] of messages) {
        sentAt += gapMs
        receivedAt = Math.max(receivedAt, sentAt + delayMs)
        const age = meter.observe(sentAt + OFFSET_MS, receivedAt)
        fastest = Math.min(fastest, receivedAt - sentAt)
        assert.ok(age >= 0 && age <= receivedAt - sentAt - fastest)
      }
    }),
  )
})

test.run()
