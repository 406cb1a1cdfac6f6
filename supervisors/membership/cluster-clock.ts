/**
 * Cluster time as one conductor reckons it: what the database said at the last look, carried on by this machine's monotonic
 * clock. Every conductor has the same time to within a round trip, whatever its own wall clock says, and it never goes back.
 *
 * That somebody set the database's clock is noticed and corrected there, with what conductors believe (`clock-rules.ts` of
 * `persistence/`); so what it says can be trusted. Of a difference, what the round trip may explain is followed slowly, or a
 * slow answer would shake the clock; more than that is this machine's own doing (it was suspended), and is followed at once.
 */
import type { Env } from '../../actors/kernel/env.ts'

const SLEW_MS = 50

export interface ClusterClock {
  /** Ms since 1970. Throws before the first `sync`. */
  now(): number
  /** The database said that it is `clusterMs`, between our monotonic `sentMs` and `receivedMs`. */
  sync(clusterMs: number, sentMs: number, receivedMs: number): void
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
    sync(clusterMs, sentMs, receivedMs) {
      const seen = clusterMs - (sentMs + receivedMs) / 2
      const explained = (receivedMs - sentMs) / 2 + SLEW_MS
      if (offset === null || Math.abs(seen - offset) > explained) offset = seen
      else offset += Math.max(-SLEW_MS, Math.min(SLEW_MS, seen - offset))
    },
  }
}
