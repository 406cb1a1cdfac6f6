/**
 * Delete: destroy the guest, give back its room, on both hosts when there are two. A host that cannot be reached does not keep
 * an instance from being deleted: after a few attempts the guest is left to the reconciler, which has it destroyed when its
 * host comes back. Its disks beside the one it boots from stay, and can be attached to others,
 * but for those that were attached to go with it.
 */
import { address } from '../../kernel/address.ts'
import { seconds } from '../../kernel/env.ts'
import { hypervisor, operation, type StepContext, step } from '../step.ts'
import { releaseOf } from './ends.ts'
import { forgetAgent } from './guest-steps.ts'

const DESTROY_ATTEMPTS = 3

const destroy = (name: string, where: (c: StepContext) => string | null | undefined) =>
  step(name, {
    do: c => {
      const host = where(c)
      return host ? hypervisor(c, host, 'destroy') : null
    },
    onFault: (_, fault, attempt) => ({ next: fault.code === 'DeadlineExceeded' && attempt >= DESTROY_ATTEMPTS ? 'skip' : 'retry' }),
    irreversible: true,
    timeoutMs: seconds(20),
    attempts: 20,
  })

export const remove = operation('delete', {
  steps: [
    destroy('destroy', c => c.args.host),
    destroy('destroy-second', c => c.args.origin?.host),
    step('disks', {
      do: c => {
        const disks = c.args.devices?.disks ?? []
        const remove = disks.filter(disk => disk.deleteOnTermination).map(disk => disk.id)
        const args = { instance: c.subject, order: c.order, ...(remove.length > 0 ? { remove } : {}) }
        return disks.length > 0 ? { to: address('storage', 'local'), method: 'releaseDisks', args } : null
      },
      attempts: 20,
    }),
    forgetAgent,
    step('release', { do: c => releaseOf(c, c.args), attempts: 20 }),
    step('release-second', { do: c => releaseOf(c, c.args.origin), attempts: 20 }),
  ],
  // At the deadline all of it may still be there, so it stays known: another delete finds it.
  leaves: ({ args: { host, claim, origin }, at }) => (at === 'end' ? { host: null, claim: null } : { host, claim, origin }),
})
