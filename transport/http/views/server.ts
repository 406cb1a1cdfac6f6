/** An instance in Nova's words. */
import { createHash } from 'node:crypto'
import { type DiskConfig, hostnameOf, type InstanceBody, type VmState } from '../../../actors/api.ts'
import type { PowerState } from '../../../actors/hypervisor/driver.ts'
import { ERRORS } from '../../../actors/kernel/errors.ts'
import { USER } from '../context.ts'
import { has, type Shape, shaped } from '../requests/changes.ts'
import { bookmark, links } from './links.ts'
import { serverStatus } from './server-status.ts'
import { isoMicrosOrNull, isoSeconds } from './time.ts'

export const POWER_STATE: Readonly<Record<PowerState, number>> = { running: 1, paused: 3, shutdown: 4, crashed: 6, suspended: 7 }
const NO_POWER_STATE = 0

/** Nova shows progress and fault only in these. */
const WITH_PROGRESS: ReadonlySet<VmState> = new Set(['building', 'active'])
const WITH_FAULT: ReadonlySet<VmState> = new Set(['error', 'deleted'])

/** What a view of a server needs beside the instance. */
export interface ServerSight {
  readonly origin: string
  /** N of microversion 2.N. */
  readonly minor: number
  /** The zone of a host, '' for none; and Nova's word for how it is. */
  zoneOf(host: string | null): string
  statusOf(host: string | null): string
}

interface Seen {
  readonly instance: InstanceBody
  readonly sight: ServerSight
}

const SHAPES: readonly Shape<Seen>[] = [
  {
    change: 'server.host-attributes',
    add: ({ instance }) => ({
      'OS-EXT-SRV-ATTR:hostname': hostnameOf(instance),
      'OS-EXT-SRV-ATTR:reservation_id': instance.reservation,
      'OS-EXT-SRV-ATTR:launch_index': 0,
      'OS-EXT-SRV-ATTR:kernel_id': '',
      'OS-EXT-SRV-ATTR:ramdisk_id': '',
      'OS-EXT-SRV-ATTR:root_device_name': ROOT_DEVICE,
      'OS-EXT-SRV-ATTR:user_data': instance.about?.userData ?? null,
      'os-extended-volumes:volumes_attached': instance.devices.disks.map(({ id, deleteOnTermination = false }) => ({
        id,
        delete_on_termination: deleteOnTermination,
      })),
    }),
  },
  { change: 'server.locked', add: ({ instance }) => ({ locked: instance.locked !== null }) },
  { change: 'server.host-status', add: ({ instance, sight }) => ({ host_status: sight.statusOf(instance.host) }) },
  { change: 'server.description', add: ({ instance }) => ({ description: instance.about?.description ?? null }) },
  { change: 'server.tags', add: ({ instance }) => ({ tags: instance.tags }) },
  { change: 'server.flavor-embedded', add: ({ instance }) => ({ flavor: embedded(instance.flavor) }) },
  { change: 'server.trusted-certificates', add: () => ({ trusted_image_certificates: null }) },
  { change: 'server.locked-reason', add: ({ instance }) => ({ locked_reason: instance.locked?.reason ?? null }) },
]

/** Fields of one server that is shown alone; lists do not have them. */
const ALONE: readonly Shape<InstanceBody>[] = [
  { change: 'server.groups', add: ({ placement }) => ({ server_groups: placement?.group === undefined ? [] : [placement.group] }) },
]

const ROOT_DEVICE = '/dev/vda'

/** A flavor as it was when the instance was made of it. The extra specs are those of then, too. */
const embedded = (flavor: InstanceBody['flavor']) => ({
  vcpus: flavor.vcpus,
  ram: flavor.ramMb,
  disk: flavor.diskGb,
  ephemeral: 0,
  swap: 0,
  original_name: flavor.name,
  extra_specs: flavor.extraSpecs ?? {},
})

/** The same for all servers of a project on a host, and tells nothing about the host. */
const hostIdOf = (instance: InstanceBody): string =>
  instance.host === null
    ? ''
    : createHash('sha224')
        .update(instance.project + instance.host)
        .digest('hex')

export const SECURITY_GROUPS = [{ name: 'default' }]
export const DISK_CONFIG: DiskConfig = 'MANUAL'

/** One line of GET /servers. */
export const serverSummary = (instance: InstanceBody, origin: string) => ({
  id: instance.id,
  name: instance.name,
  links: links(origin, `servers/${instance.id}`),
})

/** One server of GET /servers/detail. */
export function serverDetail(instance: InstanceBody, sight: ServerSight) {
  const { fault, host, vmState, about } = instance
  const { origin, minor } = sight
  const progress = WITH_PROGRESS.has(vmState) ? { progress: 0 } : {}
  const shown =
    fault !== null && WITH_FAULT.has(vmState)
      ? { fault: { code: ERRORS[fault.code].http, message: fault.message, created: isoSeconds(fault.at) } }
      : {}
  const base = {
    ...serverSummary(instance, origin),
    status: serverStatus(instance),
    tenant_id: instance.project,
    user_id: instance.user ?? USER,
    metadata: instance.metadata,
    hostId: hostIdOf(instance),
    image: { id: instance.image, links: [bookmark(origin, `images/${instance.image}`)] },
    flavor: { id: instance.flavor.id, links: [bookmark(origin, `flavors/${instance.flavor.id}`)] },
    created: isoSeconds(instance.createdAt),
    updated: isoSeconds(instance.updatedAt),
    addresses: {},
    accessIPv4: about?.accessIPv4 ?? '',
    accessIPv6: about?.accessIPv6 ?? '',
    'OS-DCF:diskConfig': about?.diskConfig ?? DISK_CONFIG,
    'OS-EXT-AZ:availability_zone': sight.zoneOf(host),
    config_drive: about?.configDrive ? 'True' : '',
    key_name: about?.keyPair?.name ?? null,
    'OS-SRV-USG:launched_at': isoMicrosOrNull(instance.launchedAt),
    'OS-SRV-USG:terminated_at': isoMicrosOrNull(instance.deletedAt),
    'OS-EXT-SRV-ATTR:host': host,
    'OS-EXT-SRV-ATTR:instance_name': `instance-${instance.id.slice(0, 8)}`,
    'OS-EXT-SRV-ATTR:hypervisor_hostname': host,
    'OS-EXT-STS:task_state': instance.taskState,
    'OS-EXT-STS:vm_state': vmState,
    'OS-EXT-STS:power_state': instance.powerState === null ? NO_POWER_STATE : POWER_STATE[instance.powerState],
    'os-extended-volumes:volumes_attached': instance.devices.disks.map(({ id }) => ({ id })),
    security_groups: SECURITY_GROUPS,
    ...(instance.ha === undefined || instance.ha === 'none' ? {} : { 'baton:ha_policy': instance.ha }),
    ...progress,
    ...shown,
  }
  return shaped(base, { instance, sight }, minor, SHAPES)
}

/** GET /servers/:id. */
export const serverAlone = (instance: InstanceBody, sight: ServerSight) => shaped(serverDetail(instance, sight), instance, sight.minor, ALONE)

/** Fields that only a show and a list had before the change `strict`. */
const SHOWN_ONLY = /^(?:OS-EXT-|OS-SRV-USG:|os-extended-volumes:|baton:|config_drive$|key_name$|security_groups$|host_status$)/

/** What an update answers with. */
export function serverChanged(instance: InstanceBody, sight: ServerSight): Record<string, unknown> {
  if (has(sight.minor, 'strict')) return serverAlone(instance, sight)
  return Object.fromEntries(Object.entries(serverDetail(instance, sight)).filter(([name]) => !SHOWN_ONLY.test(name)))
}

/** What a rebuild answers with: as an update, and from some versions on what it could have changed of the guest's data. */
export function serverRebuilt(instance: InstanceBody, sight: ServerSight): Record<string, unknown> {
  const { 'OS-EXT-SRV-ATTR:user_data': userData = null, key_name: keyName } = serverDetail(instance, sight)
  const { 'OS-EXT-SRV-ATTR:user_data': _, ...changed } = serverChanged(instance, sight)
  return {
    ...changed,
    ...(has(sight.minor, 'rebuild.key') ? { key_name: keyName } : {}),
    ...(has(sight.minor, 'personality.gone') ? { user_data: userData } : {}),
  }
}
