/** Detach an interface: unplug it. */
import { operation } from '../step.ts'
import { plug } from './device-steps.ts'

export const detachInterface = operation('detach-interface', { cancellable: true, steps: [plug('unplug')] })
