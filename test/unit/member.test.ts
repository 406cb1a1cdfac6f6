/** A conductor's part in the cluster, over the memory database and the memory network: leases, verdicts, shards. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { SHARD_COUNT } from '../../actors/kernel/address.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import type { Incarnation } from '../../actors/kernel/ports.ts'
import type { MemoryDatabase } from '../../persistence/memory.ts'
import type { ActorHost } from '../../supervisors/hosting/actor-host.ts'
import { createClusterClock } from '../../supervisors/membership/cluster-clock.ts'
import { type ClusterMember, createMember } from '../../supervisors/membership/member.ts'
import { newDatabase } from '../support/actor-host.ts'
import { type Bench, simulated } from '../support/simulated.ts'
import { createWire, type Wire, type WireNode } from '../support/wire.ts'

const TIMING = { leaseMs: 6000, renewMs: 1000, pingMs: 150, suspectMs: 900 }

interface Conductor {
  readonly incarnation: Incarnation
  readonly member: ClusterMember
  readonly node: WireNode
  readonly owned: Set<number>
  readonly fenced: string[]
  readonly adoptions: number[]
  readonly released: number[]
  /** What the next adoption meets. */
  readonly control: { adopt: () => Promise<void>; onAdopted: () => Promise<void>; drain: () => Promise<void>; released: () => Promise<void> }
}

async function conductor(bench: Bench, wire: Wire, database: MemoryDatabase, name: string): Promise<Conductor> {
  const join = database.membership.join({
    nodeId: name,
    endpoint: `sim://${name}`,
    pid: 1,
    version: '0',
    host: name,
    machine: { boot: name, uptimeMs: 0 },
  })
  const joined = await bench.value(join)
  const { incarnation } = joined
  const node = await wire.node(name, { inc: incarnation })
  const owned = new Set<number>()
  const fenced: string[] = []
  const adoptions: number[] = []
  const released: number[] = []
  const control: Conductor['control'] = { adopt: async () => {}, onAdopted: async () => {}, drain: async () => {}, released: async () => {} }
  const actors: ActorHost = {
    deliver: () => Promise.reject(new BatonError('UnknownMethod', 'no actors here')),
    owns: shard => owned.has(shard),
    owned: () => [...owned],
    rewrite: () => Promise.reject(new BatonError('UnknownMethod', 'no actors here')),
    revive: () => Promise.reject(new BatonError('UnknownMethod', 'no actors here')),
    async adopt(shards) {
      for (const shard of shards) owned.add(shard)
      await control.adopt()
      adoptions.push(shards.length)
      return { actors: 3, firstMs: node.nowMs() }
    },
    async drain(shards) {
      for (const shard of shards) owned.delete(shard)
      if (shards.length > 0) await control.drain()
    },
    stats: () => ({ actors: 0, waiting: 0, oldestMs: 0, busiest: null, restarts: 0, deadLetters: 0, commands: 0, poisoned: [] }),
    stop: () => {},
  }
  const clock = createClusterClock(node.env)
  clock.sync(joined.now, node.nowMs(), node.nowMs())
  const membership = bench.another(name).guardAll(database.membership)
  const member = createMember({
    env: node.env,
    clock,
    membership: {
      ...membership,
      async release(...args) {
        const answer = await membership.release(...args)
        await control.released()
        return answer
      },
    },
    messenger: node.messenger,
    actors,
    nodeId: name,
    incarnation,
    machine: () => ({ boot: name, uptimeMs: node.nowMs() }),
    timing: TIMING,
    load: () => ({}),
    onAdopted: () => control.onAdopted(),
    onReleased: shards => void released.push(...shards),
    onFenced: error => void fenced.push(error.code),
  })
  node.take = ({ method, args }) => {
    const ping = args as { incarnation: Incarnation; suspects: Incarnation[] }
    if (method === 'ping') member.heard(ping.incarnation, ping.suspects)
    if (method === 'membershipChanged') member.refresh()
  }
  await member.start(joined)
  return { incarnation, member, node, owned, fenced, adoptions, released, control }
}

async function cluster(bench: Bench, count: number) {
  const database = newDatabase(bench)
  const wire = createWire(bench)
  const conductors: Conductor[] = []
  for (let i = 1; i <= count; i++) conductors.push(await conductor(bench, wire, database, `c${i}`))
  await bench.run(8000)
  const kill = (dead: Conductor): void => {
    dead.member.stop()
    wire.crash(dead.node)
  }
  const stop = (): void => {
    for (const c of conductors) kill(c)
  }
  return { database, wire, conductors, kill, stop }
}

/** Every shard is served by exactly one of these, the one the database says. */
function assertWhole(database: MemoryDatabase, conductors: readonly Conductor[]): void {
  for (let shard = 0; shard < SHARD_COUNT; shard++) {
    const serving = conductors.filter(c => c.owned.has(shard)).map(c => c.incarnation)
    assert.equal(serving, [database.tables.owners[shard]], `shard ${shard}`)
  }
}

test('alone it serves everything, and keeps its lease', () =>
  simulated(async bench => {
    const { database, conductors, stop } = await cluster(bench, 1)
    assertWhole(database, conductors)
    await bench.run(60_000)
    assert.ok((database.tables.conductors.get(1)?.leaseUntil ?? 0) > bench.now())
    assert.equal([conductors[0]?.fenced, conductors[0]?.adoptions], [[], [SHARD_COUNT]])
    stop()
  }))

test('one dies while another comes: who has just come need not wait for its long first term', () =>
  simulated(async bench => {
    const { database, wire, conductors, kill, stop } = await cluster(bench, 2)
    const [first, second] = conductors
    if (!first || !second) throw new Error('a conductor is missing')
    kill(second)
    const third = await conductor(bench, wire, database, 'c3')
    await bench.run(1.5 * TIMING.suspectMs)
    assert.is(database.tables.conductors.get(second.incarnation)?.state, 'dead')
    await bench.run(500)
    assertWhole(database, [first, third])
    kill(third)
    stop()
  }))

test('one that has joined is given no shard before it runs', () =>
  simulated(async bench => {
    const { database, conductors, stop } = await cluster(bench, 2)
    const [first] = conductors
    const joining = { nodeId: 'c3', endpoint: 'sim://c3', pid: 1, version: '0', host: 'c3', machine: { boot: 'c3', uptimeMs: 0 } }
    const { incarnation } = await bench.value(database.membership.join(joining))
    first?.member.met(incarnation)
    await bench.run(2000)
    assert.ok(first?.member.members().some(m => m.incarnation === incarnation))
    assert.not.ok(database.tables.owners.includes(incarnation))
    assertWhole(database, conductors)
    stop()
  }))

test('three share the shards; no shard is served by two at any moment of the move', () =>
  simulated(async bench => {
    const database = newDatabase(bench)
    const wire = createWire(bench)
    const conductors: Conductor[] = []
    for (const name of ['c1', 'c2', 'c3']) {
      conductors.push(await conductor(bench, wire, database, name))
      for (let i = 0; i < 300; i++) {
        await bench.run(10)
        const all = conductors.flatMap(c => [...c.owned])
        assert.is(new Set(all).size, all.length, 'a shard is served twice')
      }
    }
    await bench.run(5000)
    assertWhole(database, conductors)
    assert.ok(
      conductors.every(c => c.owned.size > 50),
      conductors.map(c => c.owned.size).join(' '),
    )
    for (const c of conductors) c.member.stop()
  }))

test('the shards of a conductor that died are taken over within two seconds, and the take-over is measured', () =>
  simulated(async bench => {
    const { database, conductors, kill, stop } = await cluster(bench, 3)
    const [dead, ...living] = conductors
    if (!dead) throw new Error('no conductors')
    const lost = dead.owned.size
    kill(dead)
    await bench.run(2000)
    assertWhole(database, living)
    assert.is(database.tables.conductors.get(dead.incarnation)?.state, 'dead')
    const takeOvers = living.flatMap(c => c.member.takeOvers())
    assert.is(
      takeOvers.reduce((sum, t) => sum + t.shards, 0),
      lost,
    )
    assert.ok(takeOvers.every(t => t.victim === 'c1' && t.actors === 3 && t.silentMs > 0 && t.firstMs >= 0 && t.allMs >= t.firstMs))
    stop()
  }))

test('of two, the one that is left decides alone', () =>
  simulated(async bench => {
    const { database, conductors, kill, stop } = await cluster(bench, 2)
    const [dead, alive] = conductors
    if (!dead || !alive) throw new Error('no conductors')
    kill(dead)
    await bench.run(3000)
    assertWhole(database, [alive])
    stop()
  }))

test('one that is cut off from all others is fenced, and the others live', () =>
  simulated(async bench => {
    const { wire, database, conductors, stop } = await cluster(bench, 3)
    const [lonely, ...living] = conductors
    wire.arrival = f => (f.from === 'c1' || f.to === 'c1' ? [] : [1])
    await bench.run(4000)
    assert.ok((lonely?.fenced.length ?? 0) >= 1)
    assert.equal(
      living.map(c => c.fenced),
      [[], []],
    )
    assertWhole(database, living)
    stop()
  }))

test('with the database away nobody is declared dead and shards stay; nor in the first lease after it is back', () =>
  simulated(async bench => {
    const { database, conductors, stop } = await cluster(bench, 3)
    database.setDown(true)
    await bench.run(60_000)
    database.setDown(false)
    await bench.run(20_000)
    assert.equal(
      conductors.map(c => c.fenced),
      [[], [], []],
    )
    assertWhole(database, conductors)
    stop()
  }))

test('one that hears nothing, and whose lease runs out, is declared dead although no two can agree', () =>
  simulated(async bench => {
    const { wire, database, conductors, kill, stop } = await cluster(bench, 3)
    const [first, second, third] = conductors
    if (!first || !second || !third) throw new Error('no conductors')
    wire.arrival = () => []
    kill(first)
    kill(second)
    await bench.run(30_000)
    assertWhole(database, [third])
    assert.equal(third.fenced, [])
    stop()
  }))

test('draining hands over everything, finishes what is in hand first, and leaves', () =>
  simulated(async bench => {
    const { database, conductors, stop } = await cluster(bench, 2)
    const [leaving, ...staying] = conductors
    if (!leaving) throw new Error('no conductors')
    let inHand = 0
    leaving.control.drain = async () => {
      inHand++
      await new Promise<void>(resolve => void bench.loop.schedule(700, resolve))
      inHand--
    }
    const stateOf = () => database.tables.conductors.get(leaving.incarnation)?.state
    const drained = leaving.member.drain()
    for (let i = 0; i < 200; i++) {
      await bench.run(10)
      assert.ok(stateOf() !== 'left' || inHand === 0, 'it left while a commit was in hand')
    }
    await bench.value(drained)
    assert.is(stateOf(), 'left')
    await bench.run(3000)
    assertWhole(database, staying)
    assert.equal([leaving.owned.size, leaving.fenced], [0, []])
    assert.equal(
      staying.flatMap(c => c.member.takeOvers()),
      [],
      'nobody died',
    )
    stop()
  }))

test('draining can be asked for again when the database was away', () =>
  simulated(async bench => {
    const { database, conductors, stop } = await cluster(bench, 2)
    const [leaving, staying] = conductors
    if (!leaving || !staying) throw new Error('no conductors')
    database.setDown(true)
    assert.is(await bench.code(leaving.member.drain()), 'Database')
    database.setDown(false)
    assert.is(await bench.code(leaving.member.drain()), 'ok')
    await bench.run(3000)
    assertWhole(database, [staying])
    stop()
  }))

test('the last one that drains leaves its shards to nobody', () =>
  simulated(async bench => {
    const { database, conductors, stop } = await cluster(bench, 1)
    assert.is(await bench.code(conductors[0]?.member.drain() ?? Promise.reject(new Error('none'))), 'ok')
    assert.ok(database.tables.owners.every(owner => owner === 0))
    stop()
  }))

for (const part of ['adopt', 'onAdopted'] as const) {
  test(`an adoption that fails half-way (${part}) is tried again until it is whole`, () =>
    simulated(async bench => {
      const database = newDatabase(bench)
      const wire = createWire(bench)
      const alone = await conductor(bench, wire, database, 'c1')
      let failures = 3
      let whole = 0
      alone.control[part] = async () => {
        if (failures-- > 0) throw new BatonError('Database', 'the database is away')
        whole++
      }
      await bench.run(10_000)
      assert.is(whole, 1)
      assertWhole(database, [alone])
      alone.member.stop()
    }))
}

test('who was declared dead hears it at its next look, and serves no more commits', () =>
  simulated(async bench => {
    const { database, conductors, stop } = await cluster(bench, 2)
    const [victim, judge] = conductors
    if (!victim || !judge) throw new Error('no conductors')
    await bench.value(database.membership.declareDead(judge.incarnation, victim.incarnation, false))
    await bench.run(TIMING.renewMs + 100)
    assert.ok(victim.fenced.includes('Fenced'))
    assert.equal(judge.fenced, [])
    stop()
  }))

test('shards given away without an answer are not taken back by an old map: each is served once', () =>
  simulated(async bench => {
    const { database, wire, conductors, stop } = await cluster(bench, 1)
    const [first] = conductors
    assert.ok(first)
    let lost = 0
    const before = first.adoptions.length
    // While it lets go it hears of something else, so it will look at once again at what it knows.
    first.control.drain = () => {
      first.member.refresh()
      return new Promise(resolve => first.node.env.setTimer(500, resolve))
    }
    first.control.released = async () => {
      lost++
      if (lost > 1) return
      throw new BatonError('Database', 'the answer was lost')
    }
    const second = await conductor(bench, wire, database, 'c2')
    await bench.run(8000)
    assert.ok(lost >= 1, 'shards were given away')
    assert.is(first.adoptions.length, before, 'and none taken back')
    assertWhole(database, [first, second])
    second.member.stop()
    stop()
  }))

test.run()
