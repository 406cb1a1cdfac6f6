/** What happens to processes and machines: they die, stand still, lose power, are started again, have no time. */
import type { World } from '../world.ts'
import { type Family, type Fault, nodesOf } from './fault.ts'

const killOne =
  (pick: (world: World) => readonly { name: string }[], forMs: readonly [number, number] = [100, 4000]): Fault =>
  (world, random, later) => {
    const { name } = random.pick(pick(world))
    world.log(`FAULT kill ${name}`)
    world.kill(name)
    later(random.int(...forMs), () => world.start(name))
  }

const freezeOne =
  (pick: (world: World) => readonly { name: string }[], forMs: readonly [number, number]): Fault =>
  (world, random, later) => {
    const { name } = random.pick(pick(world))
    world.log(`FAULT freeze ${name}`)
    world.freeze(name)
    later(random.int(...forMs), () => {
      world.log(`thaw ${name}`)
      world.thaw(name)
    })
  }

/** Not at any moment, but as soon as it does something for an operation. */
const freezeAtWork =
  (pick: (world: World) => readonly { name: string }[], forMs: readonly [number, number]): Fault =>
  (world, random, later) => {
    const { name } = random.pick(pick(world))
    const sleepMs = random.int(...forMs)
    world.ambushes.set(name, () => {
      world.log(`FAULT freeze ${name} at work`)
      world.freeze(name)
      later(sleepMs, () => {
        world.log(`thaw ${name}`)
        world.thaw(name)
      })
    })
  }

export const NODE_FAULTS: Family = {
  killConductor: killOne(w => w.conductors),
  /** An agent restarts beside its guests, which go on. */
  killCompute: killOne(w => w.computes),
  /** The agent dies and nobody starts it again for a while. */
  killHost: killOne(w => w.computes, [6_000, 16_000]),
  killGateway: killOne(w => w.gateways),
  killAllConductors(world, random, later) {
    world.log('FAULT kill all conductors')
    for (const { name } of world.conductors) {
      world.kill(name)
      later(random.int(100, 3000), () => world.start(name))
    }
  },
  /** Maintenance, not a crash: it hands over what it has, ends, and is started again. */
  restartConductor(world, random) {
    const node = random.pick(world.conductors)
    const { name, process, running } = node
    if (!running) return
    world.log(`FAULT ${name} is drained and started again`)
    const again = (): void => {
      if (node.process !== process || !process.alive()) return
      world.kill(name)
      world.start(name)
    }
    running.drain().then(again, again)
  },
  powerOff(world, random, later) {
    const { name } = random.pick(world.computes)
    // The others are where its instances go.
    if (world.dark.size > 0) return
    world.log(`FAULT power off ${name}`)
    world.powerOff(name)
    later(random.int(14_000, 30_000), () => world.start(name))
  },
  /** Guests are gone, and it is back, from another boot, before anybody takes it for down. */
  rebootHost(world, random, later) {
    const { name } = random.pick(world.computes)
    if (world.dark.size > 0) return
    world.log(`FAULT reboot ${name}`)
    world.powerOff(name)
    later(random.int(500, 6000), () => world.start(name))
  },
  freeze: freezeOne(w => [...w.conductors, ...w.computes], [200, 12_000]),
  /** The agent stands still for longer than its lease; its guests go on until the watchdog ends them. */
  freezeHost: freezeOne(w => w.computes, [6_000, 16_000]),
  /** The agent falls asleep in the middle of a command, for longer than its lease, and wakes up in it. */
  freezeInCommand: freezeAtWork(w => w.computes, [8000, 16_000]),
  /** A conductor falls asleep while a step is being written, is declared dead, and wakes up with the step in its hand. */
  freezeInCommit: freezeAtWork(w => w.conductors, [2000, 12_000]),
  slowNode(world, random, later) {
    const { name } = random.pick(nodesOf(world))
    const lagMs = random.pick([20, 100, 400])
    world.log(`FAULT ${name} is slow, by up to ${lagMs} ms`)
    world.slow(name, lagMs)
    later(random.int(1000, 8000), () => world.slow(name, 0))
  },
  crashGuest(world, random) {
    const { name } = random.pick(world.computes)
    world.log(`FAULT crash a guest of ${name}`)
    world.crashGuest(name)
  },
}
