/** Actors that fail: restarted from the journal, set aside when they fail too often, and never at the cost of others. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { address } from '../../actors/kernel/address.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { type Hosted, hosted, newDatabase, RESTART } from '../support/actor-host.ts'
import { type Bench, simulated } from '../support/simulated.ts'

const sumOf = async (bench: Bench, actors: Hosted, id: string): Promise<unknown> =>
  ((await bench.value(actors.send(id, 'get'))) as { sum: number }).sum

test('an actor that crashes while deciding is read again from the journal, after a pause, with its state as it was', () =>
  simulated(async bench => {
    const actors = await hosted(bench)
    await bench.value(actors.send('a', 'add', { n: 7 }))
    actors.defects.left = 1
    const sentMs = bench.loop.nowMs()
    assert.is(await bench.code(actors.send('a', 'boom')), 'Internal')
    assert.ok(bench.loop.nowMs() - sentMs >= RESTART.backoffBaseMs / 2)
    assert.is(actors.host.stats().restarts, 1)
    assert.is(await bench.value(actors.send('a', 'add', { n: 1 })), 8)
    actors.stop()
  }))

test('the pause grows with each failure', () =>
  simulated(async bench => {
    const actors = await hosted(bench)
    actors.defects.left = RESTART.limit
    const pauses: number[] = []
    for (let i = 0; i < RESTART.limit; i++) {
      const sentMs = bench.loop.nowMs()
      await bench.code(actors.send('a', 'boom'))
      pauses.push(bench.loop.nowMs() - sentMs)
    }
    for (const [i, pauseMs] of pauses.entries()) {
      const step = RESTART.backoffBaseMs * 2 ** i
      assert.ok(pauseMs >= step / 2 && pauseMs <= step + 10, pauses.join(' '))
    }
    actors.stop()
  }))

test('what was asked before the crash is answered, what came after it waits for the restart', () =>
  simulated(async bench => {
    const actors = await hosted(bench)
    await bench.value(actors.send('a', 'get'))
    actors.defects.left = 1
    const answers = [actors.send('a', 'add', { n: 1 }), actors.send('a', 'boom'), actors.send('a', 'add', { n: 2 })]
    const codes = []
    for (const answer of answers) codes.push((await bench.outcome(answer)).is)
    assert.equal(codes, ['ok', 'refused', 'ok'])
    assert.is(await sumOf(bench, actors, 'a'), 3)
    actors.stop()
  }))

test('an actor that fails too often is set aside, and the others go on', () =>
  simulated(async bench => {
    const actors = await hosted(bench)
    await bench.value(actors.send('b', 'add', { n: 1 }))
    actors.defects.left = RESTART.limit + 1
    for (let i = 0; i <= RESTART.limit; i++) assert.is(await bench.code(actors.send('a', 'boom')), 'Internal')
    assert.equal(actors.host.stats().poisoned, ['counter/a'])
    assert.ok(actors.trace.includes('poisoned counter/a'))
    assert.is(await bench.code(actors.send('a', 'get')), 'Poisoned')
    assert.is(await bench.value(actors.send('b', 'add', { n: 1 })), 2)
    await bench.run(60_000)
    assert.is(await bench.code(actors.send('a', 'get')), 'Poisoned', 'it is not let go and forgotten for idleness')
    actors.stop()
  }))

test('an actor that was set aside is loaded again when somebody says so, with its state as it was', () =>
  simulated(async bench => {
    const actors = await hosted(bench)
    await bench.value(actors.send('a', 'add', { n: 7 }))
    actors.defects.left = RESTART.limit + 1
    for (let i = 0; i <= RESTART.limit; i++) await bench.code(actors.send('a', 'boom'))
    assert.equal(actors.host.stats().poisoned, ['counter/a'])
    await bench.value(actors.host.revive(address('counter', 'a')))
    assert.equal(actors.host.stats().poisoned, [])
    assert.is(await sumOf(bench, actors, 'a'), 7)
    actors.stop()
  }))

test('a row is written again as the state has it, without an event; of an actor that never was, none', () =>
  simulated(async bench => {
    const actors = await hosted(bench)
    await bench.value(actors.send('a', 'add', { n: 7 }))
    const row = actors.database.tables.views.flavor.get('a')
    assert.ok(row)
    if (row) actors.database.tables.views.flavor.set('a', { ...row, body: '{"id":"a","sum":99}' })
    await bench.value(actors.host.rewrite(address('counter', 'a')))
    assert.equal(JSON.parse(actors.database.tables.views.flavor.get('a')?.body ?? ''), { id: 'a', sum: 7, rev: 1 })
    assert.is(actors.database.tables.actors.get('counter/a')?.seq, 1)
    await bench.value(actors.host.rewrite(address('counter', 'never')))
    assert.is(actors.database.tables.actors.get('counter/never'), undefined)
    assert.is(await bench.value(actors.send('a', 'add', { n: 1 })), 8)
    actors.stop()
  }))

test('failures far apart never add up', () =>
  simulated(async bench => {
    const actors = await hosted(bench)
    actors.defects.left = 20
    for (let i = 0; i < 20; i++) {
      assert.is(await bench.code(actors.send('a', 'boom')), 'Internal')
      await bench.run(RESTART.periodMs / RESTART.limit + 1)
      await bench.value(actors.send('a', 'get'))
    }
    assert.equal(actors.host.stats().poisoned, [])
    actors.stop()
  }))

test('the work of an actor stops when it fails and goes on when it is back', () =>
  simulated(async bench => {
    const actors = await hosted(bench)
    await bench.value(actors.send('a', 'want', { key: 'x' }))
    actors.defects.left = 1
    await bench.code(actors.send('a', 'boom'))
    assert.equal(
      actors.calls.map(c => c.method),
      ['x', 'x'],
      'asked for again',
    )
    actors.calls[0]?.resolve('of the life before')
    actors.calls[1]?.resolve(null)
    await bench.run(100)
    assert.match(JSON.stringify(await bench.value(actors.send('a', 'get'))), '"heard":["x"]')
    actors.stop()
  }))

test('with the journal away after a crash, it comes back by itself as soon as the journal does, work and all', () =>
  simulated(async bench => {
    const actors = await hosted(bench)
    await bench.value(actors.send('a', 'want', { key: 'x' }))
    actors.defects.left = 1
    const crashed = bench.code(actors.send('a', 'boom'), 100_000)
    actors.database.setDown(true)
    await bench.run(60_000)
    assert.equal(
      actors.calls.map(c => c.method),
      ['x'],
    )
    actors.database.setDown(false)
    await bench.run(RESTART.backoffCapMs + 100)
    assert.equal(
      actors.calls.map(c => c.method),
      ['x', 'x'],
      'nobody had to talk to it',
    )
    assert.is(await crashed, 'Internal')
    assert.equal(actors.host.stats().poisoned, [], 'an absent journal is no failure of the actor')
    actors.stop()
  }))

test('with the journal away, a first message is refused as transient, and the actor is not blamed', () =>
  simulated(async bench => {
    const actors = await hosted(bench)
    actors.database.setDown(true)
    assert.is(await bench.code(actors.send('a', 'get')), 'Database')
    actors.database.setDown(false)
    assert.is(await sumOf(bench, actors, 'a'), 0)
    assert.is(actors.host.stats().restarts, 0)
    actors.stop()
  }))

test('data the database refuses restarts only that actor; nothing of it was done, others notice nothing', () =>
  simulated(async bench => {
    const actors = await hosted(bench)
    await bench.value(actors.send('a', 'add', { n: 1 }))
    actors.control.refuseAppend = new BatonError('JournalRefused', 'a string too long')
    const refused = actors.send('a', 'add', { n: 100 })
    const other = actors.send('b', 'add', { n: 5 })
    assert.is(await bench.value(other), 5)
    assert.is(await bench.code(refused), 'JournalRefused')
    assert.is(actors.host.stats().restarts, 1)
    assert.is(await bench.value(actors.send('a', 'add', { n: 1 })), 2)
    actors.stop()
  }))

test('of several commands that share a commit only the one to blame is refused', () =>
  simulated(async bench => {
    const actors = await hosted(bench)
    await bench.value(actors.send('a', 'get'))
    const answers = [actors.send('a', 'add', { n: 1 }), actors.send('a', 'badView'), actors.send('a', 'add', { n: 2 }), actors.send('a', 'get')]
    const codes = []
    for (const answer of answers) codes.push(await bench.code(answer))
    assert.equal(codes, ['ok', 'Internal', 'ok', 'ok'])
    assert.is(await sumOf(bench, actors, 'a'), 3)
    assert.is(actors.host.stats().restarts, 1)
    actors.stop()
  }))

test('a defect in the view counts like one in the decision: too often, and it is set aside', () =>
  simulated(async bench => {
    const actors = await hosted(bench)
    for (let i = 0; i <= RESTART.limit; i++) assert.is(await bench.code(actors.send('a', 'badView')), 'Internal')
    assert.equal(actors.host.stats().poisoned, ['counter/a'])
    actors.stop()
  }))

test('a reply that fails costs only that reply: the command is done, and the actor goes on', () =>
  simulated(async bench => {
    const actors = await hosted(bench)
    assert.is(await bench.code(actors.send('a', 'badReply')), 'Internal')
    assert.is(await bench.value(actors.send('a', 'add', { n: 1 })), 2)
    assert.is(actors.host.stats().waiting, 0)
    actors.stop()
  }))

test('a full journal passes its Overloaded on; the state is as before and the next command succeeds', () =>
  simulated(async bench => {
    const actors = await hosted(bench)
    await bench.value(actors.send('a', 'add', { n: 1 }))
    actors.control.refuseAppend = new BatonError('Overloaded', 'full', { retryAfterMs: 9 })
    const seen = await bench.outcome(actors.send('a', 'add', { n: 1 }))
    assert.equal(seen.is === 'refused' ? [seen.fault.code, seen.fault.retryAfterMs] : [], ['Overloaded', 9])
    assert.is(await bench.value(actors.send('a', 'add', { n: 1 })), 2)
    assert.is(actors.host.stats().restarts, 0)
    actors.stop()
  }))

test('an append that is fenced is reported, and nobody is told that it was done', () =>
  simulated(async bench => {
    const database = newDatabase(bench)
    const actors = await hosted(bench, { database })
    await bench.value(actors.send('a', 'add', { n: 1 }))
    await hosted(bench, { database, adopt: false })
    const answer = await bench.code(actors.send('a', 'add', { n: 1 }))
    assert.is(answer, 'Fenced')
    assert.ok(actors.trace.includes('fenced'))
    assert.is(database.tables.actors.get('counter/a')?.seq, 1)
    assert.is(await sumOf(bench, actors, 'a'), 1, 'nor does it believe so itself')
    actors.stop()
  }))

test('a journal with a hole is not guessed at: the actor is set aside, at adoption and at a first message alike', () =>
  simulated(async bench => {
    const database = newDatabase(bench)
    const first = await hosted(bench, { database })
    for (const key of ['x', 'y', 'z', 'v', 'w']) await bench.value(first.send('a', 'want', { key }))
    first.stop()
    const stored = database.tables.actors.get('counter/a')
    if (!stored) throw new Error('nothing was stored')
    const holed = { ...stored, snapshot: null, events: stored.events.filter(e => e.seq !== 2) }
    database.tables.actors.set('counter/a', holed)
    const second = await hosted(bench, { database })
    assert.equal(second.host.stats().poisoned, ['counter/a'])
    assert.equal(second.calls, [])
    second.stop()
    database.tables.actors.set('counter/a', { ...holed, awake: false })
    const third = await hosted(bench, { database })
    assert.is(await bench.code(third.send('a', 'get')), 'Internal')
    assert.is(await bench.code(third.send('a', 'get')), 'Poisoned')
    third.stop()
  }))

test.run()
