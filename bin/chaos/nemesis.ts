/**
 * Whoever makes the faults: one after the other, sometimes two at a time, chosen from the seed, and all healed in the end. What was
 * done to whom and when is the story the report tells.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Chance, Fault } from './faults/fault.ts'
import type { Stage } from './stage.ts'

export interface Deed {
  readonly fault: string
  readonly victim: string
  /** Ms since 1970 by this machine's clock. */
  readonly beganAt: number
  healedAt: number
}

/** Between the beginnings of two faults, ms: some come while the one before still lasts. */
const PAUSE_MS = [800, 5000] as const
/** Faults at a time. */
const AT_ONCE = 2

export interface NemesisOptions {
  readonly stage: Stage
  readonly faults: readonly Fault[]
  readonly chance: Chance
  onDeed(deed: Deed): void
}

/** Makes faults until the signal; resolves with all of them when the last is healed. Rejects when one could not be made or healed. */
export async function unleash({ stage, faults, chance, onDeed }: NemesisOptions, signal: AbortSignal): Promise<Deed[]> {
  const deeds: Deed[] = []
  /** By the name of the fault: none is made twice at the same time. */
  const lasting = new Map<string, Promise<void>>()
  const pause = (ms: number) => delay(ms, undefined, { signal }).catch(() => {})

  async function make(fault: Fault, own: Chance): Promise<void> {
    const injected = await fault.inject(stage, own)
    if (!injected) return
    const deed: Deed = { fault: fault.name, victim: injected.victim, beganAt: Date.now(), healedAt: 0 }
    deeds.push(deed)
    onDeed(deed)
    try {
      await pause(own.between(fault.lastsMs))
    } finally {
      await injected.heal()
      deed.healedAt = Date.now()
      onDeed(deed)
    }
  }

  let failure: unknown
  while (!signal.aborted && failure === undefined) {
    const fault = chance.of(faults.filter(f => !lasting.has(f.name)))
    if (fault && lasting.size < AT_ONCE) {
      // With a chance of its own, or it would be the machine's speed that decides what is drawn for whom.
      const made: Promise<void> = make(fault, chance.fork())
        .catch(error => {
          failure ??= new Error(`${fault.name}: ${error instanceof Error ? error.message : error}`)
        })
        .finally(() => lasting.delete(fault.name))
      lasting.set(fault.name, made)
    }
    await pause(chance.between(PAUSE_MS))
  }
  await Promise.all(lasting.values())
  if (failure !== undefined) throw failure
  return deeds
}
