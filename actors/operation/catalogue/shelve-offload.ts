/** Offload a shelved instance: its host forgets the guest and gives back the room; the disk stays where all hosts can reach it. */
import { operation } from '../step.ts'
import { forget, release } from './ends.ts'

export const shelveOffload = operation('shelve-offload', {
  steps: [forget('destroy', c => c.args.host), release('release', c => c.args)],
  leaves: ({ args, at }) => (at === 'end' ? { host: null, claim: null } : { host: args.host, claim: args.claim }),
})
