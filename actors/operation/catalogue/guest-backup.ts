/** Guest backup: its agent makes a backup of its service, which goes straight from the guest into the image store. The guest goes on. */
import { address } from '../../kernel/address.ts'
import { operation, step } from '../step.ts'
import { makeBackup } from './guest-steps.ts'

export const guestBackup = operation('guest-backup', {
  cancellable: true,
  steps: [
    ...makeBackup,
    step('retain', {
      do: c => {
        const { backupType, rotation } = c.args.change?.snapshot ?? {}
        if (backupType === undefined || rotation === undefined) return null
        return { to: address('storage', 'local'), method: 'retain', args: { instance: c.subject, backupType, keep: rotation } }
      },
      forwardOnly: true,
    }),
  ],
})
