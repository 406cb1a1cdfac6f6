/**
 * The rows of a query: of all rows that fit, the first `limit` in an order. Pure: it is told of changes and of what was read, and says
 * what is different and whether it must be read again (a row left a full window, and only the database knows which comes next).
 *
 * Of two copies of a row the one with the larger `rev` counts, wherever it came from: what was read may be newer than what the feeds have
 * told, and older than what they tell meanwhile.
 */

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
  /** Order of the window; what is smaller comes first. */
  compare(a: Row, b: Row): number
  readonly limit: number
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

export function createWindow({ fits, compare, limit }: WindowSpec): Window {
  /** In order. */
  let rows: Row[] = []
  const byId = new Map<string, Row>()
  /** There may be more rows than these. */
  let isFull = false
  let changed: Map<string, Row> | null = null
  let overrun = false

  const nothing: Difference = { set: new Map(), gone: [], reread: false }

  /** Index of the first row that does not come before `row`. */
  function place(row: Row): number {
    let low = 0
    let high = rows.length
    while (low < high) {
      const middle = (low + high) >> 1
      const other = rows[middle]
      if (other && compare(other, row) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

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

  function change(row: Row): Difference {
    if (changed && changed.size < MAX_CHANGED) {
      const other = changed.get(row.id)
      if (!other || other.rev <= row.rev) changed.set(row.id, row)
    } else if (changed) overrun = true
    const before = byId.get(row.id)
    // The same number is the same row: told twice, or read before it was told.
    if (before && row.rev > 0 && row.rev <= before.rev) return nothing
    if (before) take(before)
    if (!fits(row.body)) return before ? { set: new Map(), gone: [row.id], reread: isFull } : nothing
    put(row)
    const last = rows.at(-1)
    // At the end of a full window nobody knows whether it is the next row, or whether others come before it.
    if (isFull && last === row) {
      take(row)
      return before ? { set: new Map(), gone: [row.id], reread: true } : nothing
    }
    if (rows.length <= limit || !last) return { set: new Map([[row.id, row.json]]), gone: [], reread: false }
    take(last)
    isFull = true
    if (last === row) return before ? { set: new Map(), gone: [row.id], reread: true } : nothing
    return { set: new Map([[row.id, row.json]]), gone: [last.id], reread: false }
  }

  function readEnds(read: readonly Row[]): Difference {
    const known = byId.size > 0 ? new Map(byId) : null
    const told = changed ?? new Map<string, Row>()
    const again = overrun
    changed = null
    overrun = false
    rows = []
    byId.clear()
    isFull = false
    for (const row of read) {
      // A copy that was told before the read began may be newer than one that a lagging reader found.
      // At the same number the known one stays: the database gives the same row with its keys in another order.
      const copies = [known?.get(row.id), told.get(row.id), row].filter(copy => copy !== undefined)
      const newest = copies.reduce((a, b) => (b.rev > a.rev ? b : a))
      if (fits(newest.body)) put(newest)
    }
    isFull = read.length >= limit
    for (const row of told.values()) if (!byId.has(row.id)) change(row)
    const set = new Map<string, string>()
    for (const row of rows) if (known?.get(row.id)?.json !== row.json) set.set(row.id, row.json)
    const gone = [...(known?.keys() ?? [])].filter(id => !byId.has(id))
    return { set, gone, reread: again }
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
