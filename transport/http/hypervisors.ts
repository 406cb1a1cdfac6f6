/** /os-hypervisors: the machines. */
import type { FastifyInstance } from 'fastify'
import { COMPUTE, type HttpContext } from './context.ts'
import { pageOf } from './paging.ts'
import { originOf, plainId } from './request.ts'
import { type IdParams, PageQuery } from './schemas.ts'
import { hypervisorDetail, hypervisorSummary } from './views/hypervisor.ts'
import { nextLinks } from './views/links.ts'

export function hypervisorRoutes(app: FastifyInstance, { api, limits }: HttpContext): void {
  for (const [path, view] of [
    ['os-hypervisors', hypervisorSummary],
    ['os-hypervisors/detail', hypervisorDetail],
  ] as const) {
    app.get<{ Querystring: PageQuery }>(`${COMPUTE}/${path}`, { schema: { querystring: PageQuery } }, async request => {
      const { items, next } = await pageOf(request.query, limits.maxPageItems, page => api.listHosts(page))
      const hypervisors = items.map(host => view(host, request.novaMinor))
      return { hypervisors, ...nextLinks('hypervisors', originOf(request), request.url, next) }
    })
  }

  app.get<{ Params: IdParams }>(`${COMPUTE}/os-hypervisors/:id`, async request => {
    const host = await api.getHost({ id: plainId('Hypervisor', request.params.id) })
    return { hypervisor: hypervisorDetail(host, request.novaMinor) }
  })
}
