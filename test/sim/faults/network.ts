/** What happens to messages and to the ways between nodes. */
import { shardOf } from '../../../actors/kernel/address.ts'
import type { NetworkFaults } from '../network.ts'
import type { World } from '../world.ts'
import { type Family, type Fault, nodesOf } from './fault.ts'

const cutOne =
  (pick: (world: World) => readonly { name: string }[], forMs: readonly [number, number]): Fault =>
  (world, random, later) => {
    const { name } = random.pick(pick(world))
    world.log(`FAULT cut off ${name}`)
    world.network.cutOff.add(name)
    later(random.int(...forMs), () => world.network.cutOff.delete(name))
  }

const spoil =
  (key: 'drop' | 'duplicate' | 'corrupt', most: number): Fault =>
  ({ network, log }, random, later) => {
    network[key] = random.next() * most
    log(`FAULT ${key} ${network[key].toFixed(2)}`)
    later(random.int(500, 5000), () => {
      network[key] = 0
    })
  }

/** From now until later, no message takes one of these ways. */
function block(network: NetworkFaults, ways: readonly string[]): () => void {
  for (const way of ways) network.blocked.add(way)
  return () => {
    for (const way of ways) network.blocked.delete(way)
  }
}

/** The conductor that listens to this host, by what the database says. */
function ownerOf({ conductors, database }: World, host: string): string | undefined {
  const owner = database.tables.owners[shardOf(host)]
  return conductors.find(({ running }) => running?.incarnation === owner)?.name
}

export const NETWORK_FAULTS: Family = {
  cutOff: cutOne(nodesOf, [200, 8000]),
  /** Long enough to be taken for down, with guests that go on running. */
  silence: cutOne(w => w.computes, [12_000, 18_000]),
  /** One hears the other, and is not heard. */
  oneWay(world, random, later) {
    const [from, to] = [random.pick(nodesOf(world)).name, random.pick(nodesOf(world)).name]
    world.log(`FAULT nothing gets from ${from} to ${to}`)
    later(random.int(500, 10_000), block(world.network, [`${from}>${to}`]))
  },
  /** Somebody hears everybody and is heard by nobody, or the other way round. */
  deafOrMute(world, random, later) {
    const { name } = random.pick(nodesOf(world))
    const deaf = random.chance(0.5)
    const others = nodesOf(world).filter(n => n.name !== name)
    world.log(`FAULT ${name} ${deaf ? 'hears nobody' : 'is heard by nobody'}`)
    const ways = others.map(other => (deaf ? `${other.name}>${name}` : `${name}>${other.name}`))
    later(random.int(500, 10_000), block(world.network, ways))
  },
  /** Two halves that do not hear each other; each may still reach the database. */
  split(world, random, later) {
    const here = new Set(nodesOf(world).flatMap(({ name }) => (random.chance(0.5) ? [name] : [])))
    const there = nodesOf(world).filter(({ name }) => !here.has(name))
    world.log(`FAULT ${[...here].join(' ') || 'nobody'} | ${there.map(n => n.name).join(' ') || 'nobody'}`)
    const ways = [...here].flatMap(a => there.flatMap(({ name: b }) => [`${a}>${b}`, `${b}>${a}`]))
    later(random.int(500, 10_000), block(world.network, ways))
  },
  /** A rack by itself: one conductor, mostly the host's own, and one host hear each other and nobody else, and do not reach the database. */
  island(world, random, later) {
    const compute = random.pick(world.computes).name
    const owner = random.chance(0.8) ? ownerOf(world, compute) : undefined
    const conductor = owner ?? random.pick(world.conductors).name
    world.log(`FAULT ${conductor} and ${compute} are on an island`)
    const there = nodesOf(world).filter(({ name }) => name !== conductor && name !== compute)
    const ways = [conductor, compute].flatMap(a => there.flatMap(({ name: b }) => [`${a}>${b}`, `${b}>${a}`]))
    world.databaseFaults.cutOff.add(conductor)
    const bridge = block(world.network, ways)
    later(random.int(3000, 15_000), () => {
      bridge()
      world.databaseFaults.cutOff.delete(conductor)
    })
  },
  lossy: spoil('drop', 0.2),
  duplicates: spoil('duplicate', 0.3),
  corruptFrames: spoil('corrupt', 0.1),
  /** Different pairs of nodes hear things in another order than they happened. */
  slowNetwork({ network, log }, random, later) {
    network.delay = [1, random.int(50, 1500)]
    log(`FAULT delay up to ${network.delay[1]} ms`)
    later(random.int(500, 5000), () => {
      network.delay = [0.1, 1]
    })
  },
}
