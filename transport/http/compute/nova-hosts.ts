/**
 * Nova's /os-hosts, of before there were hypervisors and services; gone since 2.43. Shapes of Nova's API reference, "Hosts". No driver
 * turns a machine off or on, so those actions are answered as Nova answers for such a driver: 501.
 */
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import type { InstanceBody } from '../../../actors/api.ts'
import { BatonError } from '../../../actors/kernel/errors.ts'
import { COMPUTE, type HttpContext } from '../context.ts'
import { badRequest } from '../requests/errors.ts'
import { plainId } from '../requests/request.ts'
import type { IdParams } from '../requests/schemas.ts'
import { hostResources } from '../views/host-resources.ts'
import { services } from '../views/hypervisor.ts'
import { allHosts } from './hypervisors.ts'

const PATH = `${COMPUTE}/os-hosts`

const ListQuery = Type.Object({
  zone: Type.Optional(Type.String({ maxLength: 255 })),
  service: Type.Optional(Type.String({ maxLength: 255 })),
})
type ListQuery = Static<typeof ListQuery>

/** Nova takes these words in any case, and null for what is not to be changed. */
const Wish = Type.Optional(
  Type.Union([Type.String({ pattern: '^([eE][nN]|[dD][iI][sS])[aA][bB][lL][eE]$' }), Type.Null()], {
    description: "it must be 'enable' or 'disable'",
  }),
)
const UpdateHost = Type.Object({ status: Wish, maintenance_mode: Wish }, { additionalProperties: false })
type UpdateHost = Static<typeof UpdateHost>

const POWER_ACTIONS = ['startup', 'shutdown', 'reboot'] as const

export function novaHostRoutes(app: FastifyInstance, { api, limits, zones }: HttpContext): void {
  const config = { until: 'hosts.gone' } as const

  app.get<{ Querystring: ListQuery }>(PATH, { schema: { querystring: ListQuery }, config }, async request => {
    const { zone, service } = request.query
    const [nodes, hosts, zoneOf] = await Promise.all([api.listNodes({}), allHosts(page => api.listHosts(page), limits.maxPageItems), zones()])
    const all = services(nodes, hosts, request.novaMinor, zoneOf).map(({ host, binary, zone }) => ({
      host_name: host,
      service: binary.replace(/^nova-/, ''),
      zone,
    }))
    return { hosts: all.filter(row => (!zone || row.zone === zone) && (!service || row.service === service)) }
  })

  /** All instances of a host. */
  async function instancesOn(host: string): Promise<InstanceBody[]> {
    const found: InstanceBody[] = []
    const limit = limits.maxPageItems
    for (;;) {
      const marker = found.at(-1)?.id
      const page = await api.listInstances(marker === undefined ? { host, limit } : { host, limit, marker })
      found.push(...page)
      if (page.length < limit) return found
    }
  }

  const known = ({ params }: { params: IdParams }) => api.getHost({ id: plainId('Host', params.id) })

  app.get<{ Params: IdParams }>(`${PATH}/:id`, { config }, async request => {
    const host = await known(request)
    return { host: hostResources(host, await instancesOn(host.id)).map(resource => ({ resource })) }
  })

  app.put<{ Params: IdParams; Body: UpdateHost }>(`${PATH}/:id`, { schema: { body: UpdateHost }, config }, async request => {
    const { status, maintenance_mode: maintenance } = request.body
    if (!status && !maintenance) throw badRequest('Invalid input: the body must have status or maintenance_mode.')
    const { id } = await known(request)
    const changed: Record<string, string> = { host: id }
    if (status) {
      const enabled = isEnable(status)
      await api.setHostEnabled({ id, enabled })
      changed.status = enabled ? 'enabled' : 'disabled'
    }
    if (maintenance) {
      const on = isEnable(maintenance)
      await api.setHostMaintenance({ id, on, requestId: request.id })
      changed.maintenance_mode = on ? 'on_maintenance' : 'off_maintenance'
    }
    return changed
  })

  for (const action of POWER_ACTIONS) {
    app.get<{ Params: IdParams }>(`${PATH}/:id/${action}`, { config }, async request => {
      const { id, driver } = await known(request)
      throw new BatonError('DriverUnsupported', `The driver ${driver} of host ${id} cannot do ${action} with its machine.`)
    })
  }
}

const isEnable = (wish: string): boolean => wish.toLowerCase() === 'enable'
