/**
 * The one place where it is decided whether a request may be made: who it is by its token, by which rule, about whose thing. Everything
 * happens before the body is looked at by anybody else. What is of another project is answered as if it did not exist.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type ClusterApi, isVisible } from '../../../actors/api.ts'
import type { Claims, IdentityGate } from '../../../actors/identity/api.ts'
import { BatonError } from '../../../actors/kernel/errors.ts'
import { COMPUTE, IMAGE } from '../context.ts'
import { visibilityAsked } from '../images/visibility.ts'
import { HttpRefusal } from '../requests/errors.ts'
import { originOf } from '../requests/request.ts'
import { isAdmin, type Owner, passes, projectIn } from './checks.ts'
import { type About, ACTION_RULES, PUBLIC, ROUTE_RULES, type RouteRule } from './routes.ts'
import { rulesWith, UNLISTED } from './rules.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; null where anybody may, and where there are no identities. */
    claims: Claims | null
  }
}

export interface GuardOptions {
  readonly api: ClusterApi
  readonly gate: IdentityGate
  /** Over the defaults, each `name = rule`. */
  readonly rules?: readonly string[]
}

const TOKEN_HEADER = 'x-auth-token'

/** The claims behind a request that needs some. */
export function claimsOf(request: FastifyRequest): Claims {
  if (!request.claims) throw new BatonError('Unauthorized', 'The request you have made requires authentication.')
  return request.claims
}

const unauthorized = (request: FastifyRequest, message: string): HttpRefusal =>
  new HttpRefusal(401, message, { 'www-authenticate': `Keystone uri="${originOf(request)}/identity"` })

/** Adds the guard to everything that is routed after this call. Throws `ConfigInvalid` for wrong rules. */
export function guardRoutes(app: FastifyInstance, { api, gate, rules: overrides = [] }: GuardOptions): void {
  const rules = rulesWith(overrides)
  const ruleOf = (name: string): string => rules[name] ?? '!'

  app.addHook('onRequest', async request => {
    const route = routeRule(request)
    if (route === null || route.rule === PUBLIC) return
    const token = request.headers[TOKEN_HEADER]
    if (typeof token !== 'string' || token === '') {
      throw unauthorized(
        request,
        'The request you have made requires authentication: send a token in X-Auth-Token, from POST /identity/v3/auth/tokens.',
      )
    }
    request.claims = await gate.verify(token).catch(error => {
      throw error instanceof BatonError && error.code === 'Unauthorized' ? unauthorized(request, error.message) : error
    })
    // Whether there is anything the request could be about that would make it pass: if not, nothing is looked up.
    const claims = request.claims
    const best: Owner = { project: projectIn(claims), user: claims.user.id }
    const possible = [route.rule, ...(route.otherwise === undefined ? [] : [route.otherwise])]
    if (!possible.some(name => passes(ruleOf(name), claims, best))) throw forbidden(route.rule)
  })

  app.addHook('preValidation', async request => {
    const { claims } = request
    const route = routeRule(request)
    if (claims === null || route === null) return
    const owner = await ownerOf(request, route.about, claims)
    if (owner === null) {
      if (!passes(ruleOf(route.otherwise ?? route.rule), claims, {})) throw forbidden(route.otherwise ?? route.rule)
    } else if (!passes(ruleOf(route.rule), claims, owner)) {
      throw mine(claims, owner) || !HIDDEN.has(route.about ?? 'project') ? forbidden(route.rule) : missing(request)
    }
    for (const name of furtherRules(request, claims)) if (!passes(ruleOf(name), claims, owner ?? {})) throw forbidden(name)
    if (route.list) scopeList(request, claims, rule => passes(ruleOf(rule), claims, {}), route.list.all)
  })

  async function ownerOf(request: FastifyRequest, about: About | undefined, claims: Claims): Promise<Owner | null> {
    const { id = '' } = request.params as { id?: string }
    const asked = request.query as { subject?: string; instance?: string; project_id?: string }
    // An admin may do anything to anybody's: nobody needs to be asked whose it is.
    if (about === undefined) return {}
    if (about === 'project') return { project: id }
    if (about === 'user') return { user: id }
    if (about === 'subject?') return typeof asked.subject === 'string' ? ownerOfInstance(asked.subject) : null
    if (about === 'project_id?') return typeof asked.project_id === 'string' ? { project: asked.project_id } : null
    if (about === 'instance?') return typeof asked.instance === 'string' ? ownerOfInstance(asked.instance) : null
    if (isAdmin(claims)) return {}
    if (about === 'instance') return ownerOfInstance(id)
    if (about === 'agent') return ownerOfAgent(id)
    if (about === 'operation') return ownerOfSubject(id.split('.', 1)[0] ?? '')
    if (about === 'group') return whose(async () => (await api.getGroup({ id })).project)
    if (about === 'image' || about === 'seen image') return ownerOfImage(id, claims, about === 'seen image')
    const disk = await api.getDisk({ id }).catch(() => null)
    if (disk?.project !== undefined) return { project: disk.project }
    return disk?.instance ? ownerOfInstance(disk.instance) : { project: null }
  }

  /** Whoever may see an image may look at it; what changes it is its project's. */
  async function ownerOfImage(id: string, claims: Claims, toLook: boolean): Promise<Owner> {
    const image = await api.getImage({ id }).catch(unlessMissing)
    if (!image) return { project: null }
    const seen = isVisible(image, projectIn(claims))
    return { project: seen && toLook ? projectIn(claims) : image.project, seen }
  }

  const ownerOfInstance = (id: string): Promise<Owner> => whose(async () => (await api.getInstance({ id: id.toLowerCase() })).project)

  const ownerOfAgent = (id: string): Promise<Owner> => whose(async () => (await api.getAgent({ id: id.toLowerCase(), look: false })).project)

  /** Of an operation: an instance's, or that of an agent of its own. */
  async function ownerOfSubject(id: string): Promise<Owner> {
    const owner = await ownerOfInstance(id)
    return owner.project === null ? ownerOfAgent(id) : owner
  }

  app.decorateRequest('claims', null)
}

/** What nobody else may know to exist. Of projects and users it is no secret that any id might be one. */
const HIDDEN: ReadonlySet<About> = new Set<About>(['instance', 'agent', 'operation', 'group', 'image', 'seen image', 'disk', 'subject?', 'instance?'])

const mine = (claims: Claims, owner: Owner): boolean => owner.seen === true || owner.project === undefined || owner.project === projectIn(claims)

const forbidden = (rule: string): BatonError =>
  new BatonError('Forbidden', rule === UNLISTED ? 'Only an admin may do this.' : `Policy doesn't allow ${rule} to be performed.`)

/** As the routes themselves say it of what does not exist. */
function missing(request: FastifyRequest): BatonError {
  const { id = '' } = request.params as { id?: string }
  return new BatonError('NotFound', `${JSON.stringify(id.slice(0, 64)).slice(1, -1)} could not be found.`)
}

async function whose(project: () => Promise<string | null>): Promise<Owner> {
  try {
    return { project: await project() }
  } catch (error) {
    return unlessMissing(error) ?? { project: null }
  }
}

/** What does not exist is nobody's, and is answered as what is somebody else's. */
function unlessMissing(error: unknown): null {
  if (error instanceof BatonError && (error.code === 'NotFound' || error.code === 'BadRequest')) return null
  throw error
}

/** The row of the table for a request; null for a path that nothing is at, which is answered 404 to anybody. */
function routeRule(request: FastifyRequest): RouteRule | null {
  const { url } = request.routeOptions
  if (url === undefined || request.is404) return null
  const method = request.method === 'HEAD' ? 'GET' : request.method
  return ROUTE_RULES[`${method} ${url}`] ?? { rule: UNLISTED }
}

/** Rules beside that of the path, by what the query or the body asks for. */
function furtherRules({ method, routeOptions: { url }, body, query, params: named }: FastifyRequest, claims: Claims): string[] {
  const params = named as { id?: string }
  const { tenant_id: tenant } = query as { tenant_id?: unknown }
  if (url === `${COMPUTE}/limits` && tenant !== undefined && tenant !== projectIn(claims)) return ['os_compute_api:limits:other_project']
  if (url === `${IMAGE}/images` || url === `${IMAGE}/images/:id`) {
    const visibility = visibilityAsked(body)
    return visibility === 'public' ? ['publicize_image'] : visibility === 'community' ? ['communitize_image'] : []
  }
  // Everybody may look at the own domain.
  if (url === '/identity/v3/domains/:id' && method === 'GET' && params.id !== claims.user.domain.id) return ['identity:get']
  if (method !== 'POST' || typeof body !== 'object' || body === null) return []
  if (url === `${COMPUTE}/servers/:id/action`) return Object.keys(body).map(action => ACTION_RULES[action] ?? UNLISTED)
  const server: unknown = Reflect.get(body, 'server')
  const asked: Readonly<Record<string, unknown>> = typeof server === 'object' && server !== null ? { ...server } : {}
  const { availability_zone: zone, host, hypervisor_hostname: hypervisor } = asked
  const isForced = host !== undefined || hypervisor !== undefined || (typeof zone === 'string' && zone.includes(':'))
  return url === `${COMPUTE}/servers` && isForced ? ['os_compute_api:servers:create:forced_host'] : []
}

/** Who may see all and asks for all sees all; everybody else the own project's. */
function scopeList(request: FastifyRequest, claims: Claims, allowed: (rule: string) => boolean, allRule: string): void {
  const query = request.query as Record<string, unknown>
  const wantsAll = ['all_tenants', 'all_projects'].some(name => name in query && !/^(0|false|f|no|off)$/i.test(String(query[name])))
  if (wantsAll && !allowed(allRule)) throw forbidden(allRule)
  if (wantsAll) return
  const project = projectIn(claims)
  // A token of the whole system has no project, and whoever passes with one is an admin.
  if (project !== null) query.project_id = project
}
