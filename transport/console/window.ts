/**
 * The rows of a query: of all rows that fit, the first `limit` in an order. Pure: it is told of changes and of what was read, and says
 * what is different and whether it must be read again (a row left a full window, and only the database knows which comes next).
 *
 * Of two copies of a row the one with the larger `rev` counts, wherever it came from: what was read may be newer than what the feeds have
 * told, and older than what they tell meanwhile.
 */

import { placeAmong } from '../../actors/kernel/sorted.ts'

export interface Row {
  readonly id: string
  /** Number of events behind it; 0 when the row does not say. */
  readonly rev: number
  readonly body: object
  readonly json: string
}

export interface WindowSpec {
  /** Whether a row belongs to the query. */
  fits(body: object): boolean
  /** Order of the window; what is smaller comes first. No two rows are equal. */
  compare(a: Row, b: Row): number
  /** Rows that are shown. */
  readonly limit: number
  /** Rows that are held, `limit` at least: when one that is shown goes, the next is known without a read. */
  readonly hold: number
}

export interface Difference {
  readonly set: ReadonlyMap<string, string>
  readonly gone: readonly string[]
  readonly reread: boolean
}

export interface Window {
  change(row: Row): Difference
  /** A read begins: what changes from now on is compared with its outcome. */
  readBegins(): void
  /** What was read, in order, at most `limit` rows. */
  readEnds(rows: readonly Row[]): Difference
  size(): number
}

/** Rows that changed during one read and are remembered; over it the read is done again. */
const MAX_CHANGED = 20_000

/** A read is asked for when so much of what is held beyond the shown is left, so that it comes before the rows are needed. */
const LOW = 0.25

export function createWindow({ fits, compare, limit, hold }: WindowSpec): Window {
  /** In order; the first `limit` are shown. */
  let rows: Row[] = []
  const byId = new Map<string, Row>()
  const shown = new Map<string, Row>()
  /** There may be more rows than these. */
  let isFull = false
  /** It was said that a read is due, and none has ended since. */
  let isDue = false
  let changed: Map<string, Row> | null = null
  let overrun = false

  const nothing: Difference = { set: new Map(), gone: [], reread: false }

  /** Index of the first row that does not come before `row`. */
  const place = (row: Row): number => placeAmong(rows, other => compare(other, row) < 0)

  function take(row: Row): void {
    byId.delete(row.id)
    const at = place(row)
    if (rows[at]?.id === row.id) rows.splice(at, 1)
    else rows = rows.filter(r => r.id !== row.id)
  }

  function put(row: Row): void {
    rows.splice(place(row), 0, row)
    byId.set(row.id, row)
  }

  /** The row takes its place among those that are held, or leaves them. Answers with another that had to go for it. */
  function hang(row: Row): Row | null {
    const before = byId.get(row.id)
    if (before) take(before)
    if (!fits(row.body)) return null
    put(row)
    const last = rows.at(-1)
    // At the end of a full window nobody knows whether it is the next row, or whether others come before it.
    if (isFull && last === row) take(row)
    else if (last && rows.length > hold) {
      take(last)
      isFull = true
      return last
    }
    return null
  }

  /** What is different for those who watch, after one row has changed: its own showing, and what that has moved over the end of the shown. */
  function difference(row: Row, left: Row | null): Difference {
    const set = new Map<string, string>()
    const gone: string[] = left && shown.delete(left.id) ? [left.id] : []
    const held = byId.get(row.id)
    if (held && place(held) < limit) {
      if (shown.get(row.id) !== held) set.set(row.id, held.json)
      shown.set(row.id, held)
    } else if (shown.delete(row.id)) gone.push(row.id)
    const [last, next] = [rows[limit - 1], rows[limit]]
    if (last && !shown.has(last.id)) {
      shown.set(last.id, last)
      set.set(last.id, last.json)
    }
    if (next && shown.delete(next.id)) gone.push(next.id)
    return { set, gone, reread: dueNow() }
  }

  function dueNow(): boolean {
    if (isDue || !isFull || rows.length >= limit + (hold - limit) * LOW) return false
    isDue = true
    return true
  }

  function change(row: Row): Difference {
    if (changed && changed.size < MAX_CHANGED) {
      const other = changed.get(row.id)
      if (!other || other.rev <= row.rev) changed.set(row.id, row)
    } else if (changed) overrun = true
    const before = byId.get(row.id)
    // The same number is the same row: told twice, or read before it was told.
    if (before && row.rev > 0 && row.rev <= before.rev) return nothing
    if (!before && !fits(row.body)) return nothing
    return difference(row, hang(row))
  }

  function readEnds(read: readonly Row[]): Difference {
    const known = new Map(byId)
    const told = changed ?? new Map<string, Row>()
    const again = overrun
    changed = null
    overrun = false
    isDue = false
    byId.clear()
    for (const row of read) {
      // A copy that was told before the read began may be newer than one that a lagging reader found.
      // At the same number the known one stays: the database gives the same row with its keys in another order.
      const copies = [known.get(row.id), told.get(row.id), row].filter(copy => copy !== undefined)
      const newest = copies.reduce((a, b) => (b.rev > a.rev ? b : a))
      if (fits(newest.body)) byId.set(row.id, newest)
    }
    rows = [...byId.values()].sort(compare)
    isFull = read.length >= hold
    for (const row of told.values()) if (!byId.has(row.id)) hang(row)
    const set = new Map<string, string>()
    const first = rows.slice(0, limit)
    for (const row of first) if (shown.get(row.id)?.json !== row.json) set.set(row.id, row.json)
    const ids = new Set(first.map(({ id }) => id))
    const gone = [...shown.keys()].filter(id => !ids.has(id))
    shown.clear()
    for (const row of first) shown.set(row.id, row)
    return { set, gone, reread: again || (isFull && rows.length < limit && dueNow()) }
  }

  return {
    change,
    readBegins: () => {
      changed = new Map()
      overrun = false
    },
    readEnds,
    size: () => rows.length,
  }
}
