/**
 * Marks of released claims. A copy of a claim may come late, even after its release; so a release leaves its rank behind for as long
 * as such a copy can live.
 */
import { type BucketMap, entries, get, remove, set } from '../kernel/bucket-map.ts'

export interface Mark {
  readonly order: number
  /** Cluster time, ms. */
  readonly at: number
}

/** A claim is not executed after its step's deadline (30 s); a release marks claims younger than this, ms. */
const MARK_MS = 60_000
/** Marks are looked through once in so many. */
const SWEEP = 100

/** Whether this claim was released by a newer command a short while ago, so that this may be a late copy of it. */
export function isMarked(released: BucketMap<Mark>, claim: string, order: number, now: number): boolean {
  const mark = get(released, claim)
  return mark !== undefined && order <= mark.order && now - mark.at < MARK_MS
}

/** With the mark of this release, when a copy of its claim may still be under way. `since`: when it was claimed; null when it is not held. */
export function marked(
  released: BucketMap<Mark>,
  { claim, order }: { readonly claim: string; readonly order: number },
  since: number | null,
  at: number,
): BucketMap<Mark> {
  // A release that comes late itself takes back nothing of what a later one has said.
  const newest = Math.max(order, get(released, claim)?.order ?? -1)
  const left = since === null || at - since < MARK_MS ? set(released, claim, { order: newest, at }) : released
  if (left.size % SWEEP !== 0) return left
  return entries(left).reduce((kept, [id, mark]) => (at - mark.at < MARK_MS ? kept : remove(kept, id)), left)
}
