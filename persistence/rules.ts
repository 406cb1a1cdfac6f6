/** What PostgreSQL and the memory database must agree on. */
import { BatonError } from '../actors/kernel/errors.ts'
import type { Incarnation } from '../actors/kernel/ports.ts'

/** How long a lease runs from the join to the first renewal. */
export const JOIN_LEASE_MS = 10_000

/** A conductor that was declared dead, or has left, tried to write. */
export const fencedError = (incarnation: Incarnation): BatonError =>
  new BatonError('Fenced', `conductor ${incarnation} is no longer a member: nothing was written; join again`, { details: { incarnation } })
