import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createCutter, type Unit } from '../../bin/chaos/zmtp.ts'

const GREETING = Buffer.alloc(64, 0xff)

function frame(flags: number, body: Buffer): Buffer {
  if (body.length < 256) return Buffer.concat([Buffer.from([flags, body.length]), body])
  const head = Buffer.alloc(9)
  head.writeUInt8(flags | 2, 0)
  head.writeBigUInt64BE(BigInt(body.length), 1)
  return Buffer.concat([head, body])
}

const READY = frame(4, Buffer.from('\x05READY'))
const TWO_PARTS = Buffer.concat([frame(1, Buffer.from('a')), frame(0, Buffer.alloc(1000, 7))])
const EMPTY = frame(0, Buffer.alloc(0))
const STREAM: readonly Unit[] = [
  { kind: 'greeting', bytes: GREETING },
  { kind: 'command', bytes: READY },
  { kind: 'message', bytes: TWO_PARTS },
  { kind: 'message', bytes: EMPTY },
]

test('a stream is cut into greeting, commands and whole messages, however its bytes arrive', () => {
  const whole = Buffer.concat(STREAM.map(unit => unit.bytes))
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1 }), sizes => {
      const cut = createCutter()
      const units: Unit[] = []
      for (let at = 0, i = 0; at < whole.length; i++) {
        const end = at + (sizes[i % sizes.length] ?? 1)
        units.push(...cut(whole.subarray(at, end)))
        at = end
      }
      assert.equal(
        units.map(({ kind, bytes }) => [kind, bytes.toString('hex')]),
        STREAM.map(({ kind, bytes }) => [kind, bytes.toString('hex')]),
      )
    }),
    { numRuns: 100 },
  )
})

test('what is not whole yet is held back', () => {
  const cut = createCutter()
  cut(GREETING)
  assert.equal(cut(frame(1, Buffer.from('a'))), [])
  assert.equal(cut(Buffer.from([0])), [])
  assert.equal(cut(Buffer.from([1])), [])
  assert.is(cut(Buffer.from('b'))[0]?.bytes.length, 6)
})

test.run()
