/** /servers: create, list, show, delete. Shapes of Nova's API reference, "Servers (servers)". */
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import type { InstanceBody } from '../../actors/api.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { COMPUTE, type HttpContext } from './context.ts'
import { badRequest, notFound } from './errors.ts'
import { Hints, placementOf, Zone } from './placement.ts'
import { instanceId, originOf, projectOf } from './request.ts'
import { Count, Id, type IdParams, Metadata, Name } from './schemas.ts'
import { findServers, ServersQuery } from './server-list.ts'
import { newIds } from './tokens.ts'
import { links, nextLinks } from './views/links.ts'
import { DISK_CONFIG, SECURITY_GROUPS, serverDetail, serverSummary } from './views/server.ts'

const noNetworks = { description: "it must be 'none' or 'auto' (which gives none): Baton's instances have no network yet" }
const Reference = Type.Union([Id, Type.Integer({ minimum: 0 })], { description: 'it must be the id of a flavor' })

/** Nova's fields of a create that Baton does not have may be sent with the one value that changes nothing; others are refused. */
const HARMLESS = {
  'OS-DCF:diskConfig': Type.Optional(Type.Union([Type.Literal('AUTO'), Type.Literal('MANUAL')], { description: "it must be 'AUTO' or 'MANUAL'" })),
  config_drive: Type.Optional(Type.Union([Type.Literal(false), Type.Literal(''), Type.Null()], { description: 'config drives are not supported' })),
  description: Type.Optional(Type.Union([Type.Literal(''), Type.Null()], { description: 'descriptions are not supported' })),
  key_name: Type.Optional(Type.Null({ description: 'key pairs are not supported' })),
  block_device_mapping_v2: Type.Optional(Type.Array(Type.Unknown(), { maxItems: 0, description: 'block devices are not supported' })),
  security_groups: Type.Optional(
    Type.Array(Type.Object({ name: Type.Literal('default') }), { maxItems: 1, description: "the only security group is 'default'" }),
  ),
}

export const CreateServer = Type.Object(
  {
    server: Type.Object(
      {
        name: Name,
        flavorRef: Reference,
        imageRef: Id,
        networks: Type.Optional(Type.Union([Type.Literal('none'), Type.Literal('auto')], noNetworks)),
        metadata: Type.Optional(Metadata),
        min_count: Type.Optional(Count),
        max_count: Type.Optional(Count),
        return_reservation_id: Type.Optional(Type.Boolean()),
        /** Baton's own; the header X-Client-Token says the same. */
        client_token: Type.Optional(Id),
        availability_zone: Type.Optional(Zone),
        ...HARMLESS,
      },
      { additionalProperties: false },
    ),
    'os:scheduler_hints': Type.Optional(Hints),
  },
  { additionalProperties: false },
)
export type CreateServer = Static<typeof CreateServer>

const NETWORKS_REQUIRED_SINCE = 37
const TOKEN = /^[\x21-\x7e]{1,255}$/
/** A name gets `-1` to `-1000` behind it when there are several. */
const SUFFIX_LENGTH = 6

/** References may be a plain id, a number, or a link that ends in the id. */
const idOf = (field: string, reference: string | number): string => {
  const id = String(reference).split('/').at(-1) ?? ''
  if (id === '') throw badRequest(`Invalid input for ${field}: it must be an id, or a link that ends in one.`)
  return id
}

function tokenOf(header: string | readonly string[] | undefined, inBody: string | undefined): string | undefined {
  if (header === undefined) return inBody
  if (typeof header !== 'string' || !TOKEN.test(header)) throw badRequest('X-Client-Token must be 1 to 255 printable ASCII characters, once.')
  if (inBody !== undefined && inBody !== header) throw badRequest('X-Client-Token and server.client_token differ; send one of them.')
  return header
}

function countOf(server: CreateServer['server'], limit: number): number {
  const min = server.min_count ?? 1
  const max = server.max_count ?? min
  if (min > max) throw badRequest(`Invalid input for server.min_count: it must not be greater than max_count (${min} > ${max}).`)
  if (max > limit) {
    throw new BatonError('Forbidden', `Quota exceeded for instances: requested ${max}, but one request may create at most ${limit}.`)
  }
  if (max > 1 && server.name.length > 255 - SUFFIX_LENGTH) {
    throw badRequest(`Invalid input for server.name: for several servers it may have at most ${255 - SUFFIX_LENGTH} characters.`)
  }
  return max
}

const otherRequest = () =>
  new BatonError('Conflict', 'This client token was already used for another request. Use a new token, or send the same request again.')

/** What a create names but does not exist is a mistake in its body: 400 in Nova, since the path is right. */
function unknownReference(error: unknown): never {
  throw error instanceof BatonError && error.code === 'NotFound' ? badRequest(error.message) : error
}

/** Null when there is no such instance. */
async function find(context: HttpContext, id: string): Promise<InstanceBody | null> {
  try {
    return await context.api.getInstance({ id })
  } catch (error) {
    if (error instanceof BatonError && error.code === 'NotFound') return null
    throw error
  }
}

async function create(
  context: HttpContext,
  { server, 'os:scheduler_hints': hints }: CreateServer,
  from: { readonly project: string; readonly token: string | undefined; readonly requestId: string },
): Promise<readonly InstanceBody[]> {
  const { project, token, requestId } = from
  const count = countOf(server, context.limits.maxInstancesPerRequest)
  const placement = placementOf(server.availability_zone, hints)
  const wanted = {
    name: server.name,
    flavor: idOf('server.flavorRef', server.flavorRef),
    image: idOf('server.imageRef', server.imageRef),
    metadata: server.metadata ?? {},
    ...(placement ? { placement } : {}),
  }
  const { ids, reservation } = newIds(project, token, count, JSON.stringify([wanted, count]))
  const [first] = ids
  // With one id a token that was used for something else shows in the answer. With several, those that the other
  // request did not have would be created before it shows, so look first.
  if (token !== undefined && count > 1 && first !== undefined) {
    const existing = await find(context, first)
    if (existing && existing.reservation !== reservation) throw otherRequest()
  }
  const asked = { ids, ...wanted, project, reservation, requestId, repeatable: token !== undefined }
  const created = await context.api.createInstances(asked).catch(unknownReference)
  if (created.some(instance => instance.reservation !== reservation)) throw otherRequest()
  return created
}

/** The living instance, or 404: Nova's clients wait for that after a delete. */
export async function livingInstance(context: HttpContext, rawId: string): Promise<InstanceBody> {
  const instance = await context.api.getInstance({ id: instanceId(rawId) })
  if (instance.vmState === 'deleted') throw notFound('Instance', rawId)
  return instance
}

export function serverRoutes(app: FastifyInstance, context: HttpContext): void {
  const { api, limits } = context

  app.post<{ Body: CreateServer }>(`${COMPUTE}/servers`, { schema: { body: CreateServer } }, async (request, reply) => {
    const { body } = request
    if (request.novaMinor >= NETWORKS_REQUIRED_SINCE && body.server.networks === undefined) {
      throw badRequest(`Invalid input: server.networks is missing; from microversion 2.37 on ${noNetworks.description}.`)
    }
    const token = tokenOf(request.headers['x-client-token'], body.server.client_token)
    const [first] = await create(context, body, { project: projectOf(request), token, requestId: request.id })
    if (!first) throw new BatonError('Internal', 'createInstances resolved with nothing')
    reply.code(202)
    if (body.server.return_reservation_id) return { reservation_id: first.reservation }
    const origin = originOf(request)
    reply.header('location', `${origin}${COMPUTE}/servers/${first.id}`)
    const path = `servers/${first.id}`
    return { server: { id: first.id, links: links(origin, path), 'OS-DCF:diskConfig': DISK_CONFIG, security_groups: SECURITY_GROUPS } }
  })

  app.get<{ Querystring: ServersQuery }>(`${COMPUTE}/servers`, { schema: { querystring: ServersQuery } }, async request => {
    const { items, next } = await findServers(api, request.query, limits.maxPageItems)
    const origin = originOf(request)
    return { servers: items.map(instance => serverSummary(instance, origin)), ...nextLinks('servers', origin, request.url, next) }
  })

  app.get<{ Querystring: ServersQuery }>(`${COMPUTE}/servers/detail`, { schema: { querystring: ServersQuery } }, async request => {
    const { items, next } = await findServers(api, request.query, limits.maxPageItems)
    const origin = originOf(request)
    const zoneOf = await context.zones()
    const servers = items.map(instance => serverDetail(instance, origin, request.novaMinor, zoneOf(instance.host)))
    return { servers, ...nextLinks('servers', origin, request.url, next) }
  })

  app.get<{ Params: IdParams }>(`${COMPUTE}/servers/:id`, async request => {
    const instance = await livingInstance(context, request.params.id)
    const zoneOf = await context.zones()
    return { server: serverDetail(instance, originOf(request), request.novaMinor, zoneOf(instance.host)) }
  })

  app.delete<{ Params: IdParams }>(`${COMPUTE}/servers/:id`, async (request, reply) => {
    await api.deleteInstance({ id: instanceId(request.params.id), requestId: request.id })
    return reply.code(204).send()
  })
}
