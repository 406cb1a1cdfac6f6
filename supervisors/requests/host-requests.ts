/** Requests about one host: its actor decides. */
import type { ClusterApi, EmptyHost, HostBody, HostLease, OperationBody } from '../../actors/api.ts'
import { type HostOperationKind, isHostOperation, operationActorOf } from '../../actors/host-operation/contract.ts'
import type { ViewTable } from '../../actors/kernel/define.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import type { Views } from '../../actors/kernel/ports.ts'

export interface HostRequestsOptions {
  readonly views: Views
  call(kind: string, id: string, method: string, args: unknown): Promise<unknown>
  /** Throws `NotFound`. */
  get<T>(table: ViewTable, id: string, what: string): Promise<T>
}

type Requests = Pick<
  ClusterApi,
  | 'getHost'
  | 'setHostEnabled'
  | 'fenceHost'
  | 'drainHost'
  | 'undrainHost'
  | 'evacuateHost'
  | 'setHostMaintenance'
  | 'deleteHost'
  | 'cancelOperation'
  | 'forceOperation'
>

/** Instances moved at a time when nobody says how many. */
const PARALLEL = 2

/** States of hosts that are shown; those that were deleted are `gone`. */
export const KNOWN_HOSTS = ['up', 'suspect', 'down', 'fenced'] as const

export function hostRequests({ views, call, get }: HostRequestsOptions): Requests {
  async function getHost({ id }: { id: string }): Promise<HostBody> {
    const host = await get<HostBody>('host', id, 'host')
    if (host.state === 'gone') throw new BatonError('NotFound', `there is no host ${id}: it was deleted, and its agent has not come back`)
    // Who listens to it may be just now starting; the rest of what is known is worth showing all the same.
    const heard = (method: string): Promise<unknown> => call('monitor', id, method, {}).catch(() => null)
    const [lease, uptimeS] = await Promise.all([heard('lease'), heard('uptime')])
    return { ...host, lease: lease as HostLease | null, uptimeS: uptimeS as number | null }
  }

  const empty = async (kind: HostOperationKind, { id, parallel = PARALLEL, requestId, by }: EmptyHost, cold = false) =>
    (await call('host', id, 'empty', { kind, parallel, cold, requestId, ...(by ? { by } : {}) })) as { operation: string }

  /** Operations of hosts have an actor of their own kind. */
  async function operationCall(id: string, method: string): Promise<OperationBody> {
    const row = await views.get('operation', id)
    const kind = row?.columns.kind
    if (row && isHostOperation(kind) && method === 'force')
      throw new BatonError('Conflict', `a ${kind} cannot be forced; force the migrations it has begun`)
    return (await call(operationActorOf(kind), id, method, {})) as OperationBody
  }

  return {
    getHost,
    async setHostEnabled({ id, enabled, reason }) {
      return (await call('host', id, 'setEnabled', { enabled, ...(reason === undefined ? {} : { reason }) })) as HostBody
    },
    async fenceHost({ id }) {
      return (await call('host', id, 'fence', {})) as HostBody
    },
    drainHost: ({ cold, ...args }) => empty('drain', args, cold),
    evacuateHost: args => empty('evacuate-host', args),
    async undrainHost({ id }) {
      return (await call('host', id, 'open', {})) as HostBody
    },
    async setHostMaintenance({ on, cold, ...args }) {
      if (!on) return (await call('host', args.id, 'endMaintenance', {})) as HostBody
      await empty('maintenance', args, cold)
      return (await call('host', args.id, 'get', {})) as HostBody
    },
    async deleteHost({ id }) {
      await call('host', id, 'delete', {})
      return {}
    },
    cancelOperation: ({ id }) => operationCall(id, 'cancel'),
    forceOperation: ({ id }) => operationCall(id, 'force'),
  }
}
