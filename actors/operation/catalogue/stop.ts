/** Stop: ask the guest to end, and end it when it does not. */
import { seconds } from '../../kernel/env.ts'
import { hypervisor, operation, STOP_GRACE_MS, step } from '../step.ts'

export const stop = operation('stop', {
  steps: [step('power', { do: c => hypervisor(c, c.args.host ?? '', 'stop', { graceMs: STOP_GRACE_MS }), timeoutMs: seconds(60) })],
})
