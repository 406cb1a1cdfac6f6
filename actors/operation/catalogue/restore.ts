/** Restore: take back a soft delete, and start the guest. */
import { hypervisor, operation, step } from '../step.ts'

export const restore = operation('restore', {
  steps: [step('power', { do: c => hypervisor(c, c.args.host ?? '', 'start') })],
})
