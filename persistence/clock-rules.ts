/**
 * Cluster time, and what becomes of it when somebody sets the database's clock.
 *
 * One row says by how much cluster time differs from the database's clock. A server cannot tell by itself that its clock was
 * set; but conductors look at it every second, and each says what time it believes it is: what it was at its last look,
 * carried on by its own monotonic clock; or, for one that has just started, by the uptime of a machine on which a conductor
 * ran before. So a jump shows at the first look after it, and the row is corrected in the same
 * statement; leases, deadlines and timers never see it.
 *
 *     the clock is behind what a conductor has lived through     it was set back: the conductor is right
 *     it is ahead, and for so long nobody has looked             it was set forward: the conductor is right
 *     it is ahead, but others have looked meanwhile              it is the conductor that stood still: it learns
 *
 * When nobody knows better (all machines of conductors have been booted), time has passed as the database says, but never back.
 * Once corrected, the difference is worn off by a two-hundredth of the time that passes, so that what people read comes right in
 * the end, and no deadline notices.
 *
 * The SQL functions of `migrations/0004-cluster-clock.ts` say the same; the contract tests run on both.
 */

export interface ClockRow {
  /** Cluster time less the database's clock, ms. */
  readonly offsetMs: number
  /** The latest cluster time anybody was told. */
  readonly latestMs: number
  /** The database's clock at the latest look. */
  readonly seenMs: number
}

export const NEW_CLOCK: ClockRow = { offsetMs: 0, latestMs: 0, seenMs: 0 }

/** What slow answers and drifting clocks may explain, ms. */
export const TOLERANCE_MS = 2000
/** The difference is worn off by one ms in so many. */
const WEAR = 200

/** One look by a conductor that believes it is `believedMs`; null for one that has no idea. */
export function look(row: ClockRow, databaseMs: number, believedMs: number | null): ClockRow {
  const nowMs = cluster(row, databaseMs, believedMs)
  return { offsetMs: nowMs - databaseMs, latestMs: Math.max(row.latestMs, nowMs), seenMs: databaseMs }
}

function cluster(row: ClockRow, databaseMs: number, believedMs: number | null): number {
  const nowMs = databaseMs + row.offsetMs
  if (believedMs === null) return Math.max(nowMs, row.latestMs)
  if (believedMs > nowMs + TOLERANCE_MS) return believedMs
  if (believedMs < nowMs - TOLERANCE_MS && isStrange(row, databaseMs)) return Math.max(believedMs, row.latestMs)
  return nowMs - worn(row, databaseMs)
}

/** Whether the database's clock has not simply gone on since the latest look: it was set, or nobody looked. */
export const isStrange = ({ seenMs }: ClockRow, databaseMs: number): boolean =>
  seenMs > 0 && (databaseMs > seenMs + TOLERANCE_MS || databaseMs < seenMs - TOLERANCE_MS)

function worn({ offsetMs, seenMs }: ClockRow, databaseMs: number): number {
  const most = Math.floor(Math.max(0, Math.min(databaseMs - seenMs, 60_000)) / WEAR)
  return Math.max(-most, Math.min(most, offsetMs))
}
