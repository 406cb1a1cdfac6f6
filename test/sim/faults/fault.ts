/** What a fault is: something that happens to a world, and perhaps ends after a while. */
import type { Random } from '../random.ts'
import type { World } from '../world.ts'

/** `later` runs its function after so many ms, unless all faults have been ended before. All chance comes from `random`. */
export type Fault = (world: World, random: Random, later: (delayMs: number, fn: () => void) => void) => void

export type Family = Readonly<Record<string, Fault>>

export const nodesOf = (world: World): { readonly name: string }[] => [...world.conductors, ...world.computes, ...world.gateways]
