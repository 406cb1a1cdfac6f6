/**
 * Resize and cold migrate: stop the guest, make it on another host, with another size or the same. Both hosts hold room
 * for it until somebody confirms or reverts. The guest is made on the target only when the one on the source has
 * stopped, and on the way back the source starts only when the target's has been destroyed; so it runs in one place at most.
 */
import { minutes, seconds } from '../../kernel/env.ts'
import { hypervisor, type Left, operation, STOP_GRACE_MS, step } from '../step.ts'
import { moved, placeAndClaim, receive, targetOf } from './ends.ts'

/**
 * From the first claim to the last undo both hosts may hold room. The target is where the guest may run once it may have been
 * made there; before that, the source.
 */
function leaves(c: Left) {
  const source = { host: c.args.host, claim: c.args.claim }
  if (c.at === 'place' || !source.host || !source.claim) return source
  const here = { host: source.host, claim: source.claim }
  const there = { host: targetOf(c), claim: c.operation }
  return c.at === 'claim' || c.at === 'stop' ? { ...here, origin: there } : { ...there, origin: here }
}

const how = {
  deadlineMs: minutes(30),
  cancellable: true,
  steps: [
    ...placeAndClaim(),
    step('stop', {
      // Also when it is off already: nobody but the host knows for certain.
      do: c => hypervisor(c, c.args.host ?? '', 'stop', { graceMs: STOP_GRACE_MS }),
      undo: c => (c.args.running ? hypervisor(c, c.args.host ?? '', 'start') : null),
      timeoutMs: seconds(60),
    }),
    receive(c => c.args.running ?? true),
  ],
  leaves,
  move: moved,
} as const

export const resize = operation('resize', how)
export const migrate = operation('migrate', how)
