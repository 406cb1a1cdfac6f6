/** /os-hypervisors: the machines. Shapes of Nova's API reference, "Hypervisors". */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type Static, Type } from 'typebox'
import type { HostBody, InstanceBody } from '../../../actors/api.ts'
import { COMPUTE, type HttpContext } from '../context.ts'
import { has, since } from '../requests/changes.ts'
import { badRequest, notFound, printable } from '../requests/errors.ts'
import { limitOf, type PageOf } from '../requests/paging.ts'
import { originOf } from '../requests/request.ts'
import { Id, type IdParams, isOn, PageLimit, Switch } from '../requests/schemas.ts'
import { hypervisorDetail, hypervisorStatistics, hypervisorSummary, isHypervisor, uptimeText } from '../views/hypervisor.ts'
import { nextLinks } from '../views/links.ts'

const ListQuery = Type.Object({
  limit: Type.Optional(since('hypervisor.paging', PageLimit)),
  marker: Type.Optional(since('hypervisor.paging', Id)),
  hypervisor_hostname_pattern: Type.Optional(since('host.uuid', Id)),
  with_servers: Type.Optional(since('host.uuid', Switch)),
})
type ListQuery = Static<typeof ListQuery>

const ShowQuery = Type.Object({ with_servers: Type.Optional(since('host.uuid', Switch)) })

const PATH = `${COMPUTE}/os-hypervisors`

export function hypervisorRoutes(app: FastifyInstance, context: HttpContext): void {
  const { api, limits } = context
  const hosts = () => allHosts(page => api.listHosts(page), limits.maxPageItems)

  /** By name, number or UUID; with its amounts as they are now. */
  async function hypervisor(id: string): Promise<HostBody> {
    const host = (await hosts()).find(each => isHypervisor(each, id))
    if (!host) throw notFound('Hypervisor', id)
    return host
  }

  /** Those whose name has `pattern` in it; there must be one. */
  async function search(pattern: string): Promise<HostBody[]> {
    const found = (await hosts()).filter(({ id }) => id.includes(pattern))
    if (found.length === 0) throw notFound('Hypervisor with', pattern)
    return found
  }

  async function select(query: ListQuery): Promise<PageOf<HostBody>> {
    const { hypervisor_hostname_pattern: pattern, marker } = query
    if (pattern !== undefined) {
      if (marker !== undefined || query.limit !== undefined) {
        throw badRequest('Invalid input: paging is not supported with hypervisor_hostname_pattern.')
      }
      return { items: await search(pattern), next: null }
    }
    const all = await hosts()
    const at = marker === undefined ? 0 : all.findIndex(host => isHypervisor(host, marker)) + 1
    if (marker !== undefined && at === 0) throw badRequest(`Invalid input for marker: there is no hypervisor ${printable(marker)}.`)
    const limit = limitOf(query, limits.maxPageItems)
    const items = all.slice(at, at + limit)
    return { items, next: at + limit < all.length ? (items.at(-1)?.id ?? null) : null }
  }

  const serversOn = (host: HostBody): Promise<InstanceBody[]> => api.listInstances({ host: host.id, limit: limits.maxPageItems })

  async function list(
    request: FastifyRequest<{ Querystring: ListQuery }>,
    view: typeof hypervisorSummary | typeof hypervisorDetail,
  ): Promise<object> {
    const { novaMinor: minor, query } = request
    const { items, next } = await select(query)
    const hypervisors = await Promise.all(items.map(async host => view(host, minor, isOn(query.with_servers) ? await serversOn(host) : undefined)))
    const last = items.at(-1)
    const marker = next === null || !last ? null : String(hypervisorSummary(last, minor).id)
    return { hypervisors, ...nextLinks('hypervisors', originOf(request), request.url, marker) }
  }

  const config = { strictQuery: true }
  app.get<{ Querystring: ListQuery }>(PATH, { schema: { querystring: ListQuery }, config }, request => list(request, hypervisorSummary))
  app.get<{ Querystring: ListQuery }>(`${PATH}/detail`, { schema: { querystring: ListQuery }, config }, request => list(request, hypervisorDetail))

  app.get(`${PATH}/statistics`, { config: { until: 'hypervisor.lean' } }, async () => ({
    hypervisor_statistics: hypervisorStatistics(await hosts()),
  }))

  const show = { schema: { querystring: ShowQuery }, config }
  app.get<{ Params: IdParams; Querystring: Static<typeof ShowQuery> }>(`${PATH}/:id`, show, async request => {
    const { novaMinor: minor, query } = request
    const found = await hypervisor(request.params.id)
    // What only its monitor knows is asked for where it is shown.
    const host = has(minor, 'hypervisor.lean') ? await api.getHost({ id: found.id }) : found
    return { hypervisor: hypervisorDetail(host, minor, isOn(query.with_servers) ? await serversOn(host) : undefined) }
  })

  app.get<{ Params: IdParams }>(`${PATH}/:id/uptime`, { config: { until: 'hypervisor.lean' } }, async request => {
    const host = await api.getHost({ id: (await hypervisor(request.params.id)).id })
    const uptime = uptimeText(host)
    // As Nova answers for a driver that cannot tell, and for a host that is down.
    if (uptime === null) throw badRequest(`Nobody knows for how long hypervisor ${host.id} has been running: it is ${host.state}.`)
    return { hypervisor: { ...hypervisorSummary(host, request.novaMinor), uptime } }
  })

  app.get<{ Params: IdParams }>(`${PATH}/:id/search`, { config: { until: 'host.uuid' } }, async request => ({
    hypervisors: (await search(request.params.id)).map(host => hypervisorSummary(host, request.novaMinor)),
  }))

  app.get<{ Params: IdParams }>(`${PATH}/:id/servers`, { config: { until: 'host.uuid' } }, async request => {
    const found = await search(request.params.id)
    return { hypervisors: await Promise.all(found.map(async host => hypervisorSummary(host, request.novaMinor, await serversOn(host)))) }
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
