/** Confirm a resize or migration: the source lets go of the guest it kept, and of the room. */
import { operation } from '../step.ts'
import { forget, release } from './ends.ts'

export const confirmResize = operation('confirm-resize', {
  steps: [forget('destroy', c => c.args.origin?.host ?? null), release('release', c => c.args.origin)],
  leaves: ({ args, at }) => ({ host: args.host, claim: args.claim, origin: at === 'end' ? undefined : args.origin }),
})
