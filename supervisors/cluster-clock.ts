/**
 * Cluster time: the database's clock, carried on by this machine's monotonic clock. Every conductor has the same time to
 * within a round trip, whatever its own wall clock says, and it never goes back. A jump of the database's clock is followed
 * slowly, at most `SLEW_MS` per look, so that no deadline fires because somebody set a clock.
 */
import type { Env } from '../actors/kernel/env.ts'

const SLEW_MS = 50

export interface ClusterClock {
  /** Ms since 1970. Throws before the first `sync`. */
  now(): number
  /** The database said `databaseMs` between our monotonic `sentMs` and `receivedMs`. */
  sync(databaseMs: number, sentMs: number, receivedMs: number): void
}

export function createClusterClock(env: Pick<Env, 'monotonicMs'>): ClusterClock {
  let offset: number | null = null
  let latest = 0
  return {
    now() {
      if (offset === null) throw new Error('the cluster clock was read before the first look at the database')
      latest = Math.max(latest, Math.round(env.monotonicMs() + offset))
      return latest
    },
    sync(databaseMs, sentMs, receivedMs) {
      const seen = databaseMs - (sentMs + receivedMs) / 2
      offset = offset === null ? seen : offset + Math.max(-SLEW_MS, Math.min(SLEW_MS, seen - offset))
    },
  }
}
