/** An instance in Nova's words. */
import { createHash } from 'node:crypto'
import type { InstanceBody, VmState } from '../../../actors/api.ts'
import type { PowerState } from '../../../actors/hypervisor/driver.ts'
import { ERRORS } from '../../../actors/kernel/errors.ts'
import { USER } from '../context.ts'
import { bookmark, links } from './links.ts'
import { serverStatus } from './server-status.ts'
import { isoMicrosOrNull, isoSeconds } from './time.ts'

export const POWER_STATE: Readonly<Record<PowerState, number>> = { running: 1, paused: 3, shutdown: 4, crashed: 6, suspended: 7 }
const NO_POWER_STATE = 0

/** Nova shows progress and fault only in these. */
const WITH_PROGRESS: ReadonlySet<VmState> = new Set(['building', 'active'])
const WITH_FAULT: ReadonlySet<VmState> = new Set(['error', 'deleted'])

const ATTACHMENTS_SAY_MORE_SINCE = 3

/** Fields that came with a microversion 2.`since`. */
const LATER_FIELDS: readonly { readonly since: number; fields(instance: InstanceBody): object }[] = [
  {
    since: 3,
    fields: instance => ({
      'OS-EXT-SRV-ATTR:hostname': hostnameOf(instance.name),
      'OS-EXT-SRV-ATTR:reservation_id': instance.reservation,
      'OS-EXT-SRV-ATTR:launch_index': 0,
      'OS-EXT-SRV-ATTR:kernel_id': '',
      'OS-EXT-SRV-ATTR:ramdisk_id': '',
      'OS-EXT-SRV-ATTR:root_device_name': null,
      'OS-EXT-SRV-ATTR:user_data': null,
    }),
  },
  { since: 9, fields: ({ locked }) => ({ locked: locked !== null }) },
  { since: 19, fields: () => ({ description: null }) },
  { since: 26, fields: ({ tags }) => ({ tags }) },
  { since: 73, fields: ({ locked }) => ({ locked_reason: locked?.reason ?? null }) },
]

/** Nova's rule: lower case, what a host name may not have becomes a dash or goes. */
const hostnameOf = (name: string): string =>
  name
    .toLowerCase()
    .replace(/[ _]/g, '-')
    .replace(/[^\w.-]+/g, '')
    .replace(/^[.-]+|[.-]+$/g, '')
    .slice(0, 63)

/** The same for all servers of a project on a host, and tells nothing about the host. */
const hostIdOf = (instance: InstanceBody): string =>
  instance.host === null
    ? ''
    : createHash('sha224')
        .update(instance.project + instance.host)
        .digest('hex')

export const SECURITY_GROUPS = [{ name: 'default' }]
export const DISK_CONFIG = 'MANUAL'

/** One line of GET /servers. */
export const serverSummary = (instance: InstanceBody, origin: string) => ({
  id: instance.id,
  name: instance.name,
  links: links(origin, `servers/${instance.id}`),
})

/** One server of GET /servers/detail and GET /servers/:id, in the words of microversion 2.`minor`. `zone` is that of its host, '' without one. */
export function serverDetail(instance: InstanceBody, origin: string, minor: number, zone: string) {
  const { fault, host, vmState } = instance
  const base = {
    ...serverSummary(instance, origin),
    status: serverStatus(instance),
    tenant_id: instance.project,
    user_id: USER,
    metadata: instance.metadata,
    hostId: hostIdOf(instance),
    image: { id: instance.image, links: [bookmark(origin, `images/${instance.image}`)] },
    flavor: { id: instance.flavor.id, links: [bookmark(origin, `flavors/${instance.flavor.id}`)] },
    created: isoSeconds(instance.createdAt),
    updated: isoSeconds(instance.updatedAt),
    addresses: {},
    accessIPv4: '',
    accessIPv6: '',
    'OS-DCF:diskConfig': DISK_CONFIG,
    'OS-EXT-AZ:availability_zone': zone,
    config_drive: '',
    key_name: null,
    'OS-SRV-USG:launched_at': isoMicrosOrNull(instance.launchedAt),
    'OS-SRV-USG:terminated_at': isoMicrosOrNull(instance.deletedAt),
    'OS-EXT-SRV-ATTR:host': host,
    'OS-EXT-SRV-ATTR:instance_name': `instance-${instance.id.slice(0, 8)}`,
    'OS-EXT-SRV-ATTR:hypervisor_hostname': host,
    'OS-EXT-STS:task_state': instance.taskState,
    'OS-EXT-STS:vm_state': vmState,
    'OS-EXT-STS:power_state': instance.powerState === null ? NO_POWER_STATE : POWER_STATE[instance.powerState],
    'os-extended-volumes:volumes_attached': instance.devices.disks.map(({ id }) =>
      minor >= ATTACHMENTS_SAY_MORE_SINCE ? { id, delete_on_termination: false } : { id },
    ),
    security_groups: SECURITY_GROUPS,
    'baton:ha_policy': instance.ha ?? 'none',
  }
  const later = LATER_FIELDS.filter(({ since }) => minor >= since).map(({ fields }) => fields(instance))
  const progress = WITH_PROGRESS.has(vmState) ? { progress: 0 } : {}
  const shown =
    fault !== null && WITH_FAULT.has(vmState)
      ? { fault: { code: ERRORS[fault.code].http, message: fault.message, created: isoSeconds(fault.at) } }
      : {}
  return Object.assign(base, progress, shown, ...later)
}
