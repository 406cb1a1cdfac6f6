/** /baton/v1: what Nova has no words for. Bodies are those of `actors/api.ts`, wrapped under their name. */
import { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { HA_POLICIES } from '../../../actors/api.ts'
import { CONSOLE_PATH } from '../../console/messages.ts'
import { livingInstance } from '../compute/servers.ts'
import { BATON, type HttpContext } from '../context.ts'
import { HttpRefusal } from '../requests/errors.ts'
import { pageOf } from '../requests/paging.ts'
import { operationId, originOf, plainId } from '../requests/request.ts'
import { Id, type IdParams, isOn, pageFields, Switch } from '../requests/schemas.ts'
import { nextLinks } from '../views/links.ts'
import { createWatchers } from './watch.ts'

const OperationsQuery = Type.Object({
  ...pageFields,
  subject: Type.Optional(Id),
  open: Type.Optional(Switch),
  request_id: Type.Optional(Id),
  /** Several, separated by commas. */
  kind: Type.Optional(Id),
})
type OperationsQuery = Static<typeof OperationsQuery>

const HaBody = Type.Object({ policy: Type.Enum([...HA_POLICIES]) }, { additionalProperties: false })
type HaBody = Static<typeof HaBody>

export function batonRoutes(app: FastifyInstance, context: HttpContext): void {
  const { api, limits } = context

  app.get(`${BATON}/status`, async () => ({ status: await api.status({}) }))
  app.get(`${BATON}/nodes`, async () => ({ nodes: await api.listNodes({}) }))
  app.get(`${BATON}/queues`, async () => ({ queues: await api.listQueues({}) }))

  app.post<{ Params: IdParams }>(`${BATON}/nodes/:id/drain`, async (request, reply) => {
    const id = plainId('Node', request.params.id)
    const { state } = await api.drainNode({ id })
    return reply.code(202).send({ node: { id, state } })
  })

  app.put<{ Params: IdParams; Body: HaBody }>(`${BATON}/instances/:id/ha`, { schema: { body: HaBody } }, async request => {
    const { id } = await livingInstance(context, request.params.id)
    return { instance: await api.setInstanceHa({ id, policy: request.body.policy }) }
  })

  app.get<{ Querystring: OperationsQuery }>(`${BATON}/operations`, { schema: { querystring: OperationsQuery } }, async request => {
    const { subject, open, request_id: requestId, kind } = request.query
    const where = {
      ...(subject === undefined ? {} : { subject }),
      ...(open === undefined ? {} : { open: isOn(open) }),
      ...(requestId === undefined ? {} : { requestId }),
      ...(kind === undefined ? {} : { kinds: kind.split(',').slice(0, 20) }),
    }
    const { items, next } = await pageOf(request.query, limits.maxPageItems, page => api.listOperations({ ...where, ...page }))
    return { operations: items, ...nextLinks('operations', originOf(request), request.url, next) }
  })

  app.get<{ Params: IdParams }>(`${BATON}/operations/:id`, async request => ({
    operation: await api.getOperation({ id: operationId(request.params.id) }),
  }))

  app.post<{ Params: IdParams }>(`${BATON}/operations/:id/cancel`, async (request, reply) => {
    const operation = await api.cancelOperation({ id: operationId(request.params.id) })
    return reply.code(202).send({ operation })
  })

  app.post<{ Params: IdParams }>(`${BATON}/operations/:id/force-complete`, async (request, reply) => {
    const operation = await api.forceOperation({ id: operationId(request.params.id) })
    return reply.code(202).send({ operation })
  })

  // The handshake of a WebSocket never comes here; see transport/console/server.ts.
  app.get(CONSOLE_PATH, async () => {
    throw new HttpRefusal(426, 'This is a WebSocket: see docs/console-protocol.md.', { upgrade: 'websocket' })
  })

  const watchers = createWatchers(context)
  app.addHook('preClose', async () => watchers.close())
  app.get<{ Params: IdParams }>(`${BATON}/operations/:id/watch`, { exposeHeadRoute: false }, async (request, reply) => {
    const stream = await watchers.watch(operationId(request.params.id))
    // A watched operation may stand still for longer than a connection may idle. (An injected request has no real socket.)
    if (request.raw.socket instanceof Socket) request.raw.socket.setTimeout(0)
    return reply.type('application/x-ndjson').header('cache-control', 'no-store').send(stream)
  })
}
