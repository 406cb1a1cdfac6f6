/** /os-services: who runs on which machine, and what an operator says about that. Only compute hosts can be enabled, disabled or forced down. */
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import type { HostBody } from '../../actors/api.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { COMPUTE, type HttpContext } from './context.ts'
import { badRequest, notFound } from './errors.ts'
import { plainId } from './request.ts'
import { Id, type IdParams } from './schemas.ts'
import { serviceHost, services } from './views/hypervisor.ts'

const ServicesQuery = Type.Object({ binary: Type.Optional(Id), host: Type.Optional(Id) })
type ServicesQuery = Static<typeof ServicesQuery>

const Reason = Type.String({ minLength: 1, maxLength: 255, description: 'it must be a text of 1 to 255 characters' })
const ServiceBody = Type.Object(
  { host: Id, binary: Id, disabled_reason: Type.Optional(Reason), forced_down: Type.Optional(Type.Boolean()) },
  { additionalProperties: false },
)
type ServiceBody = Static<typeof ServiceBody>

const BINARY = 'nova-compute'
const FORCE_DOWN_SINCE = 11

export function serviceRoutes(app: FastifyInstance, { api, limits, zones }: HttpContext): void {
  const path = `${COMPUTE}/os-services`

  app.get<{ Querystring: ServicesQuery }>(path, { schema: { querystring: ServicesQuery } }, async request => {
    const { binary, host } = request.query
    const [nodes, hosts, zoneOf] = await Promise.all([api.listNodes({}), allHosts(page => api.listHosts(page), limits.maxPageItems), zones()])
    const wanted = services(nodes, hosts, request.novaMinor, zoneOf).filter(
      service => (binary === undefined || service.binary === binary) && (host === undefined || service.host === host),
    )
    return { services: wanted }
  })

  /** The four ways to change a service before 2.53, each with a path of its own. */
  app.put<{ Params: { how: string }; Body: ServiceBody }>(`${path}/:how`, { schema: { body: ServiceBody } }, async request => {
    const { host, binary, disabled_reason: reason, forced_down: down } = request.body
    const id = plainId('Service', host)
    if (binary !== BINARY) throw badRequest(`${binary} cannot be changed here; only ${BINARY} can.`)
    switch (request.params.how) {
      case 'enable':
        return { service: { host, binary, status: statusOf(await api.setHostEnabled({ id, enabled: true })) } }
      case 'disable':
        return { service: { host, binary, status: statusOf(await api.setHostEnabled({ id, enabled: false })) } }
      case 'disable-log-reason': {
        if (reason === undefined) throw badRequest('disabled_reason is needed.')
        const status = statusOf(await api.setHostEnabled({ id, enabled: false, reason }))
        return { service: { host, binary, status, disabled_reason: reason } }
      }
      case 'force-down': {
        if (request.novaMinor < FORCE_DOWN_SINCE) throw notFound('The resource', request.params.how)
        if (down === undefined) throw badRequest('forced_down is needed.')
        return { service: { host, binary, forced_down: await forceDown(id, down) } }
      }
      default:
        throw notFound('The resource', request.params.how)
    }
  })

  /** Our word for it is fenced: nothing runs there any more. Only the host itself can take it back, by coming back. */
  async function forceDown(id: string, down: boolean): Promise<boolean> {
    if (down) return (await api.fenceHost({ id })).state === 'fenced'
    const { state } = await api.getHost({ id })
    if (state === 'fenced') throw new BatonError('Conflict', `host ${id} is fenced; that ends when its agent comes back and reports`)
    return false
  }

  app.delete<{ Params: IdParams }>(`${path}/:id`, async (request, reply) => {
    const host = serviceHost(request.params.id)
    if (host === null) throw notFound('Service', request.params.id)
    await api.deleteHost({ id: plainId('Service', host) })
    return reply.code(204).send()
  })
}

const statusOf = ({ enabled }: HostBody): string => (enabled ? 'enabled' : 'disabled')

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
