/** From a method's name and arguments to a call of the cluster's interface; unknown names are refused. */
import type { ClusterApi } from '../actors/api.ts'
import { record } from '../actors/kernel/check.ts'
import { BatonError } from '../actors/kernel/errors.ts'

export function serveApi(api: ClusterApi, method: string, args: unknown): Promise<unknown> {
  const wrong = record(args)
  if (wrong) return Promise.reject(new BatonError('BadRequest', `api.${method}: arguments ${wrong}`))
  const handler = Object.hasOwn(api, method) ? (api[method as keyof ClusterApi] as (args: unknown) => Promise<unknown>) : undefined
  if (!handler) return Promise.reject(new BatonError('UnknownMethod', `the API has no method ${method}`))
  return handler(args)
}

/** The same interface on the other side: every method becomes a call. `affinity` names the actor a request is mostly about. */
export function apiProxy(call: (method: string, args: Record<string, unknown>, affinity: string | null) => Promise<unknown>): ClusterApi {
  return new Proxy({} as ClusterApi, {
    get: (_, method) => {
      if (typeof method !== 'string' || method === 'then') return undefined
      return (args: Record<string, unknown>) => call(method, args, affinityOf(args))
    },
  })
}

function affinityOf(args: Record<string, unknown>): string | null {
  if (typeof args.id === 'string') return args.id
  return Array.isArray(args.ids) && typeof args.ids[0] === 'string' ? args.ids[0] : null
}
