/** What the guests of the fake cluster say of themselves. `find` throws when there is no such instance. */
import type { ClusterApi, InstanceBody } from '../../actors/api.ts'
import { BatonError } from '../../actors/kernel/errors.ts'

type Guests = Pick<ClusterApi, 'changePassword' | 'instanceDiagnostics' | 'triggerCrashDump' | 'consoleLog' | 'consoleTicket'>

export const fakeGuests = (find: (id: string) => InstanceBody): Guests => ({
  changePassword: async ({ id }) => {
    find(id)
    throw new BatonError('DriverUnsupported', 'the fake driver cannot set a password of a guest')
  },
  instanceDiagnostics: async ({ id }) => {
    find(id)
    return { driver: 'fake', state: 'running', uptimeS: 60, cpuTimeNs: 2_000_000_000, memoryUsedMb: 12 }
  },
  triggerCrashDump: async ({ id }) => {
    find(id)
    return {}
  },
  consoleTicket: async ({ id }) => {
    find(id)
    throw new BatonError('DriverUnsupported', 'the fake driver has no serial console')
  },
  consoleLog: async ({ id }) => {
    find(id)
    return { output: 'one\ntwo\nthree\n' }
  },
})
