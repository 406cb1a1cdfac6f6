/** /servers/:id/os-instance-actions: what was done to an instance, told from its operations. */
import type { FastifyInstance } from 'fastify'
import { COMPUTE, type HttpContext } from './context.ts'
import { notFound } from './errors.ts'
import { pageOf } from './paging.ts'
import { instanceId, originOf } from './request.ts'
import { type IdParams, PageQuery } from './schemas.ts'
import { actionDetail, actionSummary } from './views/instance-action.ts'
import { nextLinks } from './views/links.ts'

const PATH = `${COMPUTE}/servers/:id/os-instance-actions`
const REQUEST_ID = /^req-[0-9a-zA-Z-]{1,64}$/

interface ActionParams extends IdParams {
  readonly requestId: string
}

export function instanceActionRoutes(app: FastifyInstance, { api, limits }: HttpContext): void {
  app.get<{ Params: IdParams; Querystring: PageQuery }>(PATH, { schema: { querystring: PageQuery } }, async request => {
    // Deleted instances keep their actions; an instance that never was is a 404.
    const { id } = await api.getInstance({ id: instanceId(request.params.id) })
    const { items, next } = await pageOf(request.query, limits.maxPageItems, page => api.listOperations({ subject: id, ...page }))
    return {
      instanceActions: items.map(operation => actionSummary(operation, request.novaMinor)),
      ...nextLinks('instanceActions', originOf(request), request.url, next),
    }
  })

  app.get<{ Params: ActionParams }>(`${PATH}/:requestId`, async request => {
    const { requestId } = request.params
    const { id } = await api.getInstance({ id: instanceId(request.params.id) })
    const [operation] = REQUEST_ID.test(requestId) ? await api.listOperations({ subject: id, requestId, limit: 1 }) : []
    if (!operation) throw notFound('Action for request_id', requestId)
    return { instanceAction: actionDetail(operation, request.novaMinor) }
  })
}
