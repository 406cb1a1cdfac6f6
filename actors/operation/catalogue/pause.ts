/** Pause: freeze the guest in memory. */
import { hypervisor, operation, step } from '../step.ts'

export const pause = operation('pause', {
  steps: [step('power', { do: c => hypervisor(c, c.args.host ?? '', 'pause') })],
})
