/** What the journal counts: plain numbers, cheap enough for every batch, in the shape a Prometheus histogram wants. */

/** Upper bounds in ms; the last bucket has none. */
export const COMMIT_BUCKETS_MS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000] as const

export interface JournalStats {
  readonly connected: boolean
  readonly batches: number
  readonly appends: number
  readonly events: number
  /** Appends in the newest batch, and the most there ever were in one. */
  readonly lastBatch: number
  readonly largestBatch: number
  /** From taking a batch to knowing its outcome. `counts[i]` batches took at most `COMMIT_BUCKETS_MS[i]`, and more than the one before. */
  readonly commitMs: { readonly counts: readonly number[]; readonly sum: number; readonly max: number; readonly last: number }
  /** Appends waiting or on their way. */
  readonly queueDepth: number
  readonly queueLimit: number
  readonly queueBytes: number
  readonly oldestWaitingMs: number
  readonly reconnects: number
  readonly refused: number
  readonly overloaded: number
}

type Gauges = Pick<JournalStats, 'connected' | 'queueDepth' | 'queueLimit' | 'queueBytes' | 'oldestWaitingMs'>

export interface JournalMeter {
  reconnects: number
  refused: number
  overloaded: number
  committed(appends: number, events: number, ms: number): void
  stats(gauges: Gauges): JournalStats
}

export function createJournalMeter(): JournalMeter {
  const counts = Array.from({ length: COMMIT_BUCKETS_MS.length + 1 }, () => 0)
  const totals = { batches: 0, appends: 0, events: 0, lastBatch: 0, largestBatch: 0 }
  const commit = { sum: 0, max: 0, last: 0 }
  return {
    reconnects: 0,
    refused: 0,
    overloaded: 0,
    committed(appends, events, ms) {
      totals.batches++
      totals.appends += appends
      totals.events += events
      totals.lastBatch = appends
      totals.largestBatch = Math.max(totals.largestBatch, appends)
      const bucket = COMMIT_BUCKETS_MS.findIndex(bound => ms <= bound)
      const index = bucket < 0 ? COMMIT_BUCKETS_MS.length : bucket
      counts[index] = (counts[index] ?? 0) + 1
      commit.sum += ms
      commit.max = Math.max(commit.max, ms)
      commit.last = ms
    },
    stats(gauges) {
      const { reconnects, refused, overloaded } = this
      return { ...gauges, ...totals, commitMs: { counts: [...counts], ...commit }, reconnects, refused, overloaded }
    },
  }
}
