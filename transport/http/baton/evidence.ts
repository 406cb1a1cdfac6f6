/** /baton/v1/traces, /logs and /nodes/:id/report: what nodes remember of late. For admins: it is about everybody's things. */
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { LOG_LEVELS, MOST_LINES } from '../../../actors/api.ts'
import { BATON, type HttpContext } from '../context.ts'
import { plainId } from '../requests/request.ts'
import { Id, type IdParams } from '../requests/schemas.ts'

const LogsQuery = Type.Object(
  {
    node: Type.Optional(Id),
    request: Type.Optional(Id),
    instance: Type.Optional(Id),
    operation: Type.Optional(Id),
    level: Type.Optional(Type.Enum([...LOG_LEVELS])),
    limit: Type.Optional(Type.String({ pattern: '^[1-9][0-9]{0,5}$', description: 'it must be a whole number from 1' })),
  },
  { additionalProperties: false },
)
type LogsQuery = Static<typeof LogsQuery>

export function evidenceRoutes(app: FastifyInstance, { api }: HttpContext): void {
  app.get<{ Params: IdParams }>(`${BATON}/traces/:id`, async ({ params: { id } }) => ({ trace: await api.getTrace({ id: plainId('Trace', id) }) }))

  app.get<{ Querystring: LogsQuery }>(`${BATON}/logs`, { schema: { querystring: LogsQuery } }, async ({ query }) => {
    const { node, request, instance, operation, level, limit } = query
    const mentions = [request, instance, operation].filter(id => id !== undefined)
    return api.listLogs({
      ...(node === undefined ? {} : { node }),
      ...(level === undefined ? {} : { level }),
      ...(mentions.length === 0 ? {} : { mentions }),
      ...(limit === undefined ? {} : { limit: Math.min(MOST_LINES, Number(limit)) }),
    })
  })

  app.get<{ Params: IdParams }>(`${BATON}/nodes/:id/report`, async ({ params: { id } }) => ({
    report: await api.nodeReport({ id: plainId('Node', id) }),
  }))
}
