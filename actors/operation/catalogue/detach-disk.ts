/** Detach a disk: unplug it, and only then let others have it. What is written on it stays. */
import { operation, step } from '../step.ts'
import { diskOf, plug } from './device-steps.ts'

export const detachDisk = operation('detach-disk', {
  cancellable: true,
  steps: [plug('unplug'), step('release', { do: c => diskOf(c, 'release', {}), forwardOnly: true })],
})
