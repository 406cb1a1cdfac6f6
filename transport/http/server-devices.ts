/**
 * Disks and interfaces of a server at Nova's paths, os-volume_attachments and os-interface, and /baton/v1/disks for what no volume service
 * shows. An attach is answered when it is accepted; the device is there when the server has no task any more.
 */
import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import type { AttachedDisk, Interface } from '../../actors/hypervisor/driver.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { BATON, COMPUTE, type HttpContext } from './context.ts'
import { badRequest, notFound } from './errors.ts'
import { pageOf } from './paging.ts'
import { beginning, instanceId, originOf, plainId } from './request.ts'
import { Id, type IdParams, integer, pageFields } from './schemas.ts'
import { livingInstance } from './servers.ts'
import { nextLinks } from './views/links.ts'

const only = { additionalProperties: false } as const
const DeviceId = Type.String({
  pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$',
  description: 'it must be 1 to 64 letters, digits, dots, dashes and underscores, the first a letter or digit',
})
const Device = Type.Union([Type.String({ pattern: '^/dev/vd[b-q]$' }), Type.Literal('auto'), Type.Null()], {
  description: "it must be '/dev/vdb' to '/dev/vdq', or 'auto'",
})

const AttachDisk = Type.Object(
  {
    volumeAttachment: Type.Object(
      {
        volumeId: DeviceId,
        device: Type.Optional(Device),
        /** Baton's own: of a disk that is not there yet, in GB. */
        size: Type.Optional(integer(1, 65_536, 'GB')),
      },
      only,
    ),
  },
  only,
)

/** Addresses are given by a network service, and there is none. */
const AttachInterface = Type.Object(
  {
    interfaceAttachment: Type.Optional(
      Type.Object({ net_id: Type.Optional(Id), port_id: Type.Optional(DeviceId), tag: Type.Optional(Type.Null()) }, only),
    ),
  },
  only,
)

interface DeviceParams extends IdParams {
  readonly device: string
}

const DisksQuery = Type.Object({ ...pageFields, instance: Type.Optional(Id) })

const attachment = (serverId: string, { id, device }: Pick<AttachedDisk, 'id' | 'device'>) => ({ id, volumeId: id, serverId, device })

const portView = ({ id, network, mac }: Interface, state: 'ACTIVE' | 'BUILD' = 'ACTIVE') => ({
  port_id: id,
  net_id: network,
  mac_addr: mac,
  port_state: state,
  fixed_ips: [],
})

export function serverDeviceRoutes(app: FastifyInstance, context: HttpContext): void {
  const { api, limits } = context
  const volumes = `${COMPUTE}/servers/:id/os-volume_attachments`
  const ports = `${COMPUTE}/servers/:id/os-interface`
  const devicesOf = async (request: { params: IdParams }) => livingInstance(context, request.params.id)

  app.get<{ Params: IdParams }>(volumes, async request => {
    const { id, devices } = await devicesOf(request)
    return { volumeAttachments: devices.disks.map(disk => attachment(id, disk)) }
  })

  app.get<{ Params: DeviceParams }>(`${volumes}/:device`, async request => {
    const { id, devices } = await devicesOf(request)
    const disk = devices.disks.find(d => d.id === request.params.device)
    if (!disk) throw notFound('Volume attachment', request.params.device)
    return { volumeAttachment: attachment(id, disk) }
  })

  app.post<{ Params: IdParams; Body: Static<typeof AttachDisk> }>(volumes, { schema: { body: AttachDisk } }, async request => {
    const { volumeId, device, size } = request.body.volumeAttachment
    const id = instanceId(request.params.id)
    const named = device === undefined || device === null || device === 'auto' ? {} : { device }
    const asked = { id: volumeId, ...named, ...(size === undefined ? {} : { sizeGb: size }) }
    const { disk } = await api.actOnInstance({ id, action: 'attach-disk', disk: asked, ...beginning(request) })
    if (!disk) throw new BatonError('Internal', 'an attach was accepted without a disk')
    return { volumeAttachment: attachment(id, disk) }
  })

  app.delete<{ Params: DeviceParams }>(`${volumes}/:device`, async (request, reply) => {
    const { id: raw, device } = request.params
    await api.actOnInstance({
      id: instanceId(raw),
      action: 'detach-disk',
      disk: { id: plainId('Volume attachment', device) },
      ...beginning(request),
    })
    return reply.code(202).send()
  })

  app.get<{ Params: IdParams }>(ports, async request => {
    const { devices } = await devicesOf(request)
    return { interfaceAttachments: devices.interfaces.map(each => portView(each)) }
  })

  app.get<{ Params: DeviceParams }>(`${ports}/:device`, async request => {
    const { devices } = await devicesOf(request)
    const port = devices.interfaces.find(i => i.id === request.params.device)
    if (!port) throw notFound('Interface', request.params.device)
    return { interfaceAttachment: portView(port) }
  })

  app.post<{ Params: IdParams; Body: Static<typeof AttachInterface> }>(ports, { schema: { body: AttachInterface } }, async request => {
    const { net_id, port_id } = request.body.interfaceAttachment ?? {}
    if (net_id !== undefined && port_id !== undefined) throw badRequest('Invalid input for interfaceAttachment: give net_id or port_id, not both.')
    const id = instanceId(request.params.id)
    const asked = { id: port_id ?? randomUUID(), ...(net_id === undefined ? {} : { network: net_id }) }
    const begun = await api.actOnInstance({ id, action: 'attach-interface', interface: asked, ...beginning(request) })
    if (!begun.interface) throw new BatonError('Internal', 'an attach was accepted without an interface')
    return { interfaceAttachment: portView(begun.interface, 'BUILD') }
  })

  app.delete<{ Params: DeviceParams }>(`${ports}/:device`, async (request, reply) => {
    const { id: raw, device } = request.params
    await api.actOnInstance({
      id: instanceId(raw),
      action: 'detach-interface',
      interface: { id: plainId('Interface', device) },
      ...beginning(request),
    })
    return reply.code(202).send()
  })

  app.get<{ Querystring: Static<typeof DisksQuery> }>(`${BATON}/disks`, { schema: { querystring: DisksQuery } }, async request => {
    const { instance, ...query } = request.query
    const of = instance === undefined ? {} : { instance }
    const { items, next } = await pageOf(query, limits.maxPageItems, page => api.listDisks({ ...page, ...of }))
    return { disks: items, ...nextLinks('disks', originOf(request), request.url, next) }
  })

  app.get<{ Params: IdParams }>(`${BATON}/disks/:id`, async request => ({ disk: await api.getDisk({ id: plainId('Disk', request.params.id) }) }))

  app.delete<{ Params: IdParams }>(`${BATON}/disks/:id`, async (request, reply) => {
    await api.deleteDisk({ id: plainId('Disk', request.params.id) })
    return reply.code(204).send()
  })
}
