import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { address, shardOf } from '../../actors/kernel/address.ts'
import type { ShardMap } from '../../actors/kernel/ports.ts'
import { createDirectory } from '../../supervisors/membership/seeds.ts'
import { type Bench, simulated } from '../support/simulated.ts'
import { createWire, type WireNode } from '../support/wire.ts'

const mapOf = (version: number, nodes: readonly string[], owner: (shard: number) => number = () => 1): ShardMap => ({
  version,
  owners: Array.from({ length: 256 }, (_, shard) => owner(shard)),
  members: nodes.map((nodeId, i) => ({ incarnation: i + 1, nodeId, endpoint: `sim://${nodeId}`, draining: false })),
})

/** A node with a directory that knows the conductor `a` to begin with. */
async function start(bench: Bench) {
  const wire = createWire(bench)
  const conductors: WireNode[] = []
  for (const name of ['a', 'b', 'c']) conductors.push(await wire.node(name))
  const node = await wire.node('compute-1', { role: 'compute' })
  const directory = createDirectory(bench.env, ['sim://a'])
  directory.start(node.messenger)
  await bench.run(50)
  return { wire, conductors, node, directory }
}

test('it begins with its seeds, and a map brings the other conductors', () =>
  simulated(async bench => {
    const { node, directory } = await start(bench)
    assert.equal(node.opened, ['a'])
    directory.learn(mapOf(1, ['a', 'b', 'c']))
    await bench.run(50)
    assert.equal([...node.opened].sort(), ['a', 'b', 'c'])
    assert.is(directory.map().version, 1)
  }))

test('a conductor that has left is hung up on, a seed never', () =>
  simulated(async bench => {
    const { node, directory } = await start(bench)
    directory.learn(mapOf(1, ['a', 'b']))
    directory.learn(mapOf(2, ['c']))
    await bench.run(50)
    assert.equal([...node.messenger.sessions.dialled()].sort(), ['sim://a', 'sim://c'])
  }))

test('older maps, the same map, and what is no map are ignored', () =>
  simulated(async bench => {
    const { directory } = await start(bench)
    directory.learn(mapOf(5, ['a']))
    for (const other of [
      mapOf(4, ['b']),
      mapOf(5, ['b']),
      null,
      7,
      {},
      { version: 9 },
      { version: 9, owners: [], members: [{}] },
      { version: '9', owners: [], members: [] },
    ]) {
      directory.learn(other)
    }
    assert.equal(directory.map(), mapOf(5, ['a']))
  }))

test('the owner of an id is a node; of a shard without an owner it is nowhere, and says which', () =>
  simulated(async bench => {
    const { directory } = await start(bench)
    assert.is(directory.ownerOf(address('instance', 'i1')).at, 'nowhere')
    directory.learn(mapOf(1, ['a', 'b'], shard => (shard === shardOf('i1') ? 2 : 0)))
    assert.equal(directory.ownerOf(address('operation', 'i1.7')), { at: 'node', node: 'b' })
    const other = ['i2', 'i3', 'i4'].find(id => shardOf(id) !== shardOf('i1')) ?? ''
    assert.equal(directory.ownerOf(address('instance', other)), { at: 'nowhere', why: `shard ${shardOf(other)} has no owner just now` })
  }))

test('conductors with a session take turns', () =>
  simulated(async bench => {
    const { directory } = await start(bench)
    directory.learn(mapOf(1, ['a', 'b', 'c']))
    await bench.run(50)
    const turns = Array.from({ length: 6 }, () => directory.anyConductor()).map(route => (route.at === 'node' ? route.node : route.at))
    assert.equal([...new Set(turns.slice(0, 3))].sort(), ['a', 'b', 'c'])
    assert.equal(turns.slice(0, 3), turns.slice(3))
  }))

test('without a session there is no conductor', () =>
  simulated(async bench => {
    const wire = createWire(bench)
    const node = await wire.node('compute-1', { role: 'compute' })
    const directory = createDirectory(bench.env, ['sim://nobody'])
    assert.is(directory.anyConductor().at, 'nowhere')
    directory.start(node.messenger)
    assert.is(directory.anyConductor().at, 'nowhere')
  }))

test('a Moved carries the newer map; one without changes nothing', () =>
  simulated(async bench => {
    const { directory } = await start(bench)
    directory.moved({ code: 'Moved', message: '', details: { map: mapOf(3, ['b']) } })
    assert.is(directory.map().version, 3)
    directory.moved({ code: 'Moved', message: '' })
    assert.is(directory.map().version, 3)
  }))

test('it asks now and then whether there is a newer map, until it is stopped', () =>
  simulated(async bench => {
    const { conductors, directory } = await start(bench)
    directory.learn(mapOf(4, ['a']))
    await bench.run(10_000)
    const asked = conductors[0]?.casts.filter(c => c.method === 'mapNewer') ?? []
    assert.ok(asked.length >= 4 && asked.length <= 6, `${asked.length} times in 10 s`)
    assert.equal(asked.at(-1)?.args, { version: 4 })
    directory.stop()
    await bench.run(10_000)
    assert.is(conductors[0]?.casts.length, asked.length)
  }))

test('a new map sends waiting calls to the new owner at once', () =>
  simulated(async bench => {
    const { conductors, node, directory } = await start(bench)
    node.route = target => directory.ownerOf(target)
    const asked = node.messenger.call(address('instance', 'i1'), 'get', 'x', { timeoutMs: 5000 })
    await bench.run(20)
    directory.learn(mapOf(1, ['a']))
    assert.is(await bench.value(asked, 10), 'x')
    assert.is(conductors[0]?.served.length, 1)
  }))

test.run()
