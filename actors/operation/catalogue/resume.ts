/** Resume: let a suspended guest go on where it was. */
import { hypervisor, operation, step } from '../step.ts'

export const resume = operation('resume', {
  steps: [step('power', { do: c => hypervisor(c, c.args.host ?? '', 'resume') })],
})
