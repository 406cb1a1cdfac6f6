/** Hosts and nodes in Nova's words: hypervisors and services. */
import type { HostBody, HostState, InstanceBody, NodeBody } from '../../../actors/api.ts'
import { has, type Shape, shaped } from '../requests/changes.ts'
import { nameNumber, nameUuid } from '../requests/tokens.ts'
import { isoMicros } from './time.ts'

/** A suspect host still counts: it missed beats, nobody has declared it down. */
const UP: ReadonlySet<HostState> = new Set(['up', 'suspect'])

const upDown = (up: boolean): 'up' | 'down' => (up ? 'up' : 'down')
const enabled = (yes: boolean): 'enabled' | 'disabled' => (yes ? 'enabled' : 'disabled')

/** Nova's ids of hypervisors and services are numbers at first, UUIDs later; Baton's hosts have names. Both follow from the name. */
const idOf = (kind: string, name: string, minor: number): number | string =>
  has(minor, 'host.uuid') ? nameUuid(`${kind} ${name}`) : nameNumber(`${kind} ${name}`)

const hypervisorId = (host: string, minor: number): number | string => idOf('hypervisor', host, minor)

/** Whether a client may mean this host by `id`: its name, its number, or its UUID. */
export const isHypervisor = ({ id: host }: HostBody, id: string): boolean =>
  id === host || id === nameUuid(`hypervisor ${host}`) || id === String(nameNumber(`hypervisor ${host}`))

const summary = (host: HostBody, minor: number) => ({
  id: hypervisorId(host.id, minor),
  hypervisor_hostname: host.id,
  state: upDown(UP.has(host.state)),
  status: enabled(host.enabled),
})

/** One line of the list; `servers` when they are asked for, or the path shows them. */
export const hypervisorSummary = (host: HostBody, minor: number, servers?: readonly InstanceBody[]) => ({
  ...summary(host, minor),
  ...serversOf(servers, minor),
})

function serversOf(servers: readonly InstanceBody[] | undefined, minor: number): object {
  if (servers === undefined) return {}
  // A list that is empty is left out until hypervisors became lean.
  return servers.length === 0 && !has(minor, 'hypervisor.lean') ? {} : { servers: servers.map(({ id, name }) => ({ uuid: id, name })) }
}

/** Amounts of a host, for one of them and for the sum of all. */
export const hypervisorAmounts = (host: Pick<HostBody, (typeof AMOUNTS)[number]>) => ({
  vcpus: host.vcpus,
  vcpus_used: host.vcpusUsed,
  memory_mb: host.ramMb,
  memory_mb_used: host.ramMbUsed,
  free_ram_mb: host.ramMb - host.ramMbUsed,
  local_gb: host.diskGb,
  local_gb_used: host.diskGbUsed,
  free_disk_gb: host.diskGb - host.diskGbUsed,
  disk_available_least: host.diskGb - host.diskGbUsed,
  running_vms: host.claims,
  current_workload: 0,
})

const AMOUNTS = ['vcpus', 'vcpusUsed', 'ramMb', 'ramMbUsed', 'diskGb', 'diskGbUsed', 'claims'] as const

/** The sum over hosts, of those that are up, as Nova counts. */
export function hypervisorStatistics(hosts: readonly HostBody[]) {
  const up = hosts.filter(({ state }) => UP.has(state))
  const sum = (amount: (typeof AMOUNTS)[number]): number => up.reduce((total, host) => total + host[amount], 0)
  const total = Object.fromEntries(AMOUNTS.map(amount => [amount, sum(amount)])) as Record<(typeof AMOUNTS)[number], number>
  return { count: up.length, ...hypervisorAmounts(total) }
}

const LEAN = [...Object.keys(hypervisorAmounts({ vcpus: 0, vcpusUsed: 0, ramMb: 0, ramMbUsed: 0, diskGb: 0, diskGbUsed: 0, claims: 0 })), 'cpu_info']

/**
 * For how long its machine has been running, as the program `uptime` says it: `up 93 days, 18:25`. Null when nobody knows, and of a host that is
 * down, since it may have been restarted meanwhile.
 */
export function uptimeText({ state, uptimeS }: HostBody): string | null {
  if (!UP.has(state) || uptimeS === undefined || uptimeS === null) return null
  const minutes = Math.floor(uptimeS / 60)
  const [days, hours] = [Math.floor(minutes / 1440), Math.floor(minutes / 60) % 24]
  const clock = `${hours}:${String(minutes % 60).padStart(2, '0')}`
  return `up ${days === 0 ? '' : `${days} day${days === 1 ? '' : 's'}, `}${clock}`
}

const DETAIL: readonly Shape<HostBody>[] = [
  { change: 'hypervisor.cpu-info', add: () => ({ cpu_info: {} }) },
  { change: 'hypervisor.lean', drop: LEAN, add: host => ({ uptime: uptimeText(host) }) },
]

/** The IP address of a host is its own affair; clients want one, so it is the one that says nothing. */
const NO_ADDRESS = '0.0.0.0'

export const hypervisorDetail = (host: HostBody, minor: number, servers?: readonly InstanceBody[]) =>
  shaped(
    {
      ...summary(host, minor),
      service: { id: serviceId('nova-compute', host.id, minor), host: host.id, disabled_reason: host.disabledReason },
      hypervisor_type: host.driver,
      hypervisor_version: 0,
      host_ip: NO_ADDRESS,
      cpu_info: '',
      ...hypervisorAmounts(host),
      ...serversOf(servers, minor),
    },
    host,
    minor,
    DETAIL,
  )

const serviceId = (binary: string, host: string, minor: number): string | number => idOf(binary, host, minor)

/** The services of Nova whose work a conductor does. */
const CONDUCTOR_SERVICES = ['nova-conductor', 'nova-scheduler']
const NODE_UP = new Set(['up', 'alive', 'ready', 'draining'])

export interface Service {
  readonly id: string | number
  readonly binary: string
  readonly host: string
  readonly zone: string
  readonly status: 'enabled' | 'disabled'
  readonly state: 'up' | 'down'
  readonly updated_at: string | null
  readonly disabled_reason: string | null
  readonly forced_down?: boolean
}

/** All services: two for each conductor, one for each compute host. */
export function services(nodes: readonly NodeBody[], hosts: readonly HostBody[], minor: number, zoneOf: (host: string) => string): Service[] {
  const later = (forced: boolean) => (has(minor, 'service.forced-down') ? { forced_down: forced } : {})
  const ofConductors = nodes
    .filter(({ role }) => role === 'conductor')
    .flatMap(node =>
      CONDUCTOR_SERVICES.map(binary => ({
        id: serviceId(binary, node.id, minor),
        binary,
        host: node.id,
        zone: 'internal',
        status: enabled(node.state !== 'draining'),
        state: upDown(NODE_UP.has(node.state)),
        updated_at: null,
        disabled_reason: node.state === 'draining' ? 'draining' : null,
        ...later(false),
      })),
    )
  const ofHosts = hosts.map(host => ({
    id: serviceId('nova-compute', host.id, minor),
    binary: 'nova-compute',
    host: host.id,
    zone: zoneOf(host.id),
    status: enabled(host.enabled),
    state: upDown(UP.has(host.state)),
    updated_at: isoMicros(host.stateSince),
    disabled_reason: host.disabledReason,
    ...later(host.state === 'fenced'),
  }))
  return [...ofConductors, ...ofHosts]
}
