/** Unrescue: boot the guest from its own disk again. */
import { minutes } from '../../kernel/env.ts'
import { hypervisor, operation, step } from '../step.ts'

export const unrescue = operation('unrescue', {
  steps: [step('unrescue', { do: c => hypervisor(c, c.args.host ?? '', 'unrescue', { running: true }), timeoutMs: minutes(2) })],
})
