/**
 * Where a row has its place: the first index, `from` or later, whose row does not go before it. `rows` are in order, so that those which go
 * before it (`goesBefore`) are all in front. Binary search.
 */
export function placeAmong<T>(rows: readonly T[], goesBefore: (other: T) => boolean, from = 0): number {
  let low = from
  let high = rows.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (goesBefore(rows[middle] as T)) low = middle + 1
    else high = middle
  }
  return low
}
