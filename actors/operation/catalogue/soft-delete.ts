/** Soft delete: stop the guest and keep everything, until it is restored or the instance's own timer deletes it for good. */
import { seconds } from '../../kernel/env.ts'
import { hypervisor, operation, STOP_GRACE_MS, step } from '../step.ts'

export const softDelete = operation('soft-delete', {
  steps: [step('power', { do: c => hypervisor(c, c.args.host ?? '', 'stop', { graceMs: STOP_GRACE_MS }), timeoutMs: seconds(60) })],
})
