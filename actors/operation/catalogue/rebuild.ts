/** Rebuild: a new disk from an image, on the same host, with the same id, name and size. The old disk is gone as soon as it begins. */
import { minutes } from '../../kernel/env.ts'
import { guestSpec, hypervisor, operation, step } from '../step.ts'

export const rebuild = operation('rebuild', {
  steps: [
    step('rebuild', {
      do: c => hypervisor(c, c.args.host ?? '', 'rebuild', { spec: guestSpec(c), running: c.args.running ?? true }),
      timeoutMs: minutes(5),
    }),
  ],
})
