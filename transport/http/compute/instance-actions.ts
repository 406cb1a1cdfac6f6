/** /servers/:id/os-instance-actions: what was done to an instance, told from its operations. */
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import type { OperationBody } from '../../../actors/api.ts'
import { COMPUTE, type HttpContext } from '../context.ts'
import { has, since } from '../requests/changes.ts'
import { badRequest, notFound, printable } from '../requests/errors.ts'
import { pageOf } from '../requests/paging.ts'
import { changedIn } from '../requests/query-time.ts'
import { instanceId, originOf } from '../requests/request.ts'
import { Id, type IdParams, PageLimit } from '../requests/schemas.ts'
import { actionDetail, actionSummary } from '../views/instance-action.ts'
import { nextPage } from '../views/links.ts'

const PATH = `${COMPUTE}/servers/:id/os-instance-actions`
const REQUEST_ID = /^req-[0-9a-zA-Z-]{1,64}$/

interface ActionParams extends IdParams {
  readonly requestId: string
}

const ActionsQuery = Type.Object({
  limit: Type.Optional(since('actions.paging', PageLimit)),
  /** The request id of the last action of the page before. */
  marker: Type.Optional(since('actions.paging', Id)),
  'changes-since': Type.Optional(since('actions.paging', Id)),
  'changes-before': Type.Optional(since('changes-before', Id)),
})

export function instanceActionRoutes(app: FastifyInstance, { api, limits }: HttpContext): void {
  const byRequest = async (subject: string, requestId: string): Promise<OperationBody | undefined> =>
    REQUEST_ID.test(requestId) ? (await api.listOperations({ subject, requestId, limit: 1 }))[0] : undefined

  const list = { schema: { querystring: ActionsQuery }, config: { strictQuery: true } }
  app.get<{ Params: IdParams; Querystring: Static<typeof ActionsQuery> }>(PATH, list, async request => {
    // Deleted instances keep their actions; an instance that never was is a 404.
    const { id } = await api.getInstance({ id: instanceId(request.params.id) })
    const { marker, limit } = request.query
    const last = marker === undefined ? undefined : await byRequest(id, marker)
    if (marker !== undefined && !last) throw badRequest(`Invalid input for marker: instance ${id} has no action of request ${printable(marker)}.`)
    const page = { ...(limit === undefined ? {} : { limit }), ...(last ? { marker: last.id } : {}) }
    const changed = changedIn(request.query)
    const asked = { subject: id, ...(changed ? { changed } : {}) }
    const { items, next } = await pageOf(page, limits.maxPageItems, each => api.listOperations({ ...asked, ...each }))
    const isPaged = has(request.novaMinor, 'actions.paging') && next !== null
    return {
      instanceActions: items.map(operation => actionSummary(operation, request.novaMinor)),
      ...(isPaged ? { links: nextPage(originOf(request), request.url, items.at(-1)?.requestId ?? null) } : {}),
    }
  })

  app.get<{ Params: ActionParams }>(`${PATH}/:requestId`, async request => {
    const { requestId } = request.params
    const { id } = await api.getInstance({ id: instanceId(request.params.id) })
    const operation = await byRequest(id, requestId)
    if (!operation) throw notFound('Action for request_id', requestId)
    return { instanceAction: actionDetail(operation, request.novaMinor) }
  })
}
