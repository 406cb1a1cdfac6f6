/** How often something happened lately, by name: counted in slices of time, of which the old ones are forgotten. */
import { RECENT_MS } from '../../actors/alerts/facts.ts'

const SLICE_MS = 15_000

export interface Recent {
  add(name: string, times: number, nowMs: number): void
  /** Those of which there was any. */
  counts(nowMs: number): ReadonlyMap<string, number>
}

export function createRecent(): Recent {
  let slices: { readonly fromMs: number; readonly counts: Map<string, number> }[] = []
  const forget = (nowMs: number): void => {
    slices = slices.filter(({ fromMs }) => fromMs + SLICE_MS > nowMs - RECENT_MS)
  }
  return {
    add(name, times, nowMs) {
      if (times <= 0) return
      forget(nowMs)
      let slice = slices.at(-1)
      if (!slice || nowMs - slice.fromMs >= SLICE_MS) {
        slice = { fromMs: nowMs, counts: new Map() }
        slices.push(slice)
      }
      slice.counts.set(name, (slice.counts.get(name) ?? 0) + times)
    },
    counts(nowMs) {
      forget(nowMs)
      const sums = new Map<string, number>()
      for (const { counts } of slices) for (const [name, times] of counts) sums.set(name, (sums.get(name) ?? 0) + times)
      return sums
    },
  }
}
