/** /baton/v1/hosts: compute hosts, and what an operator wants of them. */
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { BATON, type HttpContext } from '../context.ts'
import { pageOf } from '../requests/paging.ts'
import { beginning, originOf, plainId } from '../requests/request.ts'
import { type IdParams, integer, PageQuery } from '../requests/schemas.ts'
import { nextLinks } from '../views/links.ts'

const only = { additionalProperties: false } as const
const DisableBody = Type.Object({ reason: Type.String({ minLength: 1, maxLength: 255 }) }, only)
const Parallel = Type.Optional(integer(1, 100, 'instances at a time'))
const Cold = Type.Optional(Type.Boolean({ description: 'it must be true or false' }))
/** A request without a body is one that says nothing. */
const orNothing = <T extends Parameters<typeof Type.Object>[0]>(fields: T) => Type.Union([Type.Object(fields, only), Type.Null()])
const DrainBody = orNothing({ parallel: Parallel, cold: Cold })
const EvacuateBody = orNothing({ parallel: Parallel })
const MaintenanceBody = Type.Object({ on: Type.Boolean({ description: 'it must be true or false' }), parallel: Parallel, cold: Cold }, only)

export function hostRoutes(app: FastifyInstance, { api, limits }: HttpContext): void {
  const hosts = `${BATON}/hosts`
  const idOf = ({ params }: { params: IdParams }): string => plainId('Host', params.id)

  app.get<{ Querystring: PageQuery }>(hosts, { schema: { querystring: PageQuery } }, async request => {
    const { items, next } = await pageOf(request.query, limits.maxPageItems, page => api.listHosts(page))
    return { hosts: items, ...nextLinks('hosts', originOf(request), request.url, next) }
  })

  app.get<{ Params: IdParams }>(`${hosts}/:id`, async request => ({ host: await api.getHost({ id: idOf(request) }) }))

  app.delete<{ Params: IdParams }>(`${hosts}/:id`, async (request, reply) => {
    await api.deleteHost({ id: idOf(request) })
    return reply.code(204).send()
  })

  app.post<{ Params: IdParams }>(`${hosts}/:id/enable`, async request => ({ host: await api.setHostEnabled({ id: idOf(request), enabled: true }) }))

  app.post<{ Params: IdParams; Body: Static<typeof DisableBody> }>(`${hosts}/:id/disable`, { schema: { body: DisableBody } }, async request => ({
    host: await api.setHostEnabled({ id: idOf(request), enabled: false, reason: request.body.reason }),
  }))

  app.post<{ Params: IdParams }>(`${hosts}/:id/fenced`, async request => ({ host: await api.fenceHost({ id: idOf(request) }) }))

  app.post<{ Params: IdParams }>(`${hosts}/:id/undrain`, async request => ({ host: await api.undrainHost({ id: idOf(request) }) }))

  app.post<{ Params: IdParams; Body?: Static<typeof DrainBody> }>(`${hosts}/:id/drain`, { schema: { body: DrainBody } }, async (request, reply) => {
    const { operation } = await api.drainHost({ ...request.body, id: idOf(request), ...beginning(request) })
    return reply.code(202).send({ operation: { id: operation } })
  })

  app.post<{ Params: IdParams; Body?: Static<typeof EvacuateBody> }>(
    `${hosts}/:id/evacuate`,
    { schema: { body: EvacuateBody } },
    async (request, reply) => {
      const { operation } = await api.evacuateHost({ ...request.body, id: idOf(request), ...beginning(request) })
      return reply.code(202).send({ operation: { id: operation } })
    },
  )

  app.post<{ Params: IdParams; Body: Static<typeof MaintenanceBody> }>(
    `${hosts}/:id/maintenance`,
    { schema: { body: MaintenanceBody } },
    async (request, reply) => {
      const host = await api.setHostMaintenance({ ...request.body, id: idOf(request), ...beginning(request) })
      return reply.code(202).send({ host })
    },
  )
}
