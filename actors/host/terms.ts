/**
 * How long a host may run guests under the HA policy without being heard, and how long a conductor waits before it takes
 * that time to be over. The proof that the second always ends after the first stands in docs/fencing.md; these are its numbers.
 *
 * The host counts from the moment it sent a heartbeat, the conductor from the moment it received one, each with its own clock.
 * So all that must be made up for is that the two clocks do not run equally fast, and that stopping a guest takes time.
 */

/**
 * Share by which the conductor waits longer. The fastest that a clock is slewed in practice is a twelfth (chrony's default
 * limit on Linux); with one clock slewed up and the other down by that much, (1 + 1/12) / (1 - 1/12) = 13/11 < 1.2.
 */
const CLOCK_MARGIN = 0.2

/** Time the watchdog of a host has to notice and to kill, ms: it looks ten times a second, and SIGKILL is not waited for by a guest. */
const STOP_MS = 2000

/** Silence after which the lease of a host has run out for certain and its guests under the policy have been stopped, ms. */
export const expiryMs = (leaseMs: number): number => Math.ceil(leaseMs * (1 + CLOCK_MARGIN)) + STOP_MS
