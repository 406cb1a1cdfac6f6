/** Who stands behind a connection: HELLO, WELCOME and WHO, restarts of either side, silence, versions. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { encode, type NodeIdentity, PROTOCOL } from '../../transport/protocol.ts'
import { simulated } from '../support/simulated.ts'
import { countOf, createWire, pair, to } from '../support/wire.ts'

const FOR_A_MINUTE = { timeoutMs: 60_000 }
const identity = (node: string, more: Partial<NodeIdentity> = {}): NodeIdentity => ({
  node,
  inc: 1,
  role: 'conductor',
  pid: 1,
  ver: 'x',
  eng: 'x',
  ...more,
})

test('hello is answered with welcome, and both sides know each other', () =>
  simulated(async bench => {
    const { a, b } = await pair(bench)
    assert.equal([a.opened, b.opened], [['b'], ['a']])
    assert.equal([a.messenger.sessions.to('b')?.identity.node, b.messenger.sessions.to('a')?.identity.node], ['b', 'a'])
    assert.equal([a.messenger.sessions.to('b')?.dialled, b.messenger.sessions.to('a')?.dialled], [true, false])
    assert.is(a.messenger.sessions.to('b')?.version, PROTOCOL.max)
  }))

test('hello is repeated until somebody is there', () =>
  simulated(async bench => {
    const wire = createWire(bench)
    const a = await wire.node('a', { dials: ['b'] })
    await bench.run(5000)
    assert.equal(a.opened, [])
    await wire.node('b')
    await bench.run(1000)
    assert.equal(a.opened, ['b'])
  }))

test('lost hellos and welcomes are made good', () =>
  simulated(async bench => {
    const wire = createWire(bench)
    let frames = 0
    wire.arrival = () => (frames++ < 6 ? [] : [1])
    const b = await wire.node('b')
    const a = await wire.node('a', { dials: ['b'] })
    await bench.run(5000)
    assert.equal([a.opened, b.opened], [['b'], ['a']])
  }))

test('a welcome that lay for long opens nothing, and a call behind it is not taken for a new one', () =>
  simulated(async bench => {
    const wire = createWire(bench)
    const b = await wire.node('b')
    const a = await wire.node('a', { dials: ['b'] })
    wire.network.pause('a')
    await bench.run(100)
    const late = await bench.outcome(b.messenger.call(to('a'), 'x', 'late', { timeoutMs: 1000 }), 6000)
    wire.network.resume('a')
    await bench.run(1000)
    assert.is(late.is, 'refused')
    assert.equal([a.served, a.messenger.sessions.to('b')?.identity.node], [[], 'b'])
    assert.is(await bench.value(b.messenger.call(to('a'), 'x', 'new', FOR_A_MINUTE)), 'new')
  }))

test('a network that is always that slow is believed in the end', () =>
  simulated(async bench => {
    const wire = createWire(bench)
    wire.arrival = () => [1500]
    await wire.node('b')
    const a = await wire.node('a', { dials: ['b'] })
    await bench.run(20_000)
    assert.equal(a.opened, ['b'])
  }))

test('a warm session goes on, measures its round trip, and asks for no new hello', () =>
  simulated(async bench => {
    const { wire, a } = await pair(bench)
    wire.arrival = () => [5]
    const hellos = countOf(wire, 'hello')
    await bench.run(60_000)
    assert.is(countOf(wire, 'hello'), hellos)
    assert.is(Math.round(a.messenger.sessions.to('b')?.rttMs ?? 0), 10)
    assert.equal(a.closed, [])
  }))

test('the listener restarts: the caller meets its new life, and a waiting call is answered by it', () =>
  simulated(async bench => {
    const { wire, a, b } = await pair(bench)
    b.serve = () => new Promise(() => {})
    const asked = a.messenger.call(to('b'), 'x', 'again', FOR_A_MINUTE)
    await bench.run(100)
    wire.crash(b)
    await bench.run(500)
    assert.equal([a.closed, a.messenger.sessions.to('b')], [['b'], undefined])
    const next = await wire.node('b')
    assert.is(await bench.value(asked), 'again')
    assert.is(next.served.length, 1)
    assert.is(a.messenger.sessions.to('b')?.identity.inc, 2)
  }))

test('the listener restarts unseen: what reaches it without a session is answered WHO, and the caller introduces itself', () =>
  simulated(async bench => {
    const wire = createWire(bench)
    const first = await wire.node('b')
    const caller = wire.raw('x', 'b')
    caller.say({ t: 'hello', vs: [1, 1], id: identity('x'), at: 0 })
    await bench.run(10)
    wire.crash(first)
    const second = await wire.node('b')
    await bench.run(200)
    caller.say({ t: 'ping', at: 5 })
    await bench.run(10)
    assert.is(caller.heard.at(-1)?.t, 'who')
    caller.say({ t: 'hello', vs: [1, 1], id: identity('x'), at: 6 })
    caller.say({ t: 'call', id: 'x#1:1', to: 'node/b', m: 'm', a: {}, ttl: 1000, at: 7, n: 1 })
    await bench.run(10)
    assert.is(second.served.length, 1)
  }))

test('the caller restarts: its new life replaces the old one, and calls to it go there', () =>
  simulated(async bench => {
    const { wire, a, b } = await pair(bench)
    wire.crash(a)
    const next = await wire.node('a', { dials: ['b'] })
    await bench.run(500)
    assert.is(b.messenger.sessions.to('a')?.identity.inc, 2)
    assert.is(await bench.value(b.messenger.call(to('a'), 'x', 'you', FOR_A_MINUTE)), 'you')
    assert.is(next.served.length, 1)
  }))

test('a late hello from an older life does not take the place of the newer', () =>
  simulated(async bench => {
    const { wire, b } = await pair(bench)
    const newer = wire.raw('x', 'b')
    newer.say({ t: 'hello', vs: [1, 1], id: identity('x', { inc: 7 }), at: 0 })
    await bench.run(10)
    const older = wire.raw('y', 'b')
    older.say({ t: 'hello', vs: [1, 1], id: identity('x', { inc: 6 }), at: 0 })
    await bench.run(10)
    assert.is(b.messenger.sessions.to('x')?.identity.inc, 7)
  }))

test('a WHO that came late costs a new hello, and no call', () =>
  simulated(async bench => {
    const { wire, a, b } = await pair(bench)
    const bSession = b.messenger.sessions.to('a')
    if (!bSession) throw new Error('no session')
    b.messenger.sessions.send(bSession.peer, { t: 'who' })
    const asked = a.messenger.call(to('b'), 'x', 'y', FOR_A_MINUTE)
    assert.is(await bench.value(asked), 'y')
    await bench.run(100)
    assert.equal(a.opened, ['b', 'b'])
    assert.is(countOf(wire, 'who'), 1)
  }))

test('silence closes a session', () =>
  simulated(async bench => {
    const { wire, a, b } = await pair(bench)
    wire.arrival = () => []
    await bench.run(9000)
    assert.ok(a.messenger.sessions.to('b'))
    await bench.run(2000)
    assert.equal([a.closed, b.closed], [['b'], ['a']])
    wire.arrival = () => [1]
    await bench.run(1000)
    assert.equal(
      [a.opened, b.opened],
      [
        ['b', 'b'],
        ['a', 'a'],
      ],
    )
  }))

test('when both have dialled, each uses the connection it dialled itself', () =>
  simulated(async bench => {
    const wire = createWire(bench)
    const a = await wire.node('a')
    const b = await wire.node('b', { dials: ['a'] })
    await bench.run(50)
    a.messenger.sessions.dial('sim://b')
    await bench.run(50)
    assert.equal([a.messenger.sessions.to('b')?.dialled, b.messenger.sessions.to('a')?.dialled], [true, true])
    assert.is(a.messenger.sessions.all().length, 2)
    a.messenger.sessions.hangUp('sim://b')
    assert.is(a.messenger.sessions.to('b')?.dialled, false, 'the other way is still there')
    assert.is(await bench.value(a.messenger.call(to('b'), 'x', 1, FOR_A_MINUTE)), 1)
  }))

test('hanging up ends the session and the greetings', () =>
  simulated(async bench => {
    const { wire, a } = await pair(bench)
    a.messenger.sessions.hangUp('sim://b')
    assert.equal([a.messenger.sessions.dialled(), a.messenger.sessions.all().length, a.closed], [[], 0, ['b']])
    const before = countOf(wire, 'hello', 'a')
    await bench.run(5000)
    assert.is(countOf(wire, 'hello', 'a'), before)
  }))

test('a peer that speaks only other versions is told so, and has no session', () =>
  simulated(async bench => {
    const { wire, b } = await pair(bench)
    const stranger = wire.raw('x', 'b')
    stranger.say({ t: 'hello', vs: [PROTOCOL.max + 1, PROTOCOL.max + 2], id: identity('x'), at: 0 })
    await bench.run(10)
    const [answer] = stranger.heard
    assert.is(answer?.t === 'no' ? answer.f.code : answer?.t, 'VersionMismatch')
    assert.match(
      answer?.t === 'no' ? answer.f.message : '',
      `we speak versions ${PROTOCOL.min} to ${PROTOCOL.max}, you ${PROTOCOL.max + 1} to ${PROTOCOL.max + 2}`,
    )
    assert.is(b.messenger.sessions.to('x'), undefined)
  }))

test('a peer that speaks newer versions too is met in the highest that both speak', () =>
  simulated(async bench => {
    const { wire, b } = await pair(bench)
    const newer = wire.raw('x', 'b')
    newer.say({ t: 'hello', vs: [PROTOCOL.min, PROTOCOL.max + 3], id: identity('x'), at: 0 })
    await bench.run(10)
    const [answer] = newer.heard
    assert.is(answer?.t === 'welcome' ? answer.v : answer?.t, PROTOCOL.max)
    assert.is(b.messenger.sessions.to('x')?.version, PROTOCOL.max)
  }))

test('a welcome nobody asked for, or in a version not spoken here, opens nothing', () =>
  simulated(async bench => {
    const wire = createWire(bench)
    const a = await wire.node('a', { dials: ['x'] })
    const stranger = wire.raw('y', 'a')
    stranger.say({ t: 'welcome', v: 1, id: identity('y'), at: 0 })
    const link = wire.network.link('x')
    await link.listen('sim://x')
    link.onMessage(peer => void link.send(peer, encode({ t: 'welcome', v: PROTOCOL.max + 1, id: identity('x'), at: 0 })))
    await bench.run(3000)
    assert.equal([a.opened, a.messenger.sessions.all().length], [[], 0])
  }))

test.run()
