/** What PostgreSQL and the memory database must agree on. */
import { BatonError } from '../actors/kernel/errors.ts'
import type { Incarnation } from '../actors/kernel/ports.ts'

/** How long a lease runs from the join to the first renewal. */
export const JOIN_LEASE_MS = 10_000

/** A conductor that was declared dead, or has left, tried to write. */
export const fencedError = (incarnation: Incarnation): BatonError =>
  new BatonError('Fenced', `conductor ${incarnation} is no longer a member: nothing was written; join again`, { details: { incarnation } })

/** A conductor that joins cannot tell whether time has passed or the database's clock was set; others that count as alive may. */
export const unsettled = (waitMs: number): BatonError =>
  new BatonError('Unavailable', "the database's clock looks as if it had been set; waiting for a conductor that was there before", {
    retryAfterMs: 200,
    details: { settlesWithinMs: waitMs },
  })
