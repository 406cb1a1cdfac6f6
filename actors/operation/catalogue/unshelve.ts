/** Unshelve: start the guest where it is; when it was offloaded, find a host and make it there. */
import { minutes } from '../../kernel/env.ts'
import { hypervisor, type Left, operation, type StepContext, step } from '../step.ts'
import { placeAndClaim, receive, targetOf } from './ends.ts'

const offloaded = (c: StepContext): boolean => c.args.host === null

function leaves(c: Left) {
  if (c.args.host !== null) return { host: c.args.host, claim: c.args.claim }
  return c.at === 'place' ? { host: null, claim: null } : { host: targetOf(c), claim: c.operation }
}

export const unshelve = operation('unshelve', {
  deadlineMs: minutes(30),
  cancellable: true,
  steps: [
    step('power', { do: c => (offloaded(c) ? null : hypervisor(c, c.args.host ?? '', 'start')) }),
    ...placeAndClaim(offloaded),
    receive(() => true, offloaded),
  ],
  leaves,
})
