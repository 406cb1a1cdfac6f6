/** Calls and casts over a network that loses, repeats and delays. Bounds and bad frames have a file of their own. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { address } from '../../actors/kernel/address.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { MESSENGER_LIMITS } from '../../transport/messenger.ts'
import { simulated } from '../support/simulated.ts'
import { countOf, createWire, pair, to } from '../support/wire.ts'

const FOR_A_MINUTE = { timeoutMs: 60_000 }
const unavailable = new BatonError('Unavailable', 'not now')

test('a call is served with its arguments and its sender, and answered', () =>
  simulated(async bench => {
    const { a, b } = await pair(bench)
    assert.equal(await bench.value(a.messenger.call(to('b'), 'echo', { n: [1, 'two', null] }, FOR_A_MINUTE)), { n: [1, 'two', null] })
    const [message] = b.served
    assert.equal([message?.method, message?.to, message?.from], ['echo', { kind: 'node', id: 'b' }, { role: 'conductor', node: 'a' }])
    assert.equal([a.messenger.stats().pending, b.messenger.stats().running], [0, 0])
  }))

test('a refusal comes back as it was given', () =>
  simulated(async bench => {
    const { a, b } = await pair(bench)
    b.serve = () => Promise.reject(new BatonError('Conflict', 'not so', { details: { allowed: ['x'] } }))
    const seen = await bench.outcome(a.messenger.call(to('b'), 'act', {}, FOR_A_MINUTE))
    assert.equal(seen, { is: 'refused', fault: { code: 'Conflict', message: 'not so', details: { allowed: ['x'] } } })
    b.serve = () => Promise.reject(new TypeError('a defect'))
    assert.is(await bench.code(a.messenger.call(to('b'), 'act', {}, FOR_A_MINUTE)), 'Internal')
  }))

test('a call is sent again until it is answered, and executed once however often it arrives', () =>
  simulated(async bench => {
    const { wire, a, b } = await pair(bench)
    let lost = 0
    wire.arrival = f => (f.envelope.t === 'ok' && lost++ < 5 ? [] : [1, 3])
    assert.is(await bench.value(a.messenger.call(to('b'), 'once', 7, FOR_A_MINUTE), 60_000), 7)
    assert.is(b.served.length, 1)
    assert.ok(a.messenger.stats().resends >= 2)
    assert.ok(b.messenger.stats().duplicates >= 5)
    const answers = wire.frames.flatMap(f => (f.envelope.t === 'ok' ? [JSON.stringify([f.envelope.id, f.envelope.r])] : []))
    assert.is(new Set(answers).size, 1, 'the same answer each time')
  }))

test('a call repeated while it still runs is not run twice, and answered once it is done', () =>
  simulated(async bench => {
    const { a, b } = await pair(bench)
    let finish = (_: unknown): void => {}
    b.serve = () => new Promise(resolve => (finish = resolve))
    const asked = a.messenger.call(to('b'), 'slow', {}, FOR_A_MINUTE)
    await bench.run(20_000)
    assert.ok(a.messenger.stats().resends >= 5)
    assert.is(b.served.length, 1)
    finish('done')
    assert.is(await bench.value(asked), 'done')
  }))

test('a copy that arrives late, but before the deadline, is still known: it is not executed again', () =>
  simulated(async bench => {
    const { wire, a, b } = await pair(bench)
    wire.arrival = f => (f.envelope.t === 'call' ? [1, MESSENGER_LIMITS.rememberMs + 15_000] : [1])
    await bench.value(a.messenger.call(to('b'), 'once', {}, FOR_A_MINUTE))
    // Other traffic goes on meanwhile, and sweeps.
    wire.arrival = () => [1]
    for (let i = 0; i < 60; i++) {
      await bench.run(1000)
      await bench.value(a.messenger.call(to('b'), 'other', {}, { timeoutMs: 1000 }))
    }
    assert.is(b.served.filter(m => m.method === 'once').length, 1)
  }))

test('answers are forgotten when no copy can come any more', () =>
  simulated(async bench => {
    const { a, b } = await pair(bench)
    for (let i = 0; i < 50; i++) await bench.value(a.messenger.call(to('b'), 'x', {}, { timeoutMs: 1000 }))
    assert.is(b.messenger.stats().remembered, 50)
    await bench.run(MESSENGER_LIMITS.rememberMs + MESSENGER_LIMITS.sweepMs)
    await bench.value(a.messenger.call(to('b'), 'x', {}, { timeoutMs: 1000 }))
    assert.is(b.messenger.stats().remembered, 1)
  }))

test('the answer of what changes nothing is not kept: a copy of the call is served again', () =>
  simulated(async bench => {
    const { wire, a, b } = await pair(bench)
    wire.arrival = f => (f.envelope.t === 'call' ? [1, 2000] : [1])
    const piece = new Uint8Array(100_000).fill(7)
    b.serve = async () => piece
    for (let i = 0; i < 5; i++) assert.equal(await bench.value(a.messenger.call(to('b'), 'read', { i }, FOR_A_MINUTE)), Buffer.from(piece))
    assert.equal([b.messenger.stats().remembered, b.served.length], [0, 5])
    await bench.run(2000)
    assert.equal([b.messenger.stats().remembered, b.served.length, b.messenger.stats().duplicates], [0, 10, 0])
  }))

test('past its deadline a call is given up, and says what it last heard', () =>
  simulated(async bench => {
    const { wire, a } = await pair(bench)
    wire.arrival = () => []
    const startMs = bench.loop.nowMs()
    const seen = await bench.outcome(a.messenger.call(to('b'), 'x', {}, { timeoutMs: 5000 }))
    assert.is(seen.is === 'refused' ? seen.fault.code : '', 'DeadlineExceeded')
    assert.ok(Math.abs(bench.loop.nowMs() - startMs - 5000) < 5)
    const nobody = await bench.outcome(a.messenger.call(to('nobody'), 'x', {}, { timeoutMs: 500 }))
    assert.match(nobody.is === 'refused' ? nobody.fault.message : '', 'there is no connection to nobody')
  }))

test('nothing is executed after its deadline, however long it lay on its way', () =>
  simulated(async bench => {
    const { wire, a, b } = await pair(bench)
    wire.arrival = f => (f.envelope.t === 'call' || f.envelope.t === 'cast' ? [3000] : [1])
    assert.is(await bench.code(a.messenger.call(to('b'), 'late', {}, { timeoutMs: 2000 })), 'DeadlineExceeded')
    a.messenger.cast(to('b'), 'late', {}, 1000)
    await bench.run(10_000)
    assert.equal([b.served.length, b.casts.length], [0, 0])
    assert.ok(b.messenger.stats().expired >= 2)
  }))

test('what waited in the queue of a receiver that was frozen is too old when it wakes up', () =>
  simulated(async bench => {
    const { wire, a, b } = await pair(bench)
    wire.network.pause('b')
    assert.is(await bench.code(a.messenger.call(to('b'), 'late', {}, { timeoutMs: 2000 })), 'DeadlineExceeded')
    await bench.run(60_000)
    wire.network.resume('b')
    await bench.run(1000)
    assert.is(b.served.length, 0)
    assert.is(await bench.code(a.messenger.call(to('b'), 'fresh', {}, { timeoutMs: 5000 })), 'ok')
    assert.equal(
      b.served.map(m => m.method),
      ['fresh'],
    )
  }))

test('the receiver is told how long it may wait with it', () =>
  simulated(async bench => {
    const { wire, a, b } = await pair(bench)
    wire.arrival = f => (f.envelope.t === 'call' ? [400] : [1])
    const arrivals: number[] = []
    b.serve = async () => arrivals.push(b.nowMs())
    await bench.value(a.messenger.call(to('b'), 'x', {}, { timeoutMs: 1000 }))
    const leftMs = (b.served[0]?.deadlineMs ?? 0) - (arrivals[0] ?? 0)
    // The clocks may have drifted apart since the last word, by a fifth of the time at most: in doubt it is told a little more.
    assert.ok(leftMs > 590 && leftMs < 700, `${leftMs} ms of 1000 are left after 400 on the way`)
  }))

test('a faulty way is tried again after the time the receiver names, and a plain Unavailable sooner', () =>
  simulated(async bench => {
    const { a, b } = await pair(bench)
    const times: number[] = []
    b.serve = async () => {
      times.push(bench.loop.nowMs())
      if (times.length === 1) throw new BatonError('Overloaded', 'full', { retryAfterMs: 2500 })
      if (times.length < 4) throw unavailable
      return 'at last'
    }
    assert.is(await bench.value(a.messenger.call(to('b'), 'x', {}, FOR_A_MINUTE)), 'at last')
    const [first = 0, second = 0, third = 0] = times
    assert.ok(second - first >= 2500 && second - first < 2600)
    assert.ok(third - second < 200)
  }))

test('an Overloaded that lasts longer than the call is handed to the caller at once, with its hint', () =>
  simulated(async bench => {
    const { a, b } = await pair(bench)
    b.serve = () => Promise.reject(new BatonError('Overloaded', 'full', { retryAfterMs: 60_000 }))
    const startMs = bench.loop.nowMs()
    const seen = await bench.outcome(a.messenger.call(to('b'), 'x', {}, { timeoutMs: 5000 }))
    assert.equal(seen.is === 'refused' ? [seen.fault.code, seen.fault.retryAfterMs] : [], ['Overloaded', 60_000])
    assert.ok(bench.loop.nowMs() - startMs < 100)
  }))

test('Moved reroutes: the newer map is learned and the call goes to the new owner at once', () =>
  simulated(async bench => {
    const wire = createWire(bench)
    const [b, c] = [await wire.node('b'), await wire.node('c')]
    const a = await wire.node('a', { dials: ['b', 'c'] })
    await bench.run(50)
    const owner = { name: 'b' }
    a.route = () => ({ at: 'node', node: a.moved.length > 0 ? 'c' : owner.name })
    b.serve = () => Promise.reject(new BatonError('Moved', 'elsewhere', { details: { map: { version: 2 } } }))
    const startMs = bench.loop.nowMs()
    assert.is(await bench.value(a.messenger.call(address('instance', 'i1'), 'get', 'x', FOR_A_MINUTE)), 'x')
    assert.equal(a.moved[0]?.details, { map: { version: 2 } })
    assert.is(c.served.length, 1)
    assert.ok(bench.loop.nowMs() - startMs < 20)
  }))

test('a call that nobody takes before its deadline is Unavailable, not Moved: the caller cannot follow a map', () =>
  simulated(async bench => {
    const { a, b } = await pair(bench)
    b.serve = () => Promise.reject(new BatonError('Moved', 'elsewhere'))
    const code = await bench.code(a.messenger.call(to('b'), 'get', {}, { timeoutMs: 3000 }))
    assert.ok(code === 'Unavailable' || code === 'DeadlineExceeded', code)
  }))

test('when routes change, waiting calls go the new way at once, and only those that are concerned', () =>
  simulated(async bench => {
    const wire = createWire(bench)
    const b = await wire.node('b')
    const a = await wire.node('a', { dials: ['b'] })
    await bench.run(50)
    b.serve = message => (message.method === 'hang' ? new Promise(() => {}) : Promise.resolve('here'))
    a.messenger.call(to('b'), 'hang', {}, FOR_A_MINUTE).catch(() => {})
    const nowhere = a.messenger.call(address('instance', 'i1'), 'get', {}, FOR_A_MINUTE)
    await bench.run(20)
    a.route = () => ({ at: 'node', node: 'b' })
    const before = a.messenger.stats().resends
    a.messenger.reroute()
    assert.is(await bench.value(nowhere, 5), 'here')
    assert.is(a.messenger.stats().resends, before)
  }))

test('what is for this very node is served without a network, and its transient faults are tried again', () =>
  simulated(async bench => {
    const wire = createWire(bench)
    const a = await wire.node('a')
    let times = 0
    a.serve = () => (++times < 3 ? Promise.reject(unavailable) : Promise.resolve('mine'))
    assert.is(await bench.value(a.messenger.call(to('a'), 'x', {}, FOR_A_MINUTE)), 'mine')
    assert.equal([wire.frames.length, times], [0, 3])
  }))

test('an answer from the way before, after the call was answered on the new way, starts nothing', () =>
  simulated(async bench => {
    const { wire, a, b } = await pair(bench)
    let local: (error: BatonError) => void = () => {}
    a.serve = () => new Promise((_, reject) => (local = reject))
    a.route = () => ({ at: 'here' })
    const asked = a.messenger.call(address('instance', 'i1'), 'get', 'x', FOR_A_MINUTE)
    await bench.run(10)
    a.route = () => ({ at: 'node', node: 'b' })
    a.messenger.reroute()
    assert.is(await bench.value(asked), 'x')
    const before = countOf(wire, 'call')
    local(new BatonError('Moved', 'drained'))
    await bench.run(30_000)
    assert.is(countOf(wire, 'call'), before)
    assert.is(b.served.length, 1)
  }))

test('a cast arrives once or not at all, and nobody waits for it', () =>
  simulated(async bench => {
    const { wire, a, b } = await pair(bench)
    a.messenger.cast(to('b'), 'note', { n: 1 })
    await bench.run(10)
    wire.arrival = () => []
    a.messenger.cast(to('b'), 'note', { n: 2 })
    a.messenger.cast(to('nobody'), 'note', { n: 3 })
    a.messenger.cast(to('a'), 'note', { n: 4 })
    await bench.run(10_000)
    assert.equal(
      b.casts.map(m => m.args),
      [{ n: 1 }],
    )
    assert.equal(
      a.casts.map(m => m.args),
      [{ n: 4 }],
    )
  }))

test('closing answers everybody who waits, and takes nothing more', () =>
  simulated(async bench => {
    const { a, b } = await pair(bench)
    b.serve = () => new Promise(() => {})
    const waiting = [a.messenger.call(to('b'), 'x', {}, FOR_A_MINUTE), a.messenger.call(to('nobody'), 'x', {}, FOR_A_MINUTE)]
    const told = Promise.allSettled(waiting)
    await bench.run(10)
    a.messenger.close()
    for (const seen of await bench.value(told)) assert.match(seen.status === 'rejected' ? String(seen.reason) : 'an answer', 'a is shutting down')
    assert.is(await bench.code(a.messenger.call(to('b'), 'x', {}, FOR_A_MINUTE)), 'Unavailable')
  }))

test('a cast to many is the same bytes for each, and is taken by whoever is behind a session', () =>
  simulated(async bench => {
    const wire = createWire(bench)
    const b = await wire.node('b', { role: 'compute' })
    const c = await wire.node('c', { role: 'gateway' })
    const a = await wire.node('a', { dials: ['b', 'c'] })
    await bench.run(50)
    a.messenger.castAll(a.messenger.sessions.all(), 'map', { version: 7 })
    await bench.run(10)
    for (const node of [b, c]) {
      assert.equal(
        node.casts.map(({ method, args, from }) => [method, args, from]),
        [['map', { version: 7 }, { role: 'conductor', node: 'a' }]],
      )
    }
    a.messenger.castAll(a.messenger.sessions.all(), 'map', { text: 'x'.repeat(5_000_000) })
    await bench.run(10)
    assert.equal([b.casts.length, c.casts.length], [1, 1], 'what no link takes is left out, and harms nobody')
  }))

test.run()
