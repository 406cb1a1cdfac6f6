/**
 * Delete: destroy the guest, give back its room. A host that cannot be reached does not keep an instance from being
 * deleted: after a few attempts the guest is left to the reconciler, which has it destroyed when its host comes back.
 */
import { address } from '../../kernel/address.ts'
import { seconds } from '../../kernel/env.ts'
import { hypervisor, operation, step } from '../step.ts'

const DESTROY_ATTEMPTS = 3

export const remove = operation('delete', {
  steps: [
    step('destroy', {
      do: c => (c.args.host ? hypervisor(c, c.args.host, 'destroy') : null),
      onFault: (_, fault, attempt) => ({ next: fault.code === 'DeadlineExceeded' && attempt >= DESTROY_ATTEMPTS ? 'skip' : 'retry' }),
      irreversible: true,
      timeoutMs: seconds(20),
      attempts: 20,
    }),
    step('release', {
      do: c =>
        c.args.host && c.args.claim ? { to: address('host', c.args.host), method: 'release', args: { claim: c.args.claim, order: c.order } } : null,
      attempts: 20,
    }),
  ],
  leaves: () => ({ host: null, claim: null }),
})
