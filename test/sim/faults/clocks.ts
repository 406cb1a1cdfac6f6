/** Somebody sets a clock, an hour forth or back, and perhaps back again. Nothing may change by it, so nothing heals it. */
import type { Random } from '../random.ts'
import { type Family, nodesOf } from './fault.ts'

const HOUR_MS = 3_600_000

const jump = (random: Random, wrongMs: number): number => (wrongMs !== 0 && random.chance(0.5) ? 0 : wrongMs + random.pick([HOUR_MS, -HOUR_MS]))

export const CLOCK_FAULTS: Family = {
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
