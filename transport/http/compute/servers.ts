/** /servers: create, list, show, delete. Shapes of Nova's API reference, "Servers (servers)". */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { InstanceBody, Placement } from '../../../actors/api.ts'
import { BatonError } from '../../../actors/kernel/errors.ts'
import { COMPUTE, type HttpContext } from '../context.ts'
import { checkImage, checkPlacementIds } from '../policy/references.ts'
import { has } from '../requests/changes.ts'
import { notFound } from '../requests/errors.ts'
import { beginning, checkFlavor, instanceId, originOf, projectOf, userOf } from '../requests/request.ts'
import type { IdParams } from '../requests/schemas.ts'
import { links, nextLinks } from '../views/links.ts'
import { DISK_CONFIG, SECURITY_GROUPS, type ServerSight, serverAlone, serverDetail, serverSummary } from '../views/server.ts'
import { isStatus } from '../views/server-status.ts'
import { CreateServer, checkNetworks, createServers, idOf, tokenOf, unknownReference } from './server-create.ts'
import { findServers, ServersQuery } from './server-list.ts'

/** The living instance, or 404: Nova's clients wait for that after a delete. */
export async function livingInstance(context: HttpContext, rawId: string): Promise<InstanceBody> {
  const instance = await context.api.getInstance({ id: instanceId(rawId) })
  if (instance.vmState === 'deleted') throw notFound('Instance', rawId)
  return instance
}

/** How servers are to be shown in the answer to this request. */
export async function sightOf(context: HttpContext, request: FastifyRequest): Promise<ServerSight> {
  const minor = request.novaMinor
  const [zoneOf, statusOf] = await Promise.all([context.zones(), has(minor, 'server.host-status') ? context.hostStatuses() : () => ''])
  return { origin: originOf(request), minor, zoneOf, statusOf }
}

export function serverRoutes(app: FastifyInstance, context: HttpContext): void {
  const { api, limits } = context

  app.post<{ Body: CreateServer }>(`${COMPUTE}/servers`, { schema: { body: CreateServer } }, async (request, reply) => {
    const { body } = request
    checkNetworks(body, request.novaMinor)
    const token = tokenOf(request.headers['x-client-token'], body.server.client_token)
    if (request.claims) await checkFlavor(request, api, idOf('server.flavorRef', body.server.flavorRef)).catch(unknownReference)
    const check = async (image: string, placement: Placement) => {
      await checkImage(request, api, image)
      await checkPlacementIds(request, api, placement)
    }
    const whose = { project: projectOf(request), user: userOf(request), ...beginning(request) }
    const [first] = await createServers(context, body, { ...whose, token, check })
    if (!first) throw new BatonError('Internal', 'createInstances resolved with nothing')
    reply.code(202)
    if (body.server.return_reservation_id) return { reservation_id: first.reservation }
    const origin = originOf(request)
    reply.header('location', `${origin}${COMPUTE}/servers/${first.id}`)
    const path = `servers/${first.id}`
    return {
      server: {
        id: first.id,
        links: links(origin, path),
        'OS-DCF:diskConfig': first.about?.diskConfig ?? DISK_CONFIG,
        security_groups: SECURITY_GROUPS,
      },
    }
  })

  async function foundBy(request: FastifyRequest<{ Querystring: ServersQuery }>) {
    const { query, novaMinor } = request
    const isNone = query.status !== undefined && !has(novaMinor, 'server.status-checked') && !isStatus(query.status)
    return isNone ? { items: [], next: null } : findServers(api, query, limits.maxPageItems, await context.zones())
  }

  app.get<{ Querystring: ServersQuery }>(
    `${COMPUTE}/servers`,
    { schema: { querystring: ServersQuery }, config: { strictQuery: true } },
    async request => {
      const { items, next } = await foundBy(request)
      const origin = originOf(request)
      return { servers: items.map(instance => serverSummary(instance, origin)), ...nextLinks('servers', origin, request.url, next) }
    },
  )

  app.get<{ Querystring: ServersQuery }>(
    `${COMPUTE}/servers/detail`,
    { schema: { querystring: ServersQuery }, config: { strictQuery: true } },
    async request => {
      const { items, next } = await foundBy(request)
      const sight = await sightOf(context, request)
      return { servers: items.map(instance => serverDetail(instance, sight)), ...nextLinks('servers', sight.origin, request.url, next) }
    },
  )

  app.get<{ Params: IdParams }>(`${COMPUTE}/servers/:id`, async request => {
    const instance = await livingInstance(context, request.params.id)
    return { server: serverAlone(instance, await sightOf(context, request)) }
  })

  app.delete<{ Params: IdParams }>(`${COMPUTE}/servers/:id`, async (request, reply) => {
    const id = instanceId(request.params.id)
    await api.deleteInstance({ id, ...beginning(request) }).catch(async (error: unknown) => {
      // Asked twice is asked once, as in Nova.
      const isLeaving = error instanceof BatonError && error.code === 'Conflict' && (await api.getInstance({ id })).taskState === 'deleting'
      if (!isLeaving) throw error
    })
    return reply.code(204).send()
  })
}
