/** Requests that go straight to the host of a guest and are written down nowhere: its console, what it uses, its password, a dump of it. */
import type { ClusterApi, InstanceBody } from '../../actors/api.ts'
import type { ConsoleTicket } from '../../actors/hypervisor/remote-consoles.ts'
import type { ViewTable } from '../../actors/kernel/define.ts'
import { BatonError } from '../../actors/kernel/errors.ts'

export interface GuestRequestsOptions {
  call(kind: string, id: string, method: string, args: unknown): Promise<unknown>
  get<T>(table: ViewTable, id: string, what: string): Promise<T>
}

type Requests = Pick<ClusterApi, 'consoleLog' | 'consoleTicket' | 'instanceDiagnostics' | 'triggerCrashDump' | 'changePassword'>

export function guestRequests({ call, get }: GuestRequestsOptions): Requests {
  async function living(id: string): Promise<InstanceBody> {
    const body = await get<InstanceBody>('instance', id, 'instance')
    if (body.vmState === 'deleted') throw new BatonError('NotFound', `instance ${id} is deleted`)
    return body
  }

  /** The host of an instance that is in one of `states` with no task under way. `what` is said of a refusal. */
  async function hostOf(id: string, what: string, states: readonly InstanceBody['vmState'][]): Promise<string> {
    const { vmState, host, locked, operation } = await living(id)
    if (locked) throw new BatonError('Conflict', `cannot ${what} instance ${id}: it is locked; unlock it first`)
    if (states.includes(vmState) && operation === null && host !== null) return host
    const now = operation === null ? vmState : `${vmState} with a task under way`
    throw new BatonError('Conflict', `cannot ${what} instance ${id} while it is ${now}; it must be ${states.join(' or ')} with no task under way`)
  }

  return {
    async consoleLog({ id, maxBytes }) {
      const { host } = await living(id)
      if (!host) throw new BatonError('Conflict', `instance ${id} is on no host, so it has no console`)
      return (await call('compute', host, 'consoleLog', { instance: id, maxBytes })) as { output: string }
    },
    async consoleTicket({ id, kind, by }) {
      const { host } = await living(id)
      if (!host) throw new BatonError('Conflict', `instance ${id} is on no host, so it has no console`)
      const ticket = (await call('compute', host, 'consoleTicket', { instance: id, kind, by })) as ConsoleTicket
      return { host, ...ticket }
    },
    async instanceDiagnostics({ id }) {
      const { host } = await living(id)
      if (!host) throw new BatonError('Conflict', `instance ${id} is on no host, so there is nothing to diagnose`)
      return (await call('compute', host, 'diagnostics', { instance: id })) as Awaited<ReturnType<ClusterApi['instanceDiagnostics']>>
    },
    async triggerCrashDump({ id }) {
      const host = await hostOf(id, 'trigger a crash dump of', ['active', 'paused', 'rescued', 'resized', 'error'])
      await call('compute', host, 'crashDump', { instance: id })
      return {}
    },
    async changePassword({ id, password }) {
      const host = await hostOf(id, 'change the password of', ['active'])
      await call('compute', host, 'setPassword', { instance: id, password })
      return {}
    },
  }
}
