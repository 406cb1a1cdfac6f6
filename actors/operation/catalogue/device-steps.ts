/** Steps that change the devices of a guest. A host is told all that the guest is to have, so that telling it twice is telling it once. */

import { type Devices, NO_DEVICES } from '../../hypervisor/driver.ts'
import { address } from '../../kernel/address.ts'
import { hypervisor, type Request, type StepContext, step } from '../step.ts'

const tell = (c: StepContext, devices: Devices): Request => hypervisor(c, c.args.host ?? '', 'setDevices', { devices })

/** Give the guest the devices of the change; undone, those it had. */
export const plug = (name: 'plug' | 'unplug') =>
  step(name, {
    do: c => tell(c, c.args.change?.devices ?? NO_DEVICES),
    undo: c => tell(c, c.args.devices ?? NO_DEVICES),
  })

export const diskOf = (c: StepContext, method: string, args: object): Request => ({
  to: address('disk', c.args.change?.disk?.id ?? ''),
  method,
  args: { instance: c.subject, order: c.order, ...args },
})
