/**
 * All kinds of faults, by family; and when they strike. A schedule is drawn before the run: a list of strikes, each with its moment and
 * the seed of whatever it leaves to chance. So any part of the list can be run by itself, which is how a failing one is made shorter.
 */
import type { Loop } from '../loop.ts'
import { createRandom, type Random } from '../random.ts'
import type { World } from '../world.ts'
import { CLOCK_FAULTS } from './clocks.ts'
import { DATABASE_FAULTS } from './database.ts'
import { type Family, nodesOf } from './fault.ts'
import { LOAD_FAULTS } from './load.ts'
import { NETWORK_FAULTS } from './network.ts'
import { NODE_FAULTS } from './nodes.ts'

const FAULTS: Family = { ...NODE_FAULTS, ...NETWORK_FAULTS, ...DATABASE_FAULTS, ...CLOCK_FAULTS, ...LOAD_FAULTS }
export const FAULT_KINDS: readonly string[] = Object.keys(FAULTS)

export interface Strike {
  readonly atMs: number
  readonly kind: string
  readonly seed: number
}

const DARK_MS = 18_000

/**
 * Which kinds there are at all, and how often each (swarm testing, Groce et al., 2012): runs with few kinds reach places that runs with
 * all of them never do.
 */
export function drawStrikes(random: Random, fromMs: number, untilMs: number): Strike[] {
  const share = random.pick([0.08, 0.2, 0.35])
  const kinds = FAULT_KINDS.filter(() => random.chance(share))
  const strikes: Strike[] = []
  for (const kind of kinds) {
    const everyMs = random.int(1500, 8000)
    for (let atMs = fromMs + random.next() * everyMs; atMs < untilMs; atMs += everyMs * (0.3 + random.next()))
      strikes.push({ atMs: Math.round(atMs), kind, seed: random.int(0, 0xffffffff) })
  }
  return strikes.sort((a, b) => a.atMs - b.atMs)
}

/** Has them strike, each at its time. What comes back ends them all: everything runs, hears and is heard again. */
export function startFaults(loop: Loop, world: World, strikes: readonly Strike[]): { heal(): void } {
  let healed = false
  const later = (delayMs: number, fn: () => void) => void loop.schedule(delayMs, () => !healed && fn())
  for (const { atMs, kind, seed } of strikes) later(atMs, () => FAULTS[kind]?.(world, createRandom(seed), later))
  return {
    heal() {
      healed = true
      world.log('faults end')
      world.ambushes.clear()
      world.network.heal()
      world.databaseFaults.heal()
      world.database.setDown(false)
      for (const { name } of nodesOf(world)) {
        world.slow(name, 0)
        world.thaw(name)
        // A machine without power stays so long enough to be found, fenced and evacuated.
        if (world.dark.has(name)) loop.schedule(DARK_MS, () => world.start(name))
        else world.start(name)
      }
    },
  }
}
