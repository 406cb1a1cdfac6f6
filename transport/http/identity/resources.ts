/** /identity/v3: domains, projects, users, roles, regions, services and endpoints, all by the same few paths. */
import { randomBytes, randomUUID } from 'node:crypto'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { DEFAULT_DOMAIN, type Fields, type IdentityGate, type Kind, type Where } from '../../../actors/identity/api.ts'
import type { Json } from '../../../actors/kernel/define.ts'
import { BatonError } from '../../../actors/kernel/errors.ts'
import { projectIn } from '../policy/checks.ts'
import { claimsOf } from '../policy/guard.ts'
import { badRequest, notFound } from '../requests/errors.ts'
import { originOf } from '../requests/request.ts'
import { placesOf } from './auth.ts'
import { pathOf, resourceView, WORDS } from './views.ts'

type Value = 'text' | 'texts'

interface Shape {
  /** Attributes beside name, domain and enabled; `!` behind a name: it must be given. */
  readonly attributes: Readonly<Record<string, Value>>
  /** What lists can be filtered by. */
  readonly filters: readonly string[]
  readonly needsName: boolean
  /** Whether it is in a domain: always, or only when one is named. */
  readonly domain?: 'always' | 'named'
}

const SHAPES: Readonly<Record<Exclude<Kind, 'application_credential'>, Shape>> = {
  domain: { attributes: { description: 'text' }, filters: ['name', 'enabled'], needsName: true },
  project: {
    attributes: { description: 'text', parent_id: 'text', tags: 'texts' },
    filters: ['name', 'enabled', 'domain_id', 'parent_id'],
    needsName: true,
    domain: 'always',
  },
  user: {
    attributes: { description: 'text', email: 'text', default_project_id: 'text', project_id: 'text' },
    filters: ['name', 'enabled', 'domain_id'],
    needsName: true,
    domain: 'always',
  },
  group: {
    attributes: { description: 'text', project_id: 'text' },
    filters: ['name', 'domain_id'],
    needsName: true,
    domain: 'always',
  },
  role: { attributes: { description: 'text' }, filters: ['name', 'domain_id'], needsName: true, domain: 'named' },
  region: { attributes: { description: 'text', parent_region_id: 'text' }, filters: ['parent_region_id'], needsName: false },
  service: { attributes: { 'type!': 'text', description: 'text' }, filters: ['name', 'type'], needsName: false },
  endpoint: {
    attributes: { 'service_id!': 'text', 'url!': 'text', 'interface!': 'text', region_id: 'text' },
    filters: ['service_id', 'interface', 'region_id'],
    needsName: false,
  },
}

/** Fields of Keystone that say nothing new here. */
const IGNORED = new Set(['id', 'links', 'options', 'is_domain', 'password_expires_at', 'original_password'])
const TEXT_MAX = 1000
const MAX_TAGS = 80
const INTERFACES = ['public', 'internal', 'admin']
const HEX_ID = (): string => randomUUID().replaceAll('-', '')
const ID = /^[a-zA-Z0-9_.-]{1,64}$/

/** An id that cannot be is answered here: nobody is asked about it. */
export function checkedId(kind: Kind, id: string): string {
  if (!ID.test(id)) throw notFound(WORDS[kind][0], id)
  return id
}

/** Ms since 1970, with microseconds as fractions; NaN when it is no time. */
function timeOf(text: string): number {
  const [, micros = '0'] = /[.][0-9]{3}([0-9]{1,3})/.exec(text) ?? []
  return Date.parse(`${text.replace(/Z$/, '')}Z`) + Number(micros.padEnd(3, '0')) / 1000
}

const wrong = (field: string, what: string): BatonError => badRequest(`Invalid input for ${field}: ${what}.`)

function innerOf(request: FastifyRequest, one: string): Readonly<Record<string, unknown>> {
  const inner: unknown = typeof request.body === 'object' && request.body !== null ? Reflect.get(request.body, one) : undefined
  if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) throw badRequest(`The body must be an object with the field ${one}.`)
  return { ...inner }
}

function textOf(field: string, value: unknown, max = TEXT_MAX): string {
  if (typeof value !== 'string') throw wrong(field, 'it must be a text')
  if (value.length > max) throw wrong(field, `it must have at most ${max} characters`)
  if (!value.isWellFormed() || value.includes('\0')) throw wrong(field, 'it holds a NUL character or half a surrogate pair')
  return value
}

function attributeOf(field: string, value: unknown, kind: Value = 'text'): Json {
  if (value === null) return null
  if (kind === 'text') return textOf(field, value)
  if (!Array.isArray(value) || value.length > MAX_TAGS) throw wrong(field, `it must be a list of at most ${MAX_TAGS} texts`)
  return value.map(each => textOf(field, each, 255))
}

/** What the body says of a resource. `creating`: what is needed must be there. */
function fieldsOf(kind: keyof typeof SHAPES, given: Readonly<Record<string, unknown>>, creating: boolean): Fields {
  const { attributes: shape, needsName, domain: inDomain }: Shape = SHAPES[kind]
  const attributes: Record<string, Json> = {}
  for (const [marked, value] of Object.entries(shape)) {
    const name = marked.replace('!', '')
    if (given[name] !== undefined) attributes[name] = attributeOf(`${kind}.${name}`, given[name], value)
    else if (creating && marked !== name) throw wrong(`${kind}.${name}`, 'it is missing')
  }
  if (kind === 'endpoint' && given.region !== undefined && given.region_id === undefined)
    attributes.region_id = attributeOf('endpoint.region', given.region)
  // The domain itself, or no parent, is what a project without this attribute has.
  if (kind === 'project' && (attributes.parent_id === null || attributes.parent_id === (given.domain_id ?? DEFAULT_DOMAIN)))
    delete attributes.parent_id
  if (attributes.interface !== undefined && !INTERFACES.includes(String(attributes.interface)))
    throw wrong(`${kind}.interface`, `it must be one of ${INTERFACES.join(', ')}`)
  if (creating && needsName && given.name === undefined) throw wrong(`${kind}.name`, 'it is missing')
  if (given.enabled !== undefined && typeof given.enabled !== 'boolean') throw wrong(`${kind}.enabled`, 'it must be true or false')
  const known = new Set([...Object.keys(shape).map(name => name.replace('!', '')), ...IGNORED, 'name', 'enabled', 'domain_id', 'password', 'region'])
  const unknown = Object.keys(given).find(name => !known.has(name))
  if (unknown !== undefined) throw wrong(kind, `there is no field ${JSON.stringify(unknown.slice(0, 64))}`)
  const named = given.domain_id === undefined || given.domain_id === null ? undefined : textOf(`${kind}.domain_id`, given.domain_id, 64)
  const domain = inDomain === undefined ? undefined : (named ?? (inDomain === 'always' ? DEFAULT_DOMAIN : undefined))
  // A password of any length is taken this far and told to be too long by who knows the bound.
  const secret =
    kind === 'user' && given.password !== undefined && given.password !== null ? textOf('user.password', given.password, 100_000) : undefined
  return {
    ...(given.name === undefined ? {} : { name: textOf(`${kind}.name`, given.name) }),
    ...(creating && domain !== undefined ? { domain } : {}),
    ...(typeof given.enabled === 'boolean' ? { enabled: given.enabled } : {}),
    attributes,
    ...(secret === undefined ? {} : { secret }),
  }
}

const SCHEMA_OF: Readonly<Record<Value, object>> = {
  text: { type: ['string', 'null'], maxLength: TEXT_MAX },
  texts: { type: ['array', 'null'], maxItems: MAX_TAGS, items: { type: 'string', maxLength: 255 } },
}

/** What `fieldsOf` takes, for readers of the OpenAPI document. */
function describedBody(kind: keyof typeof SHAPES, creating: boolean): object {
  const { attributes, needsName } = SHAPES[kind]
  const fields = Object.entries(attributes).map(([marked, value]) => [marked.replace('!', ''), SCHEMA_OF[value]] as const)
  const needed = Object.keys(attributes).flatMap(marked => (marked.endsWith('!') ? [marked.slice(0, -1)] : []))
  const text = { type: 'string', maxLength: TEXT_MAX }
  const properties = { name: text, enabled: { type: 'boolean' }, domain_id: { type: ['string', 'null'] }, ...Object.fromEntries(fields) }
  const secret = kind === 'user' ? { password: { type: ['string', 'null'] } } : {}
  const required = creating ? [...(needsName ? ['name'] : []), ...needed] : []
  const one = { type: 'object', required, properties: { ...properties, ...secret } }
  return { type: 'object', required: [WORDS[kind][0]], properties: { [WORDS[kind][0]]: one } }
}

function whereOf(kind: keyof typeof SHAPES, query: unknown): Where {
  const asked = query as Record<string, unknown>
  return Object.fromEntries(
    SHAPES[kind].filters.flatMap((name): [string, string | boolean][] => {
      const value = asked[name]
      if (value === undefined) return []
      if (name === 'enabled') return [[name, !/^(0|false|f|no|off)$/i.test(String(value))]]
      return [[name, String(value)]]
    }),
  )
}

export const listBody = (many: string, items: readonly object[], request: FastifyRequest) => ({
  [many]: items,
  links: { next: null, previous: null, self: `${originOf(request)}${request.url}` },
})

export function resourceRoutes(app: FastifyInstance, gate: IdentityGate): void {
  const { api } = gate
  const kinds = Object.keys(SHAPES).filter((kind): kind is keyof typeof SHAPES => Object.hasOwn(SHAPES, kind))
  for (const kind of kinds) {
    const [one, many] = WORDS[kind]
    const path = pathOf(kind)
    app.get(path, async request => {
      const where = whereOf(kind, request.query)
      const found = await api.find({ kind, where })
      // Roles of a domain's own are shown to who names the domain.
      const shown = kind === 'role' && where.domain_id === undefined ? found.filter(role => role.domain === null) : found
      return listBody(
        many,
        shown.map(item => resourceView(item, originOf(request))),
        request,
      )
    })
    app.post(path, { config: { describedBody: describedBody(kind, true) } }, async (request, reply) => {
      const given = innerOf(request, one)
      // The id of a region is chosen by who makes it.
      const id = kind === 'region' && typeof given.id === 'string' && given.id !== '' ? given.id : HEX_ID()
      checkNewId(kind, id)
      if (kind === 'endpoint') await provideRegion(given)
      const made = await api.create({ kind, id, fields: fieldsOf(kind, given, true) })
      await gate.refresh()
      return reply.code(201).send({ [one]: resourceView(made, originOf(request)) })
    })
    app.get<{ Params: { id: string } }>(`${path}/:id`, async request => {
      const found = await api.read({ kind, id: checkedId(kind, request.params.id) })
      return { [one]: resourceView(found, originOf(request)) }
    })
    app.patch<{ Params: { id: string } }>(`${path}/:id`, { config: { describedBody: describedBody(kind, false) } }, async request => {
      const id = checkedId(kind, request.params.id)
      if (kind === 'endpoint') await provideRegion(innerOf(request, one))
      const changed = await api.update({ kind, id, fields: fieldsOf(kind, innerOf(request, one), false) })
      await gate.refresh()
      return { [one]: resourceView(changed, originOf(request)) }
    })
    app.delete<{ Params: { id: string } }>(`${path}/:id`, async (request, reply) => {
      await api.remove({ kind, id: checkedId(kind, request.params.id) })
      await gate.refresh()
      return reply.code(204).send()
    })
  }
  userRoutes(app, gate)

  app.put<{ Params: { id: string } }>(`${pathOf('region')}/:id`, async (request, reply) => {
    const { id } = request.params
    checkNewId('region', id)
    const made = await api.create({ kind: 'region', id, fields: fieldsOf('region', innerOf(request, 'region'), true) })
    await gate.refresh()
    return reply.code(201).send({ region: resourceView(made, originOf(request)) })
  })

  /** A region named by the older field is made when it is not there, as in Keystone. */
  async function provideRegion({ region, region_id: regionId }: Readonly<Record<string, unknown>>): Promise<void> {
    if (region === undefined || region === null || regionId !== undefined) return
    const id = textOf('endpoint.region', region, 64)
    checkNewId('region', id)
    const known = await api.find({ kind: 'region', where: {} })
    if (!known.some(other => other.id === id)) await api.create({ kind: 'region', id, fields: { attributes: {} } })
  }
}

function checkNewId(kind: Kind, id: string): void {
  if (!ID.test(id)) throw wrong(`${kind}.id`, 'it must be 1 to 64 letters, digits, ".", "-" or "_"')
}

function userRoutes(app: FastifyInstance, gate: IdentityGate): void {
  const { api } = gate
  const users = pathOf('user')
  app.post<{ Params: { id: string } }>(`${users}/:id/password`, async (request, reply) => {
    const given = innerOf(request, 'user')
    const original = textOf('user.original_password', given.original_password, 100_000)
    const password = textOf('user.password', given.password, 100_000)
    await api.changeOwnPassword({ id: checkedId('user', request.params.id), original, password, source: request.ip })
    await gate.refresh()
    return reply.code(204).send()
  })
  app.get<{ Params: { id: string } }>(`${users}/:id/projects`, async request => {
    const found = await placesOf(gate, checkedId('user', request.params.id), 'project')
    return listBody(
      'projects',
      found.map(project => resourceView(project, originOf(request))),
      request,
    )
  })

  const kind = 'application_credential'
  const path = `${users}/:id/application_credentials`
  /** Of this user, or not there. */
  async function owned({ id: user, credential }: { id: string; credential: string }) {
    const found = await api.read({ kind, id: checkedId(kind, credential) })
    if (found.attributes.user_id !== user) throw notFound('Application credential', credential)
    return found
  }
  app.get<{ Params: { id: string }; Querystring: { name?: string } }>(path, async request => {
    const { name } = request.query
    const found = await api.find({ kind, where: { user_id: request.params.id, ...(name === undefined ? {} : { name: String(name) }) } })
    return listBody(
      'application_credentials',
      found.map(item => resourceView(item, originOf(request))),
      request,
    )
  })
  app.post<{ Params: { id: string } }>(path, async (request, reply) => {
    const claims = claimsOf(request)
    const project = projectIn(claims)
    if (project === null) throw badRequest('An application credential is of a project: use a token of one.')
    if (claims.credential?.restricted) throw new BatonError('Forbidden', 'A restricted application credential cannot be used to make others.')
    const given = innerOf(request, kind)
    // What the user has now: the token may be older than a role.
    const held = await api.assignments({ user: claims.user.id, target: { type: 'project', id: project }, effective: true })
    const mine = await Promise.all([...new Set(held.map(a => a.role))].map(id => api.read({ kind: 'role', id })))
    const wanted = Array.isArray(given.roles)
      ? given.roles.map((role: { id?: unknown; name?: unknown } | null) => String(role?.id ?? role?.name))
      : claims.roles.map(role => role.id)
    const foreign = wanted.find(role => !mine.some(r => r.id === role || r.name === role))
    if (foreign !== undefined) throw badRequest(`Invalid application credential: you have no role ${JSON.stringify(foreign.slice(0, 64))} here.`)
    const roles = mine.filter(role => wanted.includes(role.id) || wanted.includes(role.name)).map(role => role.id)
    const until = given.expires_at === undefined || given.expires_at === null ? null : timeOf(textOf('expires_at', given.expires_at))
    if (Number.isNaN(until)) throw wrong('application_credential.expires_at', 'it must be a time as 2030-01-31T12:00:00')
    const secret =
      given.secret === undefined || given.secret === null ? randomBytes(48).toString('base64url') : textOf('secret', given.secret, 100_000)
    const attributes: Record<string, Json> = {
      user_id: request.params.id,
      project_id: project,
      roles,
      expires_at: until,
      unrestricted: given.unrestricted === true,
    }
    if (given.description !== undefined) attributes.description = attributeOf('application_credential.description', given.description)
    const made = await api.create({ kind, id: HEX_ID(), fields: { name: textOf('application_credential.name', given.name), attributes, secret } })
    return reply.code(201).send({ application_credential: { ...resourceView(made, originOf(request)), secret } })
  })
  app.get<{ Params: { id: string; credential: string } }>(`${path}/:credential`, async request => ({
    application_credential: resourceView(await owned(request.params), originOf(request)),
  }))
  app.delete<{ Params: { id: string; credential: string } }>(`${path}/:credential`, async (request, reply) => {
    const { id } = await owned(request.params)
    await api.remove({ kind, id })
    await gate.refresh()
    return reply.code(204).send()
  })
}
