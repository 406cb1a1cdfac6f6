/**
 * Evacuate: make the guest anew on another host, because its own has died. Only where it is proved that the guest does not run
 * there any more: the host was fenced, or the lease has run out under which it ran this guest. Of a host that is merely silent
 * nobody knows. What is left on it is destroyed when it comes back.
 */
import { address } from '../../kernel/address.ts'
import { minutes } from '../../kernel/env.ts'
import { giveUpWhenRefused, type Left, operation, step } from '../step.ts'
import { moved, placeAndClaim, receive, release, targetOf } from './ends.ts'

function leaves(c: Left) {
  const source = { host: c.args.host, claim: c.args.claim }
  if (c.at === 'fenced' || c.at === 'place') return source
  const there = { host: targetOf(c), claim: c.operation }
  const here = source.host && source.claim ? { host: source.host, claim: source.claim } : undefined
  return { ...there, origin: c.at === 'end' ? undefined : here }
}

export const evacuate = operation('evacuate', {
  deadlineMs: minutes(30),
  cancellable: true,
  steps: [
    step('fenced', {
      do: c => ({ to: address('host', c.args.host ?? ''), method: 'requireFenced', args: { instance: c.subject } }),
      onFault: giveUpWhenRefused,
    }),
    ...placeAndClaim(() => true, { abandoning: true }),
    receive(c => c.args.running ?? true),
    release('release', c => c.args),
  ],
  leaves,
  move: moved,
})
