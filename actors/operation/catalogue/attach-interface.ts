/** Attach an interface: plug it into the guest. */
import { operation } from '../step.ts'
import { plug } from './device-steps.ts'

export const attachInterface = operation('attach-interface', { cancellable: true, steps: [plug('plug')] })
