/**
 * Disks and interfaces of a server at Nova's paths, os-volume_attachments and os-interface, and /baton/v1/disks for what no volume service
 * shows. An attach is answered when it is accepted; the device is there when the server has no task any more.
 */
import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import type { AttachedDisk, Interface } from '../../../actors/hypervisor/driver.ts'
import { BatonError } from '../../../actors/kernel/errors.ts'
import { BATON, COMPUTE, type HttpContext } from '../context.ts'
import { type Shape, shaped, since } from '../requests/changes.ts'
import { badRequest, notFound } from '../requests/errors.ts'
import { pageOf } from '../requests/paging.ts'
import { beginning, instanceId, originOf, plainId } from '../requests/request.ts'
import { Id, type IdParams, integer, isOn, pageFields, Switch } from '../requests/schemas.ts'
import { nameUuid } from '../requests/tokens.ts'
import { nextLinks } from '../views/links.ts'
import { livingInstance } from './servers.ts'

const only = { additionalProperties: false } as const
const DeviceId = Type.String({
  pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$',
  description: 'it must be 1 to 64 letters, digits, dots, dashes and underscores, the first a letter or digit',
})
const DeviceTag = Type.String({ pattern: '^[^,/\\p{Cc}\\p{Cs}]{1,60}$', description: 'it must be 1 to 60 characters without comma and slash' })
const Flag = Type.Union([Type.Boolean(), Switch], { description: 'it must be true or false' })
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
        tag: Type.Optional(since('device.tags-attach', DeviceTag)),
        delete_on_termination: Type.Optional(since('disk.delete-on-termination', Flag)),
      },
      only,
    ),
  },
  only,
)

/** Beside the flag, everything may be sent as it is; to put another volume in its place is a matter of a volume service. */
const UpdateAttachment = Type.Object(
  {
    volumeAttachment: Type.Object(
      {
        volumeId: DeviceId,
        delete_on_termination: Type.Optional(since('disk.update', Flag)),
        id: Type.Optional(since('disk.update', Id)),
        serverId: Type.Optional(since('disk.update', Id)),
        device: Type.Optional(since('disk.update', Id)),
        tag: Type.Optional(since('disk.update', Type.Union([DeviceTag, Type.Null()]))),
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
      Type.Object({ net_id: Type.Optional(Id), port_id: Type.Optional(DeviceId), tag: Type.Optional(since('device.tags-attach', DeviceTag)) }, only),
    ),
  },
  only,
)

interface DeviceParams extends IdParams {
  readonly device: string
}

const DisksQuery = Type.Object({ ...pageFields, instance: Type.Optional(Id) })

interface Attached {
  readonly serverId: string
  readonly disk: AttachedDisk
}

const ATTACHMENT: readonly Shape<Attached>[] = [
  { change: 'device.tags-shown', add: ({ disk }) => ({ tag: disk.tag ?? null }) },
  { change: 'disk.delete-on-termination', add: ({ disk }) => ({ delete_on_termination: disk.deleteOnTermination ?? false }) },
  {
    change: 'disk.bdm-uuid',
    drop: ['id'],
    // Neither has a record of its own here; both ids follow from which disk it is, and where.
    add: ({ serverId, disk }) => ({
      attachment_id: nameUuid(`attachment ${serverId} ${disk.id}`),
      bdm_uuid: nameUuid(`mapping ${serverId} ${disk.id}`),
    }),
  },
]

const attachment = (serverId: string, disk: AttachedDisk, minor: number) =>
  shaped({ id: disk.id, volumeId: disk.id, serverId, device: disk.device }, { serverId, disk }, minor, ATTACHMENT)

const PORT: readonly Shape<Interface>[] = [{ change: 'device.tags-shown', add: ({ tag }) => ({ tag: tag ?? null }) }]

const portView = (port: Interface, minor: number, state: 'ACTIVE' | 'BUILD' = 'ACTIVE') => shaped(portBase(port, state), port, minor, PORT)

const portBase = ({ id, network, mac }: Interface, state: string) => ({
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
    return { volumeAttachments: devices.disks.map(disk => attachment(id, disk, request.novaMinor)) }
  })

  app.get<{ Params: DeviceParams }>(`${volumes}/:device`, async request => {
    const { id, devices } = await devicesOf(request)
    const disk = devices.disks.find(d => d.id === request.params.device)
    if (!disk) throw notFound('Volume attachment', request.params.device)
    return { volumeAttachment: attachment(id, disk, request.novaMinor) }
  })

  app.post<{ Params: IdParams; Body: Static<typeof AttachDisk> }>(volumes, { schema: { body: AttachDisk } }, async request => {
    const { volumeId, device, size, tag, delete_on_termination: goes } = request.body.volumeAttachment
    const id = instanceId(request.params.id)
    const named = device === undefined || device === null || device === 'auto' ? {} : { device }
    const asked = {
      id: volumeId,
      ...named,
      ...(size === undefined ? {} : { sizeGb: size }),
      ...(tag === undefined ? {} : { tag }),
      ...(isOn(goes) ? { deleteOnTermination: true } : {}),
    }
    const { disk } = await api.actOnInstance({ id, action: 'attach-disk', disk: asked, ...beginning(request) })
    if (!disk) throw new BatonError('Internal', 'an attach was accepted without a disk')
    return { volumeAttachment: attachment(id, disk, request.novaMinor) }
  })

  app.put<{ Params: DeviceParams; Body: Static<typeof UpdateAttachment> }>(
    `${volumes}/:device`,
    { schema: { body: UpdateAttachment } },
    async (request, reply) => {
      const { id, devices } = await devicesOf(request)
      const { volumeId, delete_on_termination: goes, ...said } = request.body.volumeAttachment
      const disk = devices.disks.find(d => d.id === request.params.device)
      if (!disk) throw notFound('Volume attachment', request.params.device)
      if (volumeId !== disk.id) throw badRequest('A volume can be put in the place of another only by a volume service, and there is none.')
      const now = { id: disk.id, serverId: id, device: disk.device, tag: disk.tag ?? null }
      for (const [field, value] of Object.entries(said)) {
        if (value !== now[field as keyof typeof now]) throw badRequest(`Invalid input for volumeAttachment.${field}: it cannot be changed.`)
      }
      if (goes === undefined) throw badRequest('Invalid input: volumeAttachment.delete_on_termination is missing; nothing else can be changed.')
      await api.updateInstance({ id, requestId: request.id, disk: { id: disk.id, deleteOnTermination: isOn(goes) } })
      return reply.code(202).send()
    },
  )

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
    return { interfaceAttachments: devices.interfaces.map(each => portView(each, request.novaMinor)) }
  })

  app.get<{ Params: DeviceParams }>(`${ports}/:device`, async request => {
    const { devices } = await devicesOf(request)
    const port = devices.interfaces.find(i => i.id === request.params.device)
    if (!port) throw notFound('Interface', request.params.device)
    return { interfaceAttachment: portView(port, request.novaMinor) }
  })

  app.post<{ Params: IdParams; Body: Static<typeof AttachInterface> }>(ports, { schema: { body: AttachInterface } }, async request => {
    const { net_id, port_id, tag } = request.body.interfaceAttachment ?? {}
    if (net_id !== undefined && port_id !== undefined) throw badRequest('Invalid input for interfaceAttachment: give net_id or port_id, not both.')
    const id = instanceId(request.params.id)
    const asked = { id: port_id ?? randomUUID(), ...(net_id === undefined ? {} : { network: net_id }), ...(tag === undefined ? {} : { tag }) }
    const begun = await api.actOnInstance({ id, action: 'attach-interface', interface: asked, ...beginning(request) })
    if (!begun.interface) throw new BatonError('Internal', 'an attach was accepted without an interface')
    return { interfaceAttachment: portView(begun.interface, request.novaMinor, 'BUILD') }
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
