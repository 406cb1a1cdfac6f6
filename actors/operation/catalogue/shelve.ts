/** Shelve: stop the guest; its host keeps it until it is offloaded or unshelved. */
import { seconds } from '../../kernel/env.ts'
import { hypervisor, operation, STOP_GRACE_MS, step } from '../step.ts'

export const shelve = operation('shelve', {
  steps: [step('power', { do: c => hypervisor(c, c.args.host ?? '', 'stop', { graceMs: STOP_GRACE_MS }), timeoutMs: seconds(60) })],
})
