/**
 * Which guests a host must stop by itself when it is no longer heard, and whether it knows that: the durable half of the lease.
 *
 * The conductor offers the host a set of instances, under a number. The host hands the set to its watchdog and says with every
 * heartbeat for which number that is armed. Two rules make it safe to evacuate what is in `learned`:
 * - An instance comes into `learned` only after the host has said that it is armed with an offer that has it.
 * - An instance leaves `learned` before the host is offered a set without it, in a commit of its own.
 * Numbers only grow, and a host takes no offer with a lower number than it has: one from a conductor that was declared dead is of no use.
 * So whatever gets lost, late or doubled on the way, `learned` never has an instance that the host does not protect. An old
 * copy of a heartbeat carries an old number and teaches nothing.
 *
 * Heartbeats come every second and change nothing of this; it changes when an instance comes, goes, or gets another policy.
 */

export interface Policy {
  /** Number of the newest offer; 0 before the first. */
  readonly offer: number
  /** Instances of the newest offer, sorted. */
  readonly offered: readonly string[]
  /** The offer that the host has said to be armed with. */
  readonly known: number
  /** Instances that the host stops for certain when its lease runs out. */
  readonly learned: readonly string[]
}

export const NO_POLICY: Policy = { offer: 0, offered: [], known: 0, learned: [] }

export type PolicyEvent =
  | { readonly type: 'policyOffered'; readonly offer: number; readonly added: readonly string[]; readonly removed: readonly string[] }
  /** The host is armed with the newest offer. */
  | { readonly type: 'policyLearned'; readonly offer: number }
  /** The host is armed with something else, or with nothing: it has begun a new life. */
  | { readonly type: 'policyForgotten' }

/** What follows when a host has said that it is armed with offer `known`. No events when all is as it was. */
export function armedEvents(policy: Policy, known: number): PolicyEvent[] {
  if (known === policy.known) return []
  if (known === policy.offer) return [{ type: 'policyLearned', offer: known }]
  return policy.learned.length > 0 ? [{ type: 'policyForgotten' }] : []
}

/** The same, and what follows when it should protect `wanted` (sorted). */
export function offerEvents(policy: Policy, wanted: readonly string[], known: number): PolicyEvent[] {
  const events = armedEvents(policy, known)
  const [added, removed] = [without(wanted, policy.offered), without(policy.offered, wanted)]
  // A host that was armed by another cluster takes only what has a higher number than what it has.
  const behind = known > policy.offer
  if (added.length > 0 || removed.length > 0 || behind) {
    events.push({ type: 'policyOffered', offer: Math.max(policy.offer, known) + 1, added, removed })
  }
  return events
}

export function evolvePolicy(policy: Policy, event: PolicyEvent): Policy {
  switch (event.type) {
    case 'policyOffered': {
      const offered = [...without(policy.offered, event.removed), ...event.added].sort()
      return { ...policy, offer: event.offer, offered, learned: without(policy.learned, event.removed) }
    }
    case 'policyLearned':
      return { ...policy, known: event.offer, learned: policy.offered }
    case 'policyForgotten':
      return { ...policy, known: 0, learned: [] }
  }
}

function without(items: readonly string[], others: readonly string[]): string[] {
  const set = new Set(others)
  return items.filter(item => !set.has(item))
}
