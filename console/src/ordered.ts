/** Rows kept in order while they change: what is new or different is put into its place, instead of sorting ten thousand at every frame. Pure. */

import { placeAmong } from '../../actors/kernel/sorted.ts'

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
      const kept = rows.filter(({ id }) => !left.has(id))
      const next: Row[] = []
      let from = 0
      // To compare is what costs (names are compared as people do): as often as it takes to find the places of the new, not once for each row.
      for (const row of set.toSorted(full)) {
        const at = placeAmong(kept, other => full(other, row) < 0, from)
        for (const other of kept.slice(from, at)) next.push(other)
        next.push(row)
        from = at
      }
      rows = next.concat(kept.slice(from))
      return rows
    },
  }
}
