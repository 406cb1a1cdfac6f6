/** Suspend: save the guest's memory on its host's disk, and stop it. */
import { minutes } from '../../kernel/env.ts'
import { hypervisor, operation, step } from '../step.ts'

export const suspend = operation('suspend', {
  steps: [step('power', { do: c => hypervisor(c, c.args.host ?? '', 'suspend'), timeoutMs: minutes(2) })],
})
