/** From a method's name and arguments to a call of the cluster's interface; unknown names are refused. */
import type { ClusterApi } from '../../actors/api.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { API_CHECKS } from './api-checks.ts'

export function serveApi(api: ClusterApi, method: string, args: unknown): Promise<unknown> {
  const known = isMethod(method) && Object.hasOwn(api, method)
  if (!known) return Promise.reject(new BatonError('UnknownMethod', `the API has no method ${method}`))
  const wrong = API_CHECKS[method](args)
  if (wrong) return Promise.reject(new BatonError('BadRequest', `api.${method}: ${wrong}`))
  const handler = api[method] as (args: unknown) => Promise<unknown>
  return handler(args)
}

/** Methods that change nothing say so by their name. */
export const isApiRead = (method: string): boolean => /^(?:get|list)[A-Z]/.test(method)

const isMethod = (name: string): name is keyof ClusterApi => Object.hasOwn(API_CHECKS, name)

/** The same interface on the other side: every method becomes a call. `affinity` names the actor a request is mostly about. */
export function apiProxy(call: (method: string, args: Record<string, unknown>, affinity: string | null) => Promise<unknown>): ClusterApi {
  return new Proxy({} as ClusterApi, {
    get: (_, method) => {
      if (typeof method !== 'string' || method === 'then') return undefined
      return (args: Record<string, unknown>) => call(method, args, affinityOf(method, args))
    },
  })
}

/** A repair takes seconds, so its call is sent again meanwhile: always to the same conductor, which knows it already. */
const REPAIR_AFFINITY = 'doctor'

function affinityOf(method: string, args: Record<string, unknown>): string | null {
  if (method === 'repair') return REPAIR_AFFINITY
  if (typeof args.id === 'string') return args.id
  return Array.isArray(args.ids) && typeof args.ids[0] === 'string' ? args.ids[0] : null
}
