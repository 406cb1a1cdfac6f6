/**
 * How old is a message? Two machines' clocks cannot be compared, but their monotonic clocks run at the same speed
 * within a few percent. So for each connection we keep the smallest difference ever seen lately between our clock at
 * receipt and the sender's clock at sending: that was the fastest message, and it is taken as age zero. Any other
 * message is older by as much as its difference is larger. A message that lay an hour in a queue shows an hour.
 *
 * The estimate is relative to the fastest message, so it is too young by that one's own way, which the HELLO and WELCOME
 * exchange keeps at a fraction of a round trip. Two buckets that take turns let old minima go, so clock drift (5 % in 30 s is
 * 1.5 s at the very worst, real machines show a thousandth of it) cannot pile up.
 */
const BUCKET_MS = 30_000

export interface AgeMeter {
  /** Age in ms of a message sent at `sentAt` by the peer's clock and received at `receivedAt` by ours. */
  observe(sentAt: number, receivedAt: number): number
}

export function createAgeMeter(): AgeMeter {
  let current = Number.POSITIVE_INFINITY
  let previous = Number.POSITIVE_INFINITY
  let bucketEndsAt = Number.NEGATIVE_INFINITY
  return {
    observe(sentAt, receivedAt) {
      const difference = receivedAt - sentAt
      if (receivedAt >= bucketEndsAt) {
        // A bucket in which nothing fast arrived must not erase what we know, so the older minimum is only let go when a new one exists.
        if (current !== Number.POSITIVE_INFINITY) previous = current
        current = Number.POSITIVE_INFINITY
        bucketEndsAt = receivedAt + BUCKET_MS
      }
      const baseline = Math.min(current, previous)
      const age = baseline === Number.POSITIVE_INFINITY ? 0 : Math.max(0, difference - baseline)
      current = Math.min(current, difference)
      return age
    },
  }
}
