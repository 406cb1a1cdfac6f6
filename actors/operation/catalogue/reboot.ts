/** Reboot: soft asks the guest, hard pulls the plug. The host obeys one reboot command once, however often it is sent. */
import { hypervisor, operation, step } from '../step.ts'

export const reboot = operation('reboot', {
  steps: [step('reboot', { do: c => hypervisor(c, c.args.host ?? '', 'reboot', { mode: c.args.mode ?? 'soft' }) })],
})
