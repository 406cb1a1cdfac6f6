/** What no route takes: 405 when the path exists with other methods, else 404. */
import type { FastifyContextConfig, FastifyInstance, FastifyRequest, FastifySchema } from 'fastify'
import { BatonError } from '../../../actors/kernel/errors.ts'
import { COMPUTE, IMAGE } from '../context.ts'
import { HttpRefusal } from './errors.ts'

/** A route as it was added: one method of one path. */
export interface RouteInfo {
  readonly method: string
  readonly url: string
  readonly schema?: FastifySchema
  readonly config?: FastifyContextConfig
}

const tables = new WeakMap<FastifyInstance, ReadonlyMap<string, ReadonlySet<string>>>()
const lists = new WeakMap<FastifyInstance, readonly RouteInfo[]>()

/** Every path of a server that is watched, with its methods. */
export const routesOf = (app: FastifyInstance): ReadonlyMap<string, ReadonlySet<string>> => tables.get(app) ?? new Map()

/** Every route of a server that is watched, in the order they were added; without the HEAD that goes with each GET. */
export const routeInfosOf = (app: FastifyInstance): readonly RouteInfo[] => lists.get(app) ?? []

/** Remembers every route that is added after this call; answers with the error for a request that found none. */
export function watchRoutes(app: FastifyInstance): (request: FastifyRequest) => Error {
  const methods = new Map<string, Set<string>>()
  const infos: RouteInfo[] = []
  tables.set(app, methods)
  lists.set(app, infos)
  app.addHook('onRoute', ({ url, method, schema, config }) => {
    for (const name of [method].flat())
      if (name !== 'HEAD') infos.push({ method: name, url, ...(schema ? { schema } : {}), ...(config ? { config } : {}) })
    const known = methods.get(url) ?? new Set()
    methods.set(url, known)
    for (const name of [method].flat()) known.add(name)
  })
  return request => {
    const path = request.url.split('?', 1)[0] ?? ''
    const allowed = [...methods].filter(([pattern]) => matches(pattern, path)).flatMap(([, names]) => [...names])
    if (allowed.length === 0) return new BatonError('NotFound', 'The resource could not be found.')
    const allow = [...new Set(allowed)].sort().join(', ')
    return new HttpRefusal(405, `The method ${request.method} is not allowed for this resource; it takes ${allow}.`, { allow })
  }
}

/**
 * A slash at the end of a path means nothing, but for Nova and Glance: to them `/servers/` is a server with an empty id, which is not there.
 * To be called behind `watchRoutes`.
 */
export function refuseEmptyIds(app: FastifyInstance): void {
  app.addHook('onRequest', async request => {
    const path = request.url.split('?', 1)[0] ?? ''
    if (!path.endsWith('/') || !WITH_IDS.some(service => path.startsWith(`${service}/`))) return
    const base = segments(path)
    const takesId = [...routesOf(app).keys()].some(pattern => {
      const parts = segments(pattern)
      return parts.length === base.length + 1 && parts.at(-1)?.startsWith(':') && matches(parts.slice(0, -1).join('/'), path)
    })
    if (takesId) throw new BatonError('NotFound', 'The resource could not be found.')
  })
}

const WITH_IDS = [COMPUTE, IMAGE]

/** Whether a route pattern such as `/servers/:id` fits a path, a slash at the end apart. */
export function matches(pattern: string, path: string): boolean {
  const left = segments(pattern)
  const right = segments(path)
  return left.length === right.length && left.every((part, i) => (part.startsWith(':') ? right[i] !== '' : part === right[i]))
}

const segments = (path: string): string[] => path.replace(/\/$/, '').split('/')
