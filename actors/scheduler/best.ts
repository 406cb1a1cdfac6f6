import { placeAmong } from '../kernel/sorted.ts'

/** The first `most` of some things in an order, without sorting all of them: of ten thousand hosts a handful is wanted. `compare` as of `sort`. */
export function best<T>(items: Iterable<T>, most: number, compare: (a: T, b: T) => number): T[] {
  const top: T[] = []
  for (const item of items) {
    const last = top[most - 1]
    if (last !== undefined && compare(item, last) >= 0) continue
    top.splice(
      placeAmong(top, other => compare(other, item) <= 0),
      0,
      item,
    )
    if (top.length > most) top.pop()
  }
  return top
}
