/** Backup: a snapshot that belongs to a series. When it is there, the oldest of the series beyond the number to keep are deleted. */
import { address } from '../../kernel/address.ts'
import { operation, step } from '../step.ts'
import { makeImage } from './image-steps.ts'

export const backup = operation('backup', {
  cancellable: true,
  steps: [
    ...makeImage,
    step('rotate', {
      do: c => {
        const { backupType = '', rotation = 0 } = c.args.change?.snapshot ?? {}
        return { to: address('storage', 'local'), method: 'rotate', args: { instance: c.subject, backupType, keep: rotation } }
      },
      forwardOnly: true,
    }),
  ],
})
