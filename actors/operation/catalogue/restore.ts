/**
 * Restore: take back a soft delete, and start the guest. One that was deleted while it was rescued goes back to its own disk: it
 * is going to be called active.
 */
import { minutes } from '../../kernel/env.ts'
import { hypervisor, operation, step } from '../step.ts'

export const restore = operation('restore', {
  steps: [
    step('unrescue', {
      do: c => hypervisor(c, c.args.host ?? '', 'unrescue', { running: false }),
      // Where there is no rescue there is nothing to go back from.
      onFault: (_, fault) => ({ next: fault.code === 'DriverUnsupported' ? 'skip' : 'retry' }),
      timeoutMs: minutes(2),
    }),
    step('power', { do: c => hypervisor(c, c.args.host ?? '', 'start') }),
  ],
})
