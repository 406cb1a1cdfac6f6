/** /os-hypervisors and /os-services: the machines, and who runs on them. */
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import type { HostBody } from '../../actors/api.ts'
import { COMPUTE, type HttpContext } from './context.ts'
import { pageOf } from './paging.ts'
import { originOf, plainId } from './request.ts'
import { Id, type IdParams, PageQuery } from './schemas.ts'
import { hypervisorDetail, hypervisorSummary, services } from './views/hypervisor.ts'
import { nextLinks } from './views/links.ts'

const ServicesQuery = Type.Object({ binary: Type.Optional(Id), host: Type.Optional(Id) })
type ServicesQuery = Static<typeof ServicesQuery>

export function hypervisorRoutes(app: FastifyInstance, { api, limits, zones }: HttpContext): void {
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

  app.get<{ Querystring: ServicesQuery }>(`${COMPUTE}/os-services`, { schema: { querystring: ServicesQuery } }, async request => {
    const { binary, host } = request.query
    const [nodes, hosts, zoneOf] = await Promise.all([api.listNodes({}), allHosts(page => api.listHosts(page), limits.maxPageItems), zones()])
    const wanted = services(nodes, hosts, request.novaMinor, zoneOf).filter(
      service => (binary === undefined || service.binary === binary) && (host === undefined || service.host === host),
    )
    return { services: wanted }
  })
}

/** Every host, for what has no pages. */
export async function allHosts(list: (page: { limit: number; marker?: string }) => Promise<readonly HostBody[]>, limit: number): Promise<HostBody[]> {
  const hosts: HostBody[] = []
  for (;;) {
    const marker = hosts.at(-1)?.id
    const page = await list(marker === undefined ? { limit } : { limit, marker })
    hosts.push(...page)
    if (page.length < limit) return hosts
  }
}
