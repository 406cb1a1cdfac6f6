/** /identity/v3/auth: how tokens are got, looked at and ended, in Keystone's shapes. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type Static, Type } from 'typebox'
import type { IdentityGate, Login, Reference, Resource, ScopeWanted } from '../../../actors/identity/api.ts'
import { BatonError } from '../../../actors/kernel/errors.ts'
import { isAdmin } from '../policy/checks.ts'
import { claimsOf } from '../policy/guard.ts'
import { badRequest } from '../requests/errors.ts'
import { originOf } from '../requests/request.ts'
import { catalogView, resourceView, tokenView, versionView } from './views.ts'

const Word = Type.String({ maxLength: 255 })
const Secret = Type.String({ description: 'it must be a text' })
const DomainRef = Type.Object({ id: Type.Optional(Word), name: Type.Optional(Word) })
const Ref = Type.Object({ id: Type.Optional(Word), name: Type.Optional(Word), domain: Type.Optional(DomainRef) })
const Methods = Type.Array(Type.String({ maxLength: 64 }), { minItems: 1, maxItems: 8, description: 'it must be a list of methods' })
const ScopeBody = Type.Union([
  Type.Literal('unscoped'),
  Type.Object({
    project: Type.Optional(Ref),
    domain: Type.Optional(DomainRef),
    system: Type.Optional(Type.Object({ all: Type.Literal(true) })),
    unscoped: Type.Optional(Type.Object({})),
  }),
])
const AuthBody = Type.Object({
  auth: Type.Object({
    identity: Type.Object({
      methods: Methods,
      password: Type.Optional(Type.Object({ user: Type.Object({ ...Ref.properties, password: Secret }) })),
      token: Type.Optional(Type.Object({ id: Type.String({ maxLength: 10_000 }) })),
      application_credential: Type.Optional(
        Type.Object({ id: Type.Optional(Word), name: Type.Optional(Word), user: Type.Optional(Ref), secret: Secret }),
      ),
    }),
    scope: Type.Optional(ScopeBody),
  }),
})
type AuthBody = Static<typeof AuthBody>

const V3 = '/identity/v3'
const KNOWN_METHODS = new Set(['password', 'token', 'application_credential'])

const referenceOf = ({ id, name, domain }: Static<typeof Ref>): Reference => ({
  ...(id === undefined ? {} : { id }),
  ...(name === undefined ? {} : { name }),
  ...(domain?.id === undefined ? {} : { domainId: domain.id }),
  ...(domain?.name === undefined ? {} : { domainName: domain.name }),
})

function scopeOf(scope: AuthBody['auth']['scope']): ScopeWanted {
  if (scope === undefined) return { type: 'default' }
  if (scope === 'unscoped' || scope.unscoped) return { type: 'none' }
  if (scope.system) return { type: 'system' }
  if (scope.project) return { type: 'project', ref: referenceOf(scope.project) }
  if (scope.domain) return { type: 'domain', ref: referenceOf(scope.domain) }
  throw badRequest('Invalid input for auth.scope: it must name a project, a domain or the system.')
}

function loginOf({ auth: { identity, scope } }: AuthBody, source: string): Login {
  const { methods, password, token, application_credential: credential } = identity
  const unknown = methods.find(method => !KNOWN_METHODS.has(method))
  if (unknown !== undefined) throw new BatonError('Unauthorized', 'Attempted to authenticate with an unsupported method.')
  const wanted = { scope: scopeOf(scope), source }
  if (methods.includes('password')) {
    if (!password) throw badRequest('Expecting to find password in identity.')
    return { ...wanted, password: { user: referenceOf(password.user), password: password.user.password } }
  }
  if (methods.includes('application_credential')) {
    if (!credential) throw badRequest('Expecting to find application_credential in identity.')
    const { id, name, user, secret } = credential
    const which = { ...(id === undefined ? {} : { id }), ...(name === undefined ? {} : { name }), ...(user ? { user: referenceOf(user) } : {}) }
    return { ...wanted, credential: { ...which, secret } }
  }
  if (!token) throw badRequest('Expecting to find token in identity.')
  return { ...wanted, token: token.id }
}

const noCatalog = (request: FastifyRequest): boolean => 'nocatalog' in (request.query as object)

export function authRoutes(app: FastifyInstance, gate: IdentityGate): void {
  const { api } = gate
  const catalog = async (request: FastifyRequest) => catalogView(await api.catalog({}), originOf(request))

  app.get('/identity', async (request, reply) => reply.code(300).send({ versions: { values: [versionView(originOf(request))] } }))
  app.get(V3, async request => ({ version: versionView(originOf(request)) }))

  app.post<{ Body: AuthBody }>(`${V3}/auth/tokens`, { schema: { body: AuthBody } }, async (request, reply) => {
    const { token, claims } = await api.login(loginOf(request.body, request.ip))
    const wanted = claims.scope.type === 'none' || noCatalog(request) ? null : await catalog(request)
    return reply
      .code(201)
      .header('x-subject-token', token)
      .header('vary', 'X-Auth-Token')
      .send({ token: tokenView(claims, wanted) })
  })

  /** The token in X-Subject-Token: one's own, or anybody's for an admin or a service. */
  async function subject(request: FastifyRequest): Promise<{ token: string; claims: ReturnType<typeof claimsOf> }> {
    const token = request.headers['x-subject-token']
    if (typeof token !== 'string' || token === '') throw badRequest('X-Subject-Token must be sent once.')
    const me = claimsOf(request)
    const claims = await gate.verify(token).catch(error => {
      throw error instanceof BatonError && error.code === 'Unauthorized' ? new BatonError('NotFound', 'This is not a recognized token.') : error
    })
    const may = claims.user.id === me.user.id || isAdmin(me) || me.roles.some(role => role.name === 'service')
    if (!may) throw new BatonError('Forbidden', 'You are not authorized to perform the requested action: identity:validate_token.')
    return { token, claims }
  }

  app.get(`${V3}/auth/tokens`, async (request, reply) => {
    const { token, claims } = await subject(request)
    const wanted = claims.scope.type === 'none' || noCatalog(request) ? null : await catalog(request)
    return reply.header('x-subject-token', token).send({ token: tokenView(claims, wanted) })
  })

  app.delete(`${V3}/auth/tokens`, async (request, reply) => {
    const { claims } = await subject(request)
    await api.revoke({ audit: claims.audit[0] ?? '' })
    await gate.refresh()
    return reply.code(204).send()
  })

  app.get(`${V3}/auth/catalog`, async request => ({ catalog: await catalog(request), links: { self: `${originOf(request)}${V3}/auth/catalog` } }))
  app.get(`${V3}/auth/system`, async request => {
    const mine = await api.assignments({ user: claimsOf(request).user.id, target: { type: 'system' }, effective: true })
    return { system: mine.length > 0 ? [{ all: true }] : [], links: { self: `${originOf(request)}${V3}/auth/system` } }
  })
  for (const kind of ['project', 'domain'] as const) {
    app.get(`${V3}/auth/${kind}s`, async request => {
      const origin = originOf(request)
      const found = await placesOf(gate, claimsOf(request).user.id, kind)
      return {
        [`${kind}s`]: found.map(place => resourceView(place, origin)),
        links: { self: `${origin}${V3}/auth/${kind}s`, previous: null, next: null },
      }
    })
  }
}

/** The enabled projects or domains in which a user has a role, by whatever way. */
export async function placesOf({ api }: IdentityGate, user: string, kind: 'project' | 'domain'): Promise<Resource[]> {
  const ids = new Set((await api.assignments({ user, effective: true })).flatMap(({ target }) => (target.type === kind ? [target.id] : [])))
  const all = ids.size === 0 ? [] : await api.find({ kind, where: { enabled: true } })
  return all.filter(place => ids.has(place.id))
}
