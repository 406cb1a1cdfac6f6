/** The newest of something, bounded by number and by size; each with a number of its own, so that who comes back knows where to go on. */
export interface Numbered<T> {
  /** From 1, without gaps. */
  readonly seq: number
  readonly item: T
}

export interface Ring<T> {
  push(item: T): void
  /** Those after a number, the oldest first. */
  since(seq: number): readonly Numbered<T>[]
  /** Number of the newest; 0 before there is one. */
  newest(): number
}

/** `sizeOf` is in any unit, `maxSize` in the same. At least one item is kept. */
export function createRing<T>(limit: number, maxSize: number, sizeOf: (item: T) => number): Ring<T> {
  let items: T[] = []
  let newest = 0
  let size = 0

  return {
    push(item) {
      items.push(item)
      newest++
      size += sizeOf(item)
      // In lumps: to take one from the front of a long array each time would cost its length.
      if (items.length <= limit * 1.25 && size <= maxSize * 1.25) return
      let drop = Math.max(0, items.length - limit)
      size = items.slice(drop).reduce((sum, kept) => sum + sizeOf(kept), 0)
      for (; size > maxSize && drop < items.length - 1; drop++) size -= sizeOf(items[drop] as T)
      items = items.slice(drop)
    },
    since(seq) {
      const first = newest - items.length
      const from = Math.max(0, seq - first)
      return items.slice(from).map((item, i) => ({ seq: first + from + i + 1, item }))
    },
    newest: () => newest,
  }
}
