/** Rescue: boot the guest from another image, so that somebody can mend its disk. */
import { minutes } from '../../kernel/env.ts'
import { hypervisor, operation, step } from '../step.ts'

export const rescue = operation('rescue', {
  steps: [
    step('rescue', {
      do: c => hypervisor(c, c.args.host ?? '', 'rescue', { image: c.args.change?.image ?? c.args.spec.image }),
      undo: c => hypervisor(c, c.args.host ?? '', 'unrescue', { running: c.args.running ?? true }),
      timeoutMs: minutes(2),
    }),
  ],
})
