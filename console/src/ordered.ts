/** Rows kept in order while they change: what is new or different is put into its place, instead of sorting ten thousand at every frame. Pure. */

export interface Ordered<Row> {
  /** All rows there are now, in order; another array than before when something is different. */
  change(set: readonly Row[], gone: readonly string[]): readonly Row[]
}

/** `compare` as of `sort`; rows that it finds equal are in the order of their ids. */
export function createOrdered<Row extends { readonly id: string }>(compare: (a: Row, b: Row) => number): Ordered<Row> {
  let rows: readonly Row[] = []
  const full = (a: Row, b: Row): number => compare(a, b) || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)

  return {
    change(set, gone) {
      if (set.length === 0 && gone.length === 0) return rows
      const left = new Set([...gone, ...set.map(({ id }) => id)])
      const fresh = set.toSorted(full)
      const next: Row[] = []
      let at = 0
      for (const row of rows) {
        if (left.has(row.id)) continue
        for (let other = fresh[at]; other !== undefined && full(other, row) < 0; other = fresh[at]) {
          next.push(other)
          at++
        }
        next.push(row)
      }
      rows = next.concat(fresh.slice(at))
      return rows
    },
  }
}
