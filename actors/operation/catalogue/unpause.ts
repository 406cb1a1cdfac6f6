/** Unpause: let a frozen guest go on. */
import { hypervisor, operation, step } from '../step.ts'

export const unpause = operation('unpause', {
  steps: [step('power', { do: c => hypervisor(c, c.args.host ?? '', 'unpause') })],
})
