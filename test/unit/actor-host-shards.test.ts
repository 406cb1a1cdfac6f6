/** Shards that come and go: adoption resumes what was under way, draining finishes what is in hand. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { shardOf } from '../../actors/kernel/address.ts'
import { ALL_SHARDS, hosted, newDatabase } from '../support/actor-host.ts'
import { simulated } from '../support/simulated.ts'

const shardsOf = (...ids: string[]): number[] => [...new Set(ids.map(shardOf))]

test('what is not served here is answered Moved, and what was adopted is served', () =>
  simulated(async bench => {
    const actors = await hosted(bench, { adopt: false })
    assert.is(await bench.code(actors.send('a', 'get')), 'Moved')
    await bench.value(actors.host.adopt(shardsOf('a')))
    assert.is(await bench.code(actors.send('a', 'get')), 'ok')
    assert.equal([actors.host.owns(shardOf('a')), actors.host.owned()], [true, shardsOf('a')])
    actors.stop()
  }))

test('adoption resumes every actor that has work, calls and timers, and none that has not', () =>
  simulated(async bench => {
    const database = newDatabase(bench)
    const first = await hosted(bench, { database })
    await bench.value(first.send('calls', 'want', { key: 'x' }))
    await bench.value(first.send('asleep', 'add', { n: 1 }))
    first.stop()
    const second = await hosted(bench, { database, node: 'c2', adopt: false })
    const resumed = await bench.value(second.host.adopt(ALL_SHARDS))
    assert.is(resumed.actors, 1)
    assert.is.not(resumed.firstMs, null)
    assert.equal(
      second.calls.map(c => c.method),
      ['x'],
    )
    assert.is(second.host.stats().actors, 1)
    second.calls[0]?.resolve(null)
    await bench.run(100)
    assert.equal(await bench.value(second.send('calls', 'get')), { sum: 0, wanted: [], heard: ['x'], done: false })
    second.stop()
  }))

test('a timer that ran out while nobody served it fires at adoption', () =>
  simulated(async bench => {
    const database = newDatabase(bench)
    const first = await hosted(bench, { database })
    const asked = first.send('a', 'want', { key: 'timer-x' })
    await bench.value(asked)
    first.stop()
    await bench.run(60_000)
    const second = await hosted(bench, { database, node: 'c2' })
    await bench.run(100)
    assert.match(JSON.stringify(await bench.value(second.send('a', 'get'))), '"heard":["timer-x"]')
    second.stop()
  }))

test('adoption of many actors loads them all, in groups', () =>
  simulated(async bench => {
    const database = newDatabase(bench)
    const first = await hosted(bench, { database, limits: { total: 10_000 } })
    const ids = Array.from({ length: 1200 }, (_, i) => `a${i}`)
    await bench.value(Promise.all(ids.map(id => first.send(id, 'want', { key: 'x' }))), 60_000)
    first.stop()
    const second = await hosted(bench, { database, node: 'c2', adopt: false })
    assert.is((await bench.value(second.host.adopt(ALL_SHARDS))).actors, 1200)
    assert.is(second.calls.length, 1200)
    second.stop()
  }))

test('adopting again what is served already starts nothing twice', () =>
  simulated(async bench => {
    const actors = await hosted(bench)
    await bench.value(actors.send('a', 'want', { key: 'x' }))
    assert.equal(await bench.value(actors.host.adopt(ALL_SHARDS)), { actors: 0, firstMs: null })
    assert.is(actors.calls.length, 1)
    actors.stop()
  }))

test('a message during adoption brings its actor to life once', () =>
  simulated(async bench => {
    const database = newDatabase(bench)
    const first = await hosted(bench, { database })
    await bench.value(first.send('a', 'want', { key: 'x' }))
    first.stop()
    const second = await hosted(bench, { database, node: 'c2', adopt: false })
    const adopted = second.host.adopt(ALL_SHARDS)
    await bench.run(2)
    const asked = second.send('a', 'add', { n: 1 })
    await bench.value(adopted)
    assert.is(await bench.value(asked), 1)
    assert.is(second.host.stats().actors, 1)
    assert.equal(
      second.calls.map(c => c.method),
      ['x'],
    )
    second.stop()
  }))

test('draining finishes the commit in hand, refuses what waits behind it and what comes, and stops the work', () =>
  simulated(async bench => {
    const actors = await hosted(bench)
    await bench.value(actors.send('a', 'want', { key: 'x' }))
    actors.control.held = []
    const inHand = actors.send('a', 'add', { n: 1 })
    await bench.run(10)
    const behind = actors.send('a', 'add', { n: 2 })
    let drained = false
    const draining = actors.host.drain(ALL_SHARDS).then(() => {
      drained = true
    })
    assert.is(await bench.code(actors.send('a', 'get')), 'Moved')
    assert.is(await bench.code(actors.send('b', 'get')), 'Moved')
    await bench.run(5000)
    assert.is(drained, false)
    for (const letGo of actors.control.held.splice(0)) letGo()
    assert.is(await bench.value(inHand), 1)
    assert.is(await bench.code(behind), 'Moved')
    await bench.value(draining)
    assert.equal([actors.host.owned(), actors.host.stats().actors, actors.host.stats().waiting], [[], 0, 0])
    actors.calls[0]?.resolve(null)
    await bench.run(1000)
    assert.is(actors.database.tables.actors.get('counter/a')?.seq, 2, 'an answer that comes now is for the next owner')
    actors.stop()
  }))

test('from the moment draining begins no actor of the shards takes anything, whatever another still has to finish', () =>
  simulated(async bench => {
    const actors = await hosted(bench)
    await bench.value(actors.send('a', 'get'))
    await bench.value(actors.send('b', 'get'))
    actors.control.held = []
    const inHand = actors.send('a', 'add', { n: 1 })
    await bench.run(10)
    const draining = actors.host.drain(shardsOf('a', 'b'))
    assert.is(await bench.code(actors.send('b', 'add', { n: 1 }), 10), 'Moved')
    for (const letGo of actors.control.held.splice(0)) letGo()
    await bench.value(Promise.all([inHand, draining]))
    actors.stop()
  }))

test('draining twice at the same time ends twice', () =>
  simulated(async bench => {
    const actors = await hosted(bench)
    actors.control.held = []
    const inHand = actors.send('a', 'add', { n: 1 })
    await bench.run(10)
    const both = Promise.all([actors.host.drain(ALL_SHARDS), actors.host.drain(ALL_SHARDS)])
    for (const letGo of actors.control.held.splice(0)) letGo()
    assert.is(await bench.value(inHand), 1)
    assert.is(await bench.code(both), 'ok')
    actors.stop()
  }))

test('draining some shards leaves the others alone', () =>
  simulated(async bench => {
    const actors = await hosted(bench)
    const [gone, stays] = ['a', ['b', 'c', 'd'].find(id => shardOf(id) !== shardOf('a')) ?? '']
    await bench.value(actors.send(gone, 'want', { key: 'x' }))
    await bench.value(actors.send(stays, 'want', { key: 'y' }))
    await bench.value(actors.host.drain(shardsOf(gone)))
    assert.is(await bench.code(actors.send(gone, 'get')), 'Moved')
    actors.calls[1]?.resolve(null)
    await bench.run(100)
    assert.match(JSON.stringify(await bench.value(actors.send(stays, 'get'))), '"heard":["y"]')
    actors.stop()
  }))

test('a shard given away and taken back goes on where it was', () =>
  simulated(async bench => {
    const actors = await hosted(bench)
    await bench.value(actors.send('a', 'want', { key: 'x' }))
    await bench.value(actors.host.drain(shardsOf('a')))
    await bench.value(actors.host.adopt(shardsOf('a')))
    assert.equal(
      actors.calls.map(c => c.method),
      ['x', 'x'],
    )
    assert.is(await bench.value(actors.send('a', 'add', { n: 3 })), 3)
    actors.stop()
  }))

test('an actor let go while it is being read does not start its work any more', () =>
  simulated(async bench => {
    const database = newDatabase(bench)
    const first = await hosted(bench, { database })
    await bench.value(first.send('a', 'want', { key: 'x' }))
    first.stop()
    const second = await hosted(bench, { database, node: 'c2', adopt: false })
    const stored = database.tables.actors.get('counter/a')
    if (!stored) throw new Error('nothing was stored')
    database.tables.actors.set('counter/a', { ...stored, awake: false })
    await bench.value(second.host.adopt(shardsOf('a')))
    const asked = bench.code(second.send('a', 'get'))
    await bench.run(1)
    second.stop()
    assert.is(await asked, 'Moved')
    await bench.run(10_000)
    assert.equal(second.calls, [])
    assert.is(second.host.stats().waiting, 0)
  }))

test.run()
