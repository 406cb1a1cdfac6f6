/**
 * Where a driver keeps what must outlive the agent: one record per guest, and a history of effects, which is only ever
 * appended to. Two adapters: memory (for the simulator, which holds it across the restarts of its agents) and a folder
 * (`folder-store.ts`). Neither survives a power cut for certain, and need not: no guest does either.
 */
import type { Permit } from '../lease.ts'
import type { DriverMethod } from './rules.ts'

/** One thing that was really done to a guest. `bury`: an instance never seen here may no longer be spawned by an older order. */
export interface Effect {
  /** Ms since 1970 by this machine's clock. */
  readonly at: number
  readonly instance: string
  readonly method: DriverMethod | 'bury'
  readonly order: number
}

export interface GuestStore<G> {
  /** Every record, and the newest effects in the order in which they happened (all of them, or at least many). */
  load(): Promise<{ readonly guests: readonly G[]; readonly recent: readonly Effect[] }>
  /**
   * Replaces the record as a whole: a reader sees the old one or the new one. `permit` is asked between the two moments that a watchdog can
   * tell apart: before the new record is begun, it sees nothing to forbid; once it is begun, it can take it away.
   */
  put(instance: string, guest: G, permit?: Permit): Promise<void>
  remove(instance: string): Promise<void>
  append(effect: Effect): Promise<void>
}

export interface MemoryStore<G> extends GuestStore<G> {
  readonly history: readonly Effect[]
  /** The records as they are now. */
  guests(): G[]
  /** Instances that have a record now. */
  instances(): string[]
}

export function memoryStore<G>(): MemoryStore<G> {
  const guests = new Map<string, G>()
  const history: Effect[] = []
  return {
    history,
    guests: () => [...guests.values()],
    instances: () => [...guests.keys()],
    load: async () => ({ guests: [...guests.values()], recent: [...history] }),
    put: async (instance, guest, permit) => {
      permit?.()
      guests.set(instance, guest)
    },
    remove: async instance => {
      guests.delete(instance)
    },
    append: async effect => {
      history.push(effect)
    },
  }
}
