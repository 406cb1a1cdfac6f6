/** Offload a shelved instance: its host forgets the guest and gives back the room. Refused unless the disk stays where other hosts can reach it. */
import { guestSpec, hypervisor, operation, step } from '../step.ts'
import { forget, release } from './ends.ts'

export const shelveOffload = operation('shelve-offload', {
  steps: [
    step('check', {
      do: c => (c.args.host === null ? null : hypervisor(c, c.args.host, 'checkMove', { spec: guestSpec(c), fetched: false })),
      onFault: (_, fault) => ({ next: fault.code === 'DeadlineExceeded' ? 'retry' : 'giveUp' }),
    }),
    forget('destroy', c => c.args.host),
    release('release', c => c.args),
  ],
  leaves: ({ args, at }) => (at === 'end' ? { host: null, claim: null } : { host: args.host, claim: args.claim }),
})
