/**
 * /os-services: who runs where, and whether a host takes new instances. Before 2.53 a service is named by host and binary in the body,
 * then by its UUID in the path. Only compute services can be changed: conductors are drained with `baton node drain`.
 */
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import type { HostBody } from '../../../actors/api.ts'
import { BatonError } from '../../../actors/kernel/errors.ts'
import { COMPUTE, type HttpContext } from '../context.ts'
import { has, since, until } from '../requests/changes.ts'
import { badRequest, notFound } from '../requests/errors.ts'
import { Id, type IdParams, isOn, Switch } from '../requests/schemas.ts'
import { type Service, services } from '../views/hypervisor.ts'
import { allHosts } from './hypervisors.ts'

const only = { additionalProperties: false } as const
const ServicesQuery = Type.Object({ binary: Type.Optional(Id), host: Type.Optional(Id) })
type ServicesQuery = Static<typeof ServicesQuery>

const Reason = Type.String({ minLength: 1, maxLength: 255, pattern: '^[^\\p{Cc}\\p{Cs}]+$', description: 'it must be text of 1 to 255 characters' })
const Forced = Type.Union([Type.Boolean(), Switch])
const UpdateService = Type.Object(
  {
    host: Type.Optional(until('host.uuid', Id)),
    binary: Type.Optional(until('host.uuid', Id)),
    status: Type.Optional(since('host.uuid', Type.Enum(['enabled', 'disabled'], { description: "it must be 'enabled' or 'disabled'" }))),
    disabled_reason: Type.Optional(Reason),
    forced_down: Type.Optional(Forced),
  },
  { ...only, minProperties: 1 },
)
type UpdateService = Static<typeof UpdateService>

const COMPUTE_BINARY = 'nova-compute'

export function serviceRoutes(app: FastifyInstance, { api, limits, zones }: HttpContext): void {
  const path = `${COMPUTE}/os-services`

  async function all(minor: number): Promise<Service[]> {
    const [nodes, hosts, zoneOf] = await Promise.all([api.listNodes({}), allHosts(page => api.listHosts(page), limits.maxPageItems), zones()])
    return services(nodes, hosts, minor, zoneOf)
  }

  app.get<{ Querystring: ServicesQuery }>(path, { schema: { querystring: ServicesQuery }, config: { strictQuery: true } }, async request => {
    const { binary, host } = request.query
    const wanted = (await all(request.novaMinor)).filter(
      service => (binary === undefined || service.binary === binary) && (host === undefined || service.host === host),
    )
    return { services: wanted }
  })

  async function compute(host: string, binary: string): Promise<HostBody> {
    if (binary !== COMPUTE_BINARY) throw badRequest(`${binary} cannot be changed here; only ${COMPUTE_BINARY} can.`)
    return api.getHost({ id: host })
  }

  /** The operator's word that a host is down: what Nova's evacuate asks for. Only the host's own return takes it back. */
  async function forceDown(host: HostBody, forced: boolean): Promise<void> {
    if (forced) await api.fenceHost({ id: host.id })
    else if (host.state === 'fenced') throw new BatonError('Conflict', `Host ${host.id} counts as down until it reports again by itself.`)
  }

  async function byBinary(verb: string, { host: name, binary, disabled_reason: reason, forced_down: forced }: UpdateService, minor: number) {
    const known = ['enable', 'disable', 'disable-log-reason', ...(has(minor, 'service.forced-down') ? ['force-down'] : [])]
    if (!known.includes(verb)) throw notFound('The action of services', verb)
    if (name === undefined || binary === undefined) throw badRequest('Invalid input: the body must name host and binary.')
    const host = await compute(name, binary)
    const service = { host: host.id, binary }
    if (verb === 'force-down') {
      if (forced === undefined) throw badRequest('Invalid input: forced_down is missing.')
      await forceDown(host, isOn(forced))
      return { service: { ...service, forced_down: isOn(forced) } }
    }
    if (verb === 'disable-log-reason' && reason === undefined) throw badRequest('Invalid input: disabled_reason is missing.')
    const enabled = verb === 'enable'
    const why = verb === 'disable-log-reason' && reason !== undefined ? { reason } : {}
    await api.setHostEnabled({ id: host.id, enabled, ...why })
    const shown = 'reason' in why ? { disabled_reason: reason } : {}
    return { service: { ...service, status: enabled ? 'enabled' : 'disabled', ...shown } }
  }

  async function byUuid(id: string, { status, disabled_reason: reason, forced_down: forced }: UpdateService, minor: number) {
    const found = (await all(minor)).find(service => service.id === id)
    if (!found) throw notFound('Service', id)
    if (found.binary !== COMPUTE_BINARY) throw badRequest(`Service ${found.binary} of ${found.host} cannot be changed; only compute services can.`)
    if (reason !== undefined && status !== 'disabled') throw badRequest("Invalid input for disabled_reason: it needs status 'disabled'.")
    if (status !== undefined) await api.setHostEnabled({ id: found.host, enabled: status === 'enabled', ...(reason === undefined ? {} : { reason }) })
    if (forced !== undefined) await forceDown(await api.getHost({ id: found.host }), isOn(forced))
    return { service: (await all(minor)).find(service => service.id === id) }
  }

  app.put<{ Params: IdParams; Body: UpdateService }>(`${path}/:id`, { schema: { body: UpdateService } }, async request => {
    const { body, novaMinor: minor, params } = request
    return has(minor, 'host.uuid') ? byUuid(params.id, body, minor) : byBinary(params.id, body, minor)
  })

  app.delete<{ Params: IdParams }>(`${path}/:id`, async (request, reply) => {
    const { id } = request.params
    const found = (await all(request.novaMinor)).find(service => String(service.id) === id)
    if (!found || found.binary !== COMPUTE_BINARY) throw notFound('Compute service', id)
    await api.deleteHost({ id: found.host })
    return reply.code(204).send()
  })
}
