/**
 * What goes wrong. Each seed draws which kinds of faults there are at all and how often (swarm testing, Groce et al., 2012):
 * runs with few kinds reach places that runs with all of them never do.
 */
import type { Loop } from './loop.ts'
import type { Random } from './random.ts'
import type { World } from './world.ts'

const DARK_MS = 18_000

export interface Faults {
  /** Ends all faults: everything runs, hears and is heard again. */
  heal(): void
  readonly mix: string
}

type Fault = (world: World, random: Random, later: (delayMs: number, fn: () => void) => void) => void

const nodesOf = (world: World) => [...world.conductors, ...world.computes, ...world.gateways]

const killOne =
  (pick: (world: World) => readonly { name: string }[]): Fault =>
  (world, random, later) => {
    const { name } = random.pick(pick(world))
    world.log(`FAULT kill ${name}`)
    world.kill(name)
    later(random.int(100, 4000), () => world.start(name))
  }

const FAULTS: Readonly<Record<string, Fault>> = {
  killConductor: killOne(w => w.conductors),
  killCompute: killOne(w => w.computes),
  powerOff(world, random, later) {
    const { name } = random.pick(world.computes)
    // The others are where its instances go.
    if (world.dark.size > 0) return
    world.log(`FAULT power off ${name}`)
    world.powerOff(name)
    later(random.int(14_000, 30_000), () => world.start(name))
  },
  killGateway: killOne(w => w.gateways),
  killAllConductors(world, random, later) {
    world.log('FAULT kill all conductors')
    for (const { name } of world.conductors) {
      world.kill(name)
      later(random.int(100, 3000), () => world.start(name))
    }
  },
  freeze(world, random, later) {
    const { name } = random.pick([...world.conductors, ...world.computes])
    world.log(`FAULT freeze ${name}`)
    world.freeze(name)
    later(random.int(200, 12_000), () => {
      world.log(`thaw ${name}`)
      world.thaw(name)
    })
  },
  /** The agent stands still for longer than its lease; its guests go on until the watchdog ends them. */
  freezeHost(world, random, later) {
    const { name } = random.pick(world.computes)
    world.log(`FAULT freeze ${name} for long`)
    world.freeze(name)
    later(random.int(6_000, 16_000), () => {
      world.log(`thaw ${name}`)
      world.thaw(name)
    })
  },
  /** The agent dies and nobody starts it again for a while. */
  killHost(world, random, later) {
    const { name } = random.pick(world.computes)
    world.log(`FAULT kill ${name} for long`)
    world.kill(name)
    later(random.int(6_000, 16_000), () => world.start(name))
  },
  crashGuest(world, random) {
    const { name } = random.pick(world.computes)
    world.log(`FAULT crash a guest of ${name}`)
    world.crashGuest(name)
  },
  cutOff(world, random, later) {
    const { name } = random.pick(nodesOf(world))
    world.log(`FAULT cut off ${name}`)
    world.network.cutOff.add(name)
    later(random.int(200, 8000), () => world.network.cutOff.delete(name))
  },
  /** Long enough to be taken for down, with guests that go on running. */
  silence(world, random, later) {
    const { name } = random.pick(world.computes)
    world.log(`FAULT silence ${name}`)
    world.network.cutOff.add(name)
    later(random.int(12_000, 18_000), () => world.network.cutOff.delete(name))
  },
  lossy(world, random, later) {
    world.network.drop = random.next() * 0.2
    world.log(`FAULT drop ${world.network.drop.toFixed(2)}`)
    later(random.int(500, 5000), () => {
      world.network.drop = 0
    })
  },
  duplicates(world, random, later) {
    world.network.duplicate = random.next() * 0.3
    world.log(`FAULT duplicate ${world.network.duplicate.toFixed(2)}`)
    later(random.int(500, 5000), () => {
      world.network.duplicate = 0
    })
  },
  slowNetwork(world, random, later) {
    world.network.delay = [1, random.int(50, 1500)]
    world.log(`FAULT delay up to ${world.network.delay[1]} ms`)
    later(random.int(500, 5000), () => {
      world.network.delay = [0.1, 1]
    })
  },
  databaseAway(world, random, later) {
    world.log('FAULT database away')
    world.database.setDown(true)
    later(random.int(200, 8000), () => {
      world.log('database back')
      world.database.setDown(false)
    })
  },
  databaseClock(world, random) {
    world.clocks.databaseMs = jump(random, world.clocks.databaseMs)
    world.log(`FAULT database clock set to ${world.clocks.databaseMs / 1000} s off`)
  },
  wallClock(world, random) {
    const { name } = random.pick(nodesOf(world))
    const wrongMs = jump(random, world.clocks.wallMs.get(name) ?? 0)
    world.clocks.wallMs.set(name, wrongMs)
    world.log(`FAULT wall clock of ${name} set to ${wrongMs / 1000} s off`)
  },
}

const HOUR_MS = 3_600_000

/** Somebody sets a clock, an hour forth or back, and perhaps back again. Nothing may change by it, so nothing heals it. */
const jump = (random: Random, wrongMs: number): number => (wrongMs !== 0 && random.chance(0.5) ? 0 : wrongMs + random.pick([HOUR_MS, -HOUR_MS]))

export function startFaults(loop: Loop, random: Random, world: World, fromMs: number): Faults {
  const kinds = Object.keys(FAULTS).filter(() => random.chance(0.4))
  let healed = false
  const later = (delayMs: number, fn: () => void) => void loop.schedule(delayMs, () => !healed && fn())

  for (const kind of kinds) {
    const everyMs = random.int(1500, 8000)
    const strike = (): void => {
      FAULTS[kind]?.(world, random, later)
      later(everyMs * (0.3 + random.next()), strike)
    }
    loop.schedule(fromMs + random.next() * everyMs, () => !healed && strike())
  }

  return {
    mix: kinds.join(' ') || 'none',
    heal() {
      healed = true
      world.log('faults end')
      world.network.drop = 0
      world.network.duplicate = 0
      world.network.delay = [0.1, 1]
      world.network.cutOff.clear()
      world.database.setDown(false)
      for (const node of nodesOf(world)) {
        if (node.process.frozen()) world.thaw(node.name)
        // A machine without power stays so long enough to be found, fenced and evacuated.
        if (world.dark.has(node.name)) loop.schedule(DARK_MS, () => world.start(node.name))
        else world.start(node.name)
      }
    },
  }
}
