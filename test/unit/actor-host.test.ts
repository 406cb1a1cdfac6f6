/** How an actor host treats one actor: commit, answer, work, inbox, idleness. Failures and shards have files of their own. */
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { hostActor } from '../../actors/host/host.ts'
import { address } from '../../actors/kernel/address.ts'
import { CONDUCTOR, hosted, LIMITS } from '../support/actor-host.ts'
import { simulated } from '../support/simulated.ts'

test('an answer comes after the commit, and so does the work', () =>
  simulated(async bench => {
    const actors = await hosted(bench)
    actors.control.held = []
    let answered = false
    const asked = actors.send('a', 'want', { key: 'x' }).then(() => {
      answered = true
      actors.trace.push('answer')
    })
    await bench.run(60_000)
    assert.equal([answered, actors.trace], [false, []])
    for (const letGo of actors.control.held.splice(0)) letGo()
    await bench.value(asked)
    assert.equal(actors.trace, ['append counter/a 1', 'call x', 'committed counter/a', 'answer'])
    actors.stop()
  }))

test('commands of one actor are done in the order in which they came, each on the state behind the one before', () =>
  simulated(async bench => {
    const actors = await hosted(bench)
    const answers = [1, 2, 3, 4].map(n => actors.send('a', 'add', { n }))
    assert.equal(await bench.value(Promise.all(answers)), [1, 3, 6, 10])
    assert.equal(
      actors.trace.filter(t => t.startsWith('append')),
      ['append counter/a 1 2 3 4'],
      'what waits together shares a commit',
    )
    actors.stop()
  }))

test('actors do not wait for each other', () =>
  simulated(async bench => {
    const actors = await hosted(bench)
    actors.control.held = []
    const slow = actors.send('a', 'add', { n: 1 })
    await bench.run(10)
    const held = actors.control.held.splice(0)
    actors.control.held = null
    assert.is(await bench.value(actors.send('b', 'add', { n: 5 })), 5)
    assert.is((await bench.outcome(slow, 100)).is, 'waiting')
    for (const letGo of held) letGo()
    assert.is(await bench.value(slow), 1)
    actors.stop()
  }))

test('a refusal is answered, and nothing is written; a question writes nothing either', () =>
  simulated(async bench => {
    const actors = await hosted(bench)
    assert.is(await bench.code(actors.send('a', 'refuse')), 'Conflict')
    assert.equal(await bench.value(actors.send('a', 'get')), { sum: 0, wanted: [], heard: [], done: false })
    assert.equal(actors.trace, [])
    assert.is(actors.database.tables.actors.size, 0)
    actors.stop()
  }))

test('who may not send, or what there is no method for, goes to the dead letters; malformed arguments are refused', () =>
  simulated(async bench => {
    const actors = await hosted(bench)
    const send = (kind: string, method: string, args: unknown, role: 'compute' | 'gateway') =>
      bench.code(actors.host.deliver(address(kind, 'a'), { method, args }, { role, node: 'x' }))
    assert.is(await send('counter', 'get', {}, 'compute'), 'UnknownMethod')
    assert.is(await send('counter', 'add', { n: 1 }, 'compute'), 'UnknownMethod')
    assert.is(await send('counter', 'add', { n: 1 }, 'gateway'), 'ok')
    assert.is(await bench.code(actors.send('a', 'nope')), 'UnknownMethod')
    assert.is(await bench.code(actors.send('a', '@result', { key: 'forged' })), 'UnknownMethod')
    assert.is(await bench.code(actors.host.deliver(address('nobody', 'a'), { method: 'get', args: {} }, CONDUCTOR)), 'UnknownMethod')
    assert.is(await bench.code(actors.send('a', 'add', { n: 'one' })), 'BadRequest')
    assert.is(actors.host.stats().deadLetters, 5)
    actors.stop()
  }))

test('a full inbox answers Overloaded, with the time after which to come again, and loses nothing it took', () =>
  simulated(async bench => {
    const actors = await hosted(bench)
    actors.control.held = []
    const taken = Array.from({ length: LIMITS.inbox }, () => actors.send('a', 'add', { n: 1 }))
    const refused = await bench.outcome(actors.send('a', 'add', { n: 1 }), 10)
    assert.is(refused.is, 'refused')
    assert.equal(refused.is === 'refused' ? [refused.fault.code, refused.fault.retryAfterMs] : [], ['Overloaded', 250])
    assert.equal([actors.host.stats().waiting, actors.host.stats().busiest], [LIMITS.inbox, 'counter/a'])
    await bench.run(500)
    assert.ok(actors.host.stats().oldestMs >= 500)
    for (const letGo of actors.control.held.splice(0)) letGo()
    actors.control.held = null
    assert.equal(await bench.value(Promise.all(taken)), [1, 2, 3, 4, 5])
    assert.equal([actors.host.stats().waiting, actors.host.stats().busiest], [0, null])
    actors.stop()
  }))

test('all inboxes together are bounded too', () =>
  simulated(async bench => {
    const actors = await hosted(bench)
    actors.control.held = []
    const sent = Array.from({ length: LIMITS.total + 3 }, (_, i) => bench.outcome(actors.send(`a${i}`, 'add', { n: 1 }), 100))
    const outcomes = await Promise.all(sent)
    assert.is(outcomes.filter(o => o.is === 'refused' && o.fault.code === 'Overloaded').length, 3)
    assert.is(outcomes.filter(o => o.is === 'waiting').length, LIMITS.total)
    actors.stop()
  }))

test('the answer to its own work reaches an actor whose inbox is full: it makes room', () =>
  simulated(async bench => {
    const actors = await hosted(bench)
    await bench.value(actors.send('a', 'want', { key: 'x' }))
    actors.control.held = []
    for (let i = 0; i < LIMITS.inbox; i++) actors.send('a', 'add', { n: 1 }).catch(() => {})
    assert.is(await bench.code(actors.send('a', 'get')), 'Overloaded')
    actors.calls[0]?.resolve(null)
    await bench.run(10)
    for (const letGo of actors.control.held.splice(0)) letGo()
    actors.control.held = null
    await bench.run(1000)
    assert.equal(await bench.value(actors.send('a', 'get')), { sum: LIMITS.inbox, wanted: [], heard: ['x'], done: false })
    actors.stop()
  }))

test('a command whose deadline passed while it waited in the inbox is not executed', () =>
  simulated(async bench => {
    const actors = await hosted(bench)
    actors.control.held = []
    actors.send('a', 'add', { n: 1 }).catch(() => {})
    await bench.run(10)
    const late = actors.send('a', 'add', { n: 100 }, bench.env.monotonicMs() + 1000)
    await bench.run(1001)
    for (const letGo of actors.control.held.splice(0)) letGo()
    actors.control.held = null
    assert.is(await bench.code(late), 'DeadlineExceeded')
    assert.match(JSON.stringify(await bench.value(actors.send('a', 'get'))), '"sum":1,')
    actors.stop()
  }))

test('work is started once, kept while it is wanted, and its answer comes back as a command', () =>
  simulated(async bench => {
    const actors = await hosted(bench)
    await bench.value(actors.send('a', 'want', { key: 'x' }))
    await bench.value(actors.send('a', 'want', { key: 'y' }))
    assert.equal(
      actors.calls.map(c => c.method),
      ['x', 'y'],
    )
    actors.calls[1]?.resolve(7)
    await bench.run(100)
    assert.equal(await bench.value(actors.send('a', 'get')), { sum: 0, wanted: ['x'], heard: ['y'], done: false })
    assert.equal(
      actors.calls.map(c => c.method),
      ['x', 'y'],
    )
    actors.stop()
  }))

test('an idle actor is let go and comes back as it was; one with work stays', () =>
  simulated(async bench => {
    const actors = await hosted(bench)
    await bench.value(actors.send('idle', 'add', { n: 7 }))
    await bench.value(actors.send('busy', 'want', { key: 'x' }))
    assert.is(actors.host.stats().actors, 2)
    await bench.run(LIMITS.idleMs + 6000)
    assert.is(actors.host.stats().actors, 1)
    assert.is(await bench.value(actors.send('idle', 'add', { n: 1 })), 8)
    assert.is(actors.host.stats().actors, 2)
    assert.equal(
      actors.calls.map(c => c.method),
      ['x'],
    )
    actors.stop()
  }))

test('an actor that is asked now and then is not idle', () =>
  simulated(async bench => {
    const actors = await hosted(bench)
    for (let i = 0; i < 10; i++) {
      await bench.value(actors.send('a', 'get'))
      await bench.run(LIMITS.idleMs / 2)
    }
    assert.is(actors.host.stats().actors, 1)
    actors.stop()
  }))

test('views, wakefulness and the end of an actor are written with its events', () =>
  simulated(async bench => {
    const actors = await hosted(bench)
    const stored = () => actors.database.tables.actors.get('counter/a')
    await bench.value(actors.send('a', 'add', { n: 4 }))
    assert.is(actors.database.tables.views.flavor.get('a')?.body, '{"id":"a","sum":4,"rev":1}')
    assert.equal([stored()?.awake, stored()?.finishedAt], [false, null])
    await bench.value(actors.send('a', 'want', { key: 'x' }))
    assert.is(stored()?.awake, true)
    await bench.value(actors.send('a', 'finish'))
    assert.is.not(stored()?.finishedAt, null)
    actors.stop()
  }))

test('after a stop nothing runs, nothing is answered well, and all who waited are told', () =>
  simulated(async bench => {
    const actors = await hosted(bench)
    await bench.value(actors.send('a', 'want', { key: 'timer-x' }))
    actors.control.held = []
    const waiting = actors.send('a', 'add', { n: 1 })
    await bench.run(10)
    actors.stop()
    assert.is(await bench.code(waiting), 'Moved')
    assert.is(await bench.code(actors.send('a', 'get')), 'Moved')
    assert.is(actors.host.stats().waiting, 0)
    assert.is(actors.host.stats().actors, 0)
  }))

const steps = fc.array(
  fc.oneof(
    fc.record({ method: fc.constant('claim'), claim: fc.nat(6), order: fc.nat(9) }),
    fc.record({ method: fc.constant('release'), claim: fc.nat(6), order: fc.nat(9) }),
    fc.record({ method: fc.constant('observe'), state: fc.constantFrom('up', 'suspect', 'down') }),
    fc.record({ method: fc.constant('setEnabled'), enabled: fc.boolean() }),
  ),
  { minLength: 1, maxLength: 25 },
)

test('a snapshot with the events behind it gives the same state as all events alone', async () => {
  const definition = hostActor({ vcpu: 4, ram: 1, disk: 1 })
  await fc.assert(
    fc.asyncProperty(steps, fc.integer({ min: 1, max: 7 }), (script, snapshotEvery) =>
      simulated(async bench => {
        const first = await hosted(bench, { definitions: [definition], limits: { snapshotEvery } })
        const send = (actors: typeof first, method: string, args: unknown) => actors.host.deliver(address('host', 'h1'), { method, args }, CONDUCTOR)
        await bench.value(send(first, 'register', { driver: 'fake', pid: 1, version: '0', vcpus: 4, ramMb: 100, diskGb: 10 }))
        for (const { method, ...args } of script) {
          const claim = 'claim' in args ? { ...args, claim: `i${args.claim}.1`, instance: `i${args.claim}`, vcpus: 1, ramMb: 10, diskGb: 0 } : args
          await bench.outcome(send(first, method, claim))
        }
        first.stop()
        const stored = first.database.tables.actors.get('host/h1')
        assert.ok(snapshotEvery > (stored?.seq ?? 0) || stored?.snapshot, 'there is a snapshot')
        const state = (stored?.events ?? []).reduce((s, e) => definition.evolve(s, JSON.parse(e.data), e.at), definition.initial('h1'))
        const second = await hosted(bench, { definitions: [definition], database: first.database, node: 'c2' })
        const body = await bench.value(send(second, 'get', {}))
        const claims = await bench.value(send(second, 'claims', {}))
        second.stop()
        const expected = definition.decide(state, { method: 'claims', args: {} }, { id: 'h1', now: 0, from: CONDUCTOR })
        assert.equal(body, definition.view(state, 'h1')?.body)
        assert.equal(claims, expected.ok ? expected.reply?.(state) : null)
      }),
    ),
    { numRuns: 60 },
  )
})

test.run()
