/** Snapshot: copy the disk of an instance into an image. It goes on as it is, running or not, and other instances can be built from the image. */
import { operation } from '../step.ts'
import { makeImage } from './image-steps.ts'

export const snapshot = operation('snapshot', { cancellable: true, steps: makeImage })
