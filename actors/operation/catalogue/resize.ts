/**
 * Resize and cold migrate: stop the guest, make it on another host, with another size or the same. Both hosts hold room
 * for it until somebody confirms or reverts. The guest is made on the target only when the one on the source has
 * stopped, and on the way back the source starts only when the target's has been destroyed; so it runs in one place at most.
 *
 * A disk that is a file of the source is offered there and fetched by the target, which says how far it is and is asked again until it has
 * all. A target that was restarted goes on where it was; when the source was, it is told to offer anew.
 */
import type { Json } from '../../kernel/define.ts'
import { minutes, seconds } from '../../kernel/env.ts'
import type { Fault } from '../../kernel/errors.ts'
import { guestSpec, hypervisor, type Left, type OnFault, operation, STOP_GRACE_MS, type StepContext, step } from '../step.ts'
import { letGoOf, moved, placeAndClaim, receive, targetOf } from './ends.ts'

/** Time a look at what is fetched is held by the target's agent, ms. */
const LOOK_MS = 2500
/** How often a source offers anew. */
const OFFERS = 3

/** Steps at which nothing of it can run on the target yet. */
const STILL_THERE: ReadonlySet<string> = new Set(['claim', 'stop', 'offer', 'fetch'])

const source = (c: StepContext): string => c.args.host ?? ''
const offers = (c: StepContext): number => (typeof c.found.offers === 'number' ? c.found.offers : 1)

function offerAnew(c: StepContext, fault: Fault): OnFault {
  if (fault.code === 'DeadlineExceeded') return { next: 'retry' }
  return offers(c) < OFFERS ? { next: 'goBack', to: 'offer', found: { offers: offers(c) + 1 } } : { next: 'giveUp' }
}

/**
 * From the first claim to the last undo both hosts may hold room. The target is where the guest may run once it may have been
 * made there; before that, the source.
 */
function leaves(c: Left) {
  const source = { host: c.args.host, claim: c.args.claim }
  if (c.at === 'check' || c.at === 'place' || !source.host || !source.claim) return source
  const here = { host: source.host, claim: source.claim }
  const there = { host: targetOf(c), claim: c.operation }
  return STILL_THERE.has(c.at) ? { ...here, origin: there } : { ...there, origin: here }
}

const how = {
  deadlineMs: minutes(30),
  cancellable: true,
  steps: [
    step('check', {
      do: c => hypervisor(c, source(c), 'checkMove', { spec: guestSpec(c), fetched: true }),
      onFault: (_, fault) => ({ next: fault.code === 'DeadlineExceeded' ? 'retry' : 'giveUp' }),
    }),
    ...placeAndClaim(),
    step('stop', {
      // Also when it is off already: nobody but the host knows for certain.
      do: c => hypervisor(c, source(c), 'stop', { graceMs: STOP_GRACE_MS }),
      undo: c => (c.args.running ? hypervisor(c, source(c), 'start') : null),
      timeoutMs: seconds(60),
    }),
    step('offer', {
      do: c => hypervisor(c, source(c), 'offerDisk'),
      save: (_, answer) => ({ offer: (answer as { offer?: Json } | null)?.offer ?? null }),
    }),
    step('fetch', {
      do: c => (c.found.offer ? hypervisor(c, targetOf(c), 'fetchDisk', { spec: guestSpec(c), offer: c.found.offer, waitMs: LOOK_MS }) : null),
      again: (_, answer) => {
        const { done, ...progress } = answer as { done: boolean } & Record<string, number>
        return done ? null : progress
      },
      undo: c => (c.found.offer ? letGoOf(c, targetOf(c)) : null),
      onFault: offerAnew,
      timeoutMs: seconds(15),
      attempts: 20,
    }),
    receive(c => c.args.running ?? true),
  ],
  leaves,
  move: moved,
} as const

export const resize = operation('resize', how)
export const migrate = operation('migrate', how)
