/** Start: power on a stopped guest on its host. */
import { hypervisor, operation, step } from '../step.ts'

export const start = operation('start', {
  steps: [step('power', { do: c => hypervisor(c, c.args.host ?? '', 'start') })],
})
