/** Attach a disk: reserve it, so that no other instance gets it, and plug it into the guest. */
import { giveUpWhenRefused, operation, step } from '../step.ts'
import { diskOf, plug } from './device-steps.ts'

export const attachDisk = operation('attach-disk', {
  cancellable: true,
  steps: [
    step('reserve', {
      do: c =>
        diskOf(c, 'attach', { operation: c.operation, host: c.args.host, sizeGb: c.args.change?.disk?.sizeGb ?? 1, project: c.args.spec.project }),
      undo: c => diskOf(c, 'release', { operation: c.operation }),
      onFault: giveUpWhenRefused,
    }),
    plug('plug'),
  ],
})
