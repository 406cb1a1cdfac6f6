import fc from 'fast-check'
import { Packr } from 'msgpackr'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ERRORS, isTransient, toError } from '../../actors/kernel/errors.ts'
import { agree, decode, type Envelope, encode, PROTOCOL } from '../../transport/protocol.ts'

const packr = new Packr({ useRecords: false })
const ID = { node: 'a', inc: 1, role: 'conductor', pid: 1, ver: '0', eng: 'v24' } as const
const CALL = { t: 'call', id: 'a#1:1', to: 'instance/i1', m: 'get', a: {}, ttl: 100, at: 5, n: 1 } as const

function refuses(value: unknown, why: string): void {
  assert.throws(() => decode(packr.pack(value)), /unknown type or a field of the wrong type/, why)
}

test('what is not an envelope of ours is refused, whatever is wrong with it', () => {
  for (const value of [null, 7, 'call', [], {}, { t: 'shout' }, { t: 7 }, { t: '__proto__' }, { t: 'constructor' }])
    refuses(value, JSON.stringify(value))
  for (const [field, wrong] of [
    ['id', ''],
    ['id', 7],
    ['id', 'x'.repeat(257)],
    ['to', null],
    ['m', 'x'.repeat(65)],
    ['ttl', '100'],
    ['ttl', Number.NaN],
    ['at', Number.POSITIVE_INFINITY],
    ['n', undefined],
  ] as const) {
    refuses({ ...CALL, [field]: wrong }, `${field}: ${String(wrong)}`)
  }
})

test('every field of every type is checked: left out, it is refused', () => {
  const full: readonly Envelope[] = [
    { t: 'hello', vs: [1, 1], id: ID, at: 1 },
    { t: 'welcome', v: 1, id: ID, at: 1 },
    { t: 'ping', at: 1 },
    { t: 'pong', at: 1 },
    CALL,
    { t: 'cast', to: 'node/a', m: 'ping', a: {}, ttl: 1, at: 1 },
    { t: 'ok', id: 'x', r: null, at: 1 },
    { t: 'no', id: 'x', f: { code: 'Internal', message: '' }, at: 1 },
  ]
  for (const envelope of full) {
    assert.equal(decode(encode(envelope)), envelope)
    for (const field of Object.keys(envelope)) {
      // Arguments and results are checked by their method.
      if (field === 'a' || field === 'r') continue
      refuses({ ...envelope, [field]: undefined }, `${envelope.t} without ${field}`)
    }
  }
  for (const field of Object.keys(ID)) refuses({ t: 'hello', vs: [1, 1], id: { ...ID, [field]: undefined }, at: 1 }, `an identity without ${field}`)
  refuses({ t: 'hello', vs: [1, 1], id: { ...ID, role: 'king' }, at: 1 }, 'a role that is none')
  refuses({ t: 'hello', vs: [1], id: ID, at: 1 }, 'one version')
})

test('a fault with a pause that is no number is refused: a pause is acted upon', () => {
  for (const retryAfterMs of ['soon', Number.NaN, Number.NEGATIVE_INFINITY, -1, null]) {
    refuses({ t: 'no', id: 'x', f: { code: 'Overloaded', message: '', retryAfterMs }, at: 1 }, String(retryAfterMs))
  }
})

test('any bytes are either an envelope or refused with BadRequest, and nothing else happens', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
      try {
        decode(bytes)
      } catch (error) {
        assert.match(String(error), /^BatonError/)
      }
    }),
    { numRuns: 1000 },
  )
})

test('an envelope cut short or with a byte changed is read as an envelope or refused', () => {
  const bytes = encode({ t: 'hello', vs: [1, 1], id: ID, at: 1 })
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.nat(255), fc.boolean(), (at, byte, cut) => {
      const changed = cut ? bytes.slice(0, at) : Uint8Array.from(bytes, (b, i) => (i === at ? byte : b))
      try {
        assert.type(decode(changed).t, 'string')
      } catch (error) {
        assert.match(String(error), /^BatonError/)
      }
    }),
    { numRuns: 500 },
  )
})

test('nesting without end is refused, not a crash', () => {
  const deep = Buffer.concat([Buffer.alloc(200_000, 0x91), Buffer.from([0xc0])])
  assert.throws(() => decode(deep), /no message of ours|wrong type/)
})

test('plain data comes back as it was', () => {
  const plain = fc.jsonValue({ maxDepth: 4 }).filter(value => !JSON.stringify(value).includes('__proto__'))
  fc.assert(
    fc.property(plain, a => {
      const seen = decode(encode({ ...CALL, a }))
      assert.equal(JSON.stringify(seen.t === 'call' ? seen.a : null), JSON.stringify(a))
    }),
    { numRuns: 500 },
  )
})

test('a key that would change the prototype of what is read does not', () => {
  const seen = decode(encode({ ...CALL, a: JSON.parse('{"__proto__": {"admin": true}}') }))
  const args = seen.t === 'call' ? seen.a : null
  assert.is(Object.getPrototypeOf(args), Object.prototype)
  assert.is(Reflect.get(Object(args), 'admin'), undefined)
})

test('bytes handed out are not written over by the next message', () => {
  const first = encode({ t: 'ok', id: 'first', r: 'x'.repeat(100), at: 1 })
  const copy = Uint8Array.from(first)
  for (let i = 0; i < 1000; i++) encode({ t: 'ok', id: `other-${i}`, r: 'y'.repeat(100), at: i })
  assert.equal(Uint8Array.from(first), copy)
})

test('many bytes travel as they are, between small messages, and take no more room than they need', () => {
  const piece = Uint8Array.from({ length: 200_000 }, (_, i) => i % 251)
  const call: Envelope = { ...CALL, a: { offset: 1, bytes: piece, note: 'x'.repeat(10_000) } }
  const answer: Envelope = { t: 'ok', id: 'a#1:1', r: piece, at: 5 }
  const sent = [call, CALL, answer, CALL, call].map(envelope => ({ envelope, bytes: encode(envelope) }))
  for (const { envelope, bytes } of sent) assert.equal(decode(bytes), withBuffers(envelope))
  assert.ok((sent[2]?.bytes.buffer.byteLength ?? 0) < piece.length + 8192)
})

/** As bytes come back. */
function withBuffers(envelope: Envelope): unknown {
  const asBuffer = (value: unknown): unknown => (value instanceof Uint8Array ? Buffer.from(value) : value)
  if (envelope.t === 'ok') return { ...envelope, r: asBuffer(envelope.r) }
  if (envelope.t !== 'call') return envelope
  return { ...envelope, a: Object.fromEntries(Object.entries(envelope.a ?? {}).map(([key, value]) => [key, asBuffer(value)])) }
}

test('the highest version both speak, or none', () => {
  assert.is(agree([PROTOCOL.min, PROTOCOL.max]), PROTOCOL.max)
  assert.is(agree([PROTOCOL.min, PROTOCOL.max + 5]), PROTOCOL.max)
  assert.is(agree([PROTOCOL.max + 1, PROTOCOL.max + 5]), null)
  assert.is(agree([0, PROTOCOL.min - 1]), null)
})

test('a fault from elsewhere with a code that is none becomes Internal, and is not retried', () => {
  for (const code of ['Nonsense', 'toString', 'constructor', '__proto__']) {
    const bytes = packr.pack({ t: 'no', id: 'x', f: { code, message: 'm' }, at: 1 })
    const seen = decode(bytes)
    if (seen.t !== 'no') throw new Error('not a refusal')
    const error = toError(seen.f)
    assert.is(error.code, 'Internal', code)
    assert.type(ERRORS[error.code].http, 'number')
    assert.is(isTransient(seen.f), false)
  }
})

test.run()
