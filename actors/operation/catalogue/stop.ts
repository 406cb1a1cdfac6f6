/** Stop: ask the guest to end, and end it when it does not. */
import { seconds } from '../../kernel/env.ts'
import { hypervisor, operation, step } from '../step.ts'

/** Time a guest has to end by itself, ms. */
const STOP_GRACE_MS = seconds(10)

export const stop = operation('stop', {
  steps: [step('power', { do: c => hypervisor(c, c.args.host ?? '', 'stop', { graceMs: STOP_GRACE_MS }), timeoutMs: seconds(60) })],
})
