/**
 * How old is a message? Two machines' clocks cannot be compared, but their monotonic clocks run at nearly the same speed. So for
 * each connection we keep how far our clock can be ahead of the sender's at most: by the difference between our clock at receipt and
 * the sender's at sending, which the fastest message makes smallest. A message is older by as much as its own difference is larger. One
 * that lay in a queue shows it.
 *
 * What is known of a difference gets stale, for the clocks may drift apart: so the bound grows, by as much as two clocks can at most,
 * until the next fast message makes it small again. Therefore an age is never too large, and a call is never refused that came in time; one
 * that lay for an hour shows at least four fifths of it.
 *
 * The estimate is relative to the fastest message, so it is too young by that one's own way, which the HELLO and WELCOME exchange
 * keeps at a fraction of a round trip.
 */

/** How fast two clocks drift apart at most: one slewed up and the other down by a twelfth each; see `actors/host/terms.ts`. */
const DRIFT = 0.2

export interface AgeMeter {
  /** Age in ms of a message sent at `sentAt` by the peer's clock and received at `receivedAt` by ours. */
  observe(sentAt: number, receivedAt: number): number
}

export function createAgeMeter(): AgeMeter {
  let bound = Number.POSITIVE_INFINITY
  let boundAt = 0
  return {
    observe(sentAt, receivedAt) {
      const difference = receivedAt - sentAt
      bound = Math.min(bound + DRIFT * Math.max(0, receivedAt - boundAt), difference)
      boundAt = receivedAt
      return difference - bound
    },
  }
}
