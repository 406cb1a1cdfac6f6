/** Bounds, and frames that no messenger of ours would send. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createAnswers } from '../../transport/answers.ts'
import { LINK_LIMITS } from '../../transport/link.ts'
import { MESSENGER_LIMITS } from '../../transport/messenger.ts'
import { encode, type NodeIdentity } from '../../transport/protocol.ts'
import { simulated } from '../support/simulated.ts'
import { createWire, pair, to } from '../support/wire.ts'

const FOR_A_MINUTE = { timeoutMs: 60_000 }
const CALL = { t: 'call', id: 'x#1:1', to: 'node/b', m: 'echo', a: {}, ttl: 1000, at: 0, n: 1 } as const
const identity = (node: string, role: NodeIdentity['role'] = 'compute'): NodeIdentity => ({ node, inc: 1, role, pid: 1, ver: 'x', eng: 'x' })

test('calls that wait here are bounded: one more is refused with a hint, and room comes back', () =>
  simulated(async bench => {
    const wire = createWire(bench)
    const a = await wire.node('a')
    let finish = (_: unknown): void => {}
    const hanging = new Promise(resolve => (finish = resolve))
    a.serve = () => hanging
    const waiting = Array.from({ length: MESSENGER_LIMITS.pending }, () => a.messenger.call(to('a'), 'x', {}, FOR_A_MINUTE))
    const refused = await bench.outcome(a.messenger.call(to('a'), 'x', {}, FOR_A_MINUTE), 1)
    assert.equal(refused.is === 'refused' ? [refused.fault.code, refused.fault.retryAfterMs] : [], ['Overloaded', 500])
    assert.is(a.messenger.stats().pending, MESSENGER_LIMITS.pending)
    finish('done')
    await bench.value(Promise.all(waiting))
    assert.is(await bench.code(a.messenger.call(to('a'), 'x', {}, FOR_A_MINUTE)), 'ok')
  }))

test('calls of others that run here are bounded: one more is told to come again, and is served when there is room', () =>
  simulated(async bench => {
    const wire = createWire(bench)
    const b = await wire.node('b')
    const [a, c] = [await wire.node('a', { dials: ['b'] }), await wire.node('c', { dials: ['b'] })]
    await bench.run(50)
    let finish = (_: unknown): void => {}
    const hanging = new Promise(resolve => (finish = resolve))
    b.serve = () => hanging
    const running = Promise.all(Array.from({ length: MESSENGER_LIMITS.running }, () => a.messenger.call(to('b'), 'x', {}, FOR_A_MINUTE)))
    await bench.run(500)
    assert.is(b.messenger.stats().running, MESSENGER_LIMITS.running)
    const late = c.messenger.call(to('b'), 'one more', {}, FOR_A_MINUTE)
    await bench.run(50)
    assert.equal([b.messenger.stats().refused, b.messenger.stats().running], [1, MESSENGER_LIMITS.running])
    finish('done')
    assert.is(await bench.value(late), 'done')
    await bench.value(running)
    assert.is(b.messenger.stats().running, 0)
  }))

test('a call too large for any link is refused at once, and costs one encoding', () =>
  simulated(async bench => {
    const { wire, a, b } = await pair(bench)
    const startMs = bench.loop.nowMs()
    const huge = 'x'.repeat(LINK_LIMITS.maxMessageBytes + 1)
    assert.is(await bench.code(a.messenger.call(to('b'), 'x', { huge }, FOR_A_MINUTE)), 'TooLarge')
    assert.ok(bench.loop.nowMs() - startMs < 10)
    assert.equal([b.served.length, wire.frames.filter(f => f.envelope.t === 'call').length], [0, 0])
  }))

test('an answer too large for any link is a refusal that says so', () =>
  simulated(async bench => {
    const { a, b } = await pair(bench)
    b.serve = async () => 'x'.repeat(LINK_LIMITS.maxMessageBytes + 1)
    const seen = await bench.outcome(a.messenger.call(to('b'), 'consoleLog', {}, FOR_A_MINUTE))
    assert.is(seen.is === 'refused' ? seen.fault.code : seen.is, 'TooLarge')
    assert.is(b.served.length, 1)
  }))

test('an answer that cannot be written down is a refusal, not the end of the node', () =>
  simulated(async bench => {
    const { a, b } = await pair(bench)
    const circle: unknown[] = []
    circle.push(circle)
    b.serve = async () => circle
    assert.is(await bench.code(a.messenger.call(to('b'), 'x', {}, FOR_A_MINUTE)), 'Internal')
    assert.is(await bench.code(a.messenger.call(to('b'), 'x', circle, FOR_A_MINUTE)), 'Internal')
    b.serve = async () => 'fine'
    assert.is(await bench.value(a.messenger.call(to('b'), 'x', {}, FOR_A_MINUTE)), 'fine')
    assert.is(b.messenger.stats().running, 0)
  }))

test('frames that are none of ours are counted and harmless', () =>
  simulated(async bench => {
    const { wire, a, b } = await pair(bench)
    const stranger = wire.raw('x', 'b')
    for (const bytes of [[0], [0xff, 0xff], [0xc1], Array.from({ length: 1000 }, (_, i) => i % 256)]) stranger.bytes(Uint8Array.from(bytes))
    stranger.bytes(encode({ ...CALL, ttl: Number.NaN }))
    stranger.bytes(encode({ ...CALL, to: '' }))
    stranger.bytes(new Uint8Array(LINK_LIMITS.maxMessageBytes + 1))
    await bench.run(100)
    assert.is(b.messenger.stats().malformed, 6, 'and the one over the limit never left')
    assert.equal([b.served.length, stranger.heard.length], [0, 0])
    assert.is(await bench.code(a.messenger.call(to('b'), 'x', {}, FOR_A_MINUTE)), 'ok')
  }))

test('a call or cast without a session is not executed: who are you?', () =>
  simulated(async bench => {
    const { wire, b } = await pair(bench)
    const stranger = wire.raw('x', 'b')
    stranger.say(CALL)
    stranger.say({ t: 'cast', to: 'node/b', m: 'map', a: {}, ttl: 1000, at: 0 })
    await bench.run(100)
    assert.equal(
      stranger.heard.map(e => e.t),
      ['who', 'who'],
    )
    assert.equal([b.served.length, b.casts.length], [0, 0])
  }))

test('a frame replayed is not executed again, and one replayed after its deadline not at all', () =>
  simulated(async bench => {
    const { wire, b } = await pair(bench)
    const peer = wire.raw('x', 'b')
    peer.say({ t: 'hello', vs: [1, 1], id: identity('x'), at: 0 })
    await bench.run(10)
    for (let i = 0; i < 10; i++) peer.say({ ...CALL, at: 10 })
    await bench.run(100)
    assert.is(b.served.length, 1)
    assert.is(peer.heard.filter(e => e.t === 'ok').length, 10)
    await bench.run(MESSENGER_LIMITS.rememberMs + MESSENGER_LIMITS.sweepMs + 1)
    peer.say({ t: 'hello', vs: [1, 1], id: identity('x'), at: bench.loop.nowMs() })
    peer.say({ ...CALL, id: 'x#1:2', at: bench.loop.nowMs() })
    peer.say({ ...CALL, at: 10 })
    await bench.run(100)
    assert.is(b.served.length, 2, 'only the fresh one')
    assert.is(b.messenger.stats().expired, 1)
  }))

test('an address that is none is refused, a cast to it counted', () =>
  simulated(async bench => {
    const { wire, b } = await pair(bench)
    const peer = wire.raw('x', 'b')
    peer.say({ t: 'hello', vs: [1, 1], id: identity('x'), at: 0 })
    await bench.run(10)
    peer.say({ ...CALL, to: 'nowhere', at: 10 })
    peer.say({ t: 'cast', to: 'nowhere', m: 'x', a: {}, ttl: 1000, at: 10 })
    await bench.run(100)
    const refusal = peer.heard.find(e => e.t === 'no')
    assert.is(refusal?.t === 'no' ? refusal.f.code : '', 'BadRequest')
    assert.equal([b.served.length, b.messenger.stats().malformed], [0, 1])
  }))

test('answers nobody waits for are ignored', () =>
  simulated(async bench => {
    const { wire, a } = await pair(bench)
    const stranger = wire.raw('x', 'b')
    stranger.say({ t: 'ok', id: 'b#1:1', r: 'forged', at: 0 })
    stranger.say({ t: 'no', id: 'b#1:2', f: { code: 'Internal', message: '' }, at: 0 })
    await bench.run(100)
    assert.equal(stranger.heard, [])
    assert.is(await bench.code(a.messenger.call(to('b'), 'x', {}, FOR_A_MINUTE)), 'ok')
  }))

test('a sender that uses the id of another takes nothing from it', () =>
  simulated(async bench => {
    const { wire, a, b } = await pair(bench)
    b.serve = async message => message.from.node
    const stranger = wire.raw('x', 'b')
    stranger.say({ t: 'hello', vs: [1, 1], id: identity('x'), at: 0 })
    for (let n = 1; n < 10; n++) stranger.say({ ...CALL, id: `a#1:${n}`, at: 0 })
    await bench.run(100)
    assert.is(await bench.value(a.messenger.call(to('b'), 'x', {}, FOR_A_MINUTE)), 'a')
  }))

test('the memory for answers is bounded: the oldest answer goes first, a call that runs never', () => {
  const answers = createAnswers(3)
  const slow = answers.begin('slow', 'p')
  for (const id of ['a', 'b', 'c', 'd']) {
    answers.begin(id, 'p')
    answers.keep(id, { t: 'ok', r: id }, 1000)
  }
  assert.equal(
    ['slow', 'a', 'b', 'c', 'd'].filter(id => answers.find(id)),
    ['slow', 'c', 'd'],
  )
  assert.is(answers.find('slow'), slow)
  assert.equal([answers.running(), answers.size()], [1, 3])
  answers.drop('slow')
  answers.sweep(1001)
  assert.equal([answers.running(), answers.size()], [0, 0])
})

test('an answer forged by somebody who was not asked is not believed', () =>
  simulated(async bench => {
    const { wire, a, b } = await pair(bench)
    b.serve = () => new Promise(() => {})
    const asked = a.messenger.call(to('b'), 'x', {}, { timeoutMs: 5000 })
    const stranger = wire.raw('x', 'a')
    stranger.say({ t: 'hello', vs: [1, 1], id: identity('x'), at: 0 })
    for (let n = 1; n < 10; n++) stranger.say({ t: 'ok', id: `a#1:${n}`, r: 'forged', at: 0 })
    await bench.run(100)
    assert.is(await bench.code(asked), 'DeadlineExceeded')
  }))

test('a receiver that says "come again at once" for ever does not make the sender spin', () =>
  simulated(async bench => {
    const { wire, a } = await pair(bench)
    const peer = wire.raw('x', 'a')
    peer.say({ t: 'hello', vs: [1, 1], id: identity('x'), at: 0 })
    await bench.run(10)
    wire.arrival = f => {
      if (f.envelope.t === 'call') peer.say({ t: 'no', id: f.envelope.id, f: { code: 'Overloaded', message: '', retryAfterMs: 0 }, at: 0 })
      return [1]
    }
    const before = wire.frames.length
    assert.is(await bench.code(a.messenger.call(to('x'), 'x', {}, { timeoutMs: 2000 })), 'Overloaded')
    assert.ok(wire.frames.length - before < 500, `${wire.frames.length - before} frames in 2 s`)
  }))

test.run()
