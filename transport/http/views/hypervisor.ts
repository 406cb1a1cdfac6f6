/** Hosts and nodes in Nova's words: hypervisors and services. */
import type { HostBody, HostState, NodeBody } from '../../../actors/api.ts'
import { isoMicros } from './time.ts'

/** A suspect host still counts: it missed beats, nobody has declared it down. */
const UP: ReadonlySet<HostState> = new Set(['up', 'suspect'])

const upDown = (up: boolean): 'up' | 'down' => (up ? 'up' : 'down')
const enabled = (yes: boolean): 'enabled' | 'disabled' => (yes ? 'enabled' : 'disabled')

export const hypervisorSummary = (host: HostBody) => ({
  id: host.id,
  hypervisor_hostname: host.id,
  state: upDown(UP.has(host.state)),
  status: enabled(host.enabled),
})

/** From 2.28 on `cpu_info` is an object instead of JSON in text. */
export const hypervisorDetail = (host: HostBody, minor: number) => ({
  ...hypervisorSummary(host),
  service: { id: serviceId('nova-compute', host.id), host: host.id, disabled_reason: host.disabledReason },
  hypervisor_type: host.driver,
  hypervisor_version: 0,
  host_ip: null,
  cpu_info: minor >= 28 ? {} : '',
  vcpus: host.vcpus,
  vcpus_used: host.vcpusUsed,
  memory_mb: host.ramMb,
  memory_mb_used: host.ramMbUsed,
  free_ram_mb: host.ramMb - host.ramMbUsed,
  local_gb: host.diskGb,
  local_gb_used: host.diskGbUsed,
  free_disk_gb: host.diskGb - host.diskGbUsed,
  disk_available_least: null,
  running_vms: host.claims,
  current_workload: 0,
})

const serviceId = (binary: string, host: string): string => `${binary}@${host}`

/** The host of a compute service, by the service's id; null when it is none. */
export const serviceHost = (id: string): string | null => (id.startsWith('nova-compute@') ? id.slice('nova-compute@'.length) : null)

/** The services of Nova whose work a conductor does. */
const CONDUCTOR_SERVICES = ['nova-conductor', 'nova-scheduler']
const NODE_UP = new Set(['up', 'alive', 'ready', 'draining'])

interface Service {
  readonly id: string
  readonly binary: string
  readonly host: string
  readonly zone: string
  readonly status: 'enabled' | 'disabled'
  readonly state: 'up' | 'down'
  readonly updated_at: string | null
  readonly disabled_reason: string | null
  readonly forced_down?: boolean
}

/** All services: two for each conductor, one for each compute host. `forced_down` came with 2.11. */
export function services(nodes: readonly NodeBody[], hosts: readonly HostBody[], minor: number, zoneOf: (host: string) => string): Service[] {
  const later = minor >= 11 ? { forced_down: false } : {}
  const ofConductors = nodes
    .filter(({ role }) => role === 'conductor')
    .flatMap(node =>
      CONDUCTOR_SERVICES.map(binary => ({
        id: serviceId(binary, node.id),
        binary,
        host: node.id,
        zone: 'internal',
        status: enabled(node.state !== 'draining'),
        state: upDown(NODE_UP.has(node.state)),
        updated_at: null,
        disabled_reason: node.state === 'draining' ? 'draining' : null,
        ...later,
      })),
    )
  const ofHosts = hosts.map(host => ({
    id: serviceId('nova-compute', host.id),
    binary: 'nova-compute',
    host: host.id,
    zone: zoneOf(host.id),
    status: enabled(host.enabled),
    state: upDown(UP.has(host.state)),
    updated_at: isoMicros(host.stateSince),
    disabled_reason: host.disabledReason,
    ...(minor >= 11 ? { forced_down: host.state === 'fenced' } : {}),
  }))
  return [...ofConductors, ...ofHosts]
}
