/** Aggregates, zones and server groups in Nova's words. */
import { type AggregateBody, DEFAULT_ZONE, type GroupBody, type HostBody, type NodeBody, zoneOf, zoneOfHost, zonesOf } from '../../../actors/api.ts'
import { USER } from '../context.ts'
import { type Shape, shaped } from '../requests/changes.ts'
import { services } from './hypervisor.ts'
import { isoMicros } from './time.ts'

const AGGREGATE: readonly Shape<AggregateBody>[] = [{ change: 'aggregate.uuid', add: ({ uuid }) => ({ uuid }) }]

export const aggregateView = (aggregate: AggregateBody, minor: number) => shaped(fieldsOf(aggregate), aggregate, minor, AGGREGATE)

const fieldsOf = (aggregate: AggregateBody) => ({
  id: aggregate.id,
  name: aggregate.name,
  availability_zone: zoneOf(aggregate),
  hosts: aggregate.hosts,
  metadata: aggregate.metadata,
  created_at: isoMicros(aggregate.createdAt),
  updated_at: aggregate.updatedAt === aggregate.createdAt ? null : isoMicros(aggregate.updatedAt),
  deleted: false,
  deleted_at: null,
})

/** A zone is available while one of its hosts may take instances. */
const isOpen = (host: HostBody): boolean => host.enabled && host.state === 'up'

/** The zones with hosts in them, and the default one. */
export function zoneList(aggregates: readonly AggregateBody[], hosts: readonly HostBody[]) {
  return zonesOf(aggregates).flatMap(zone => {
    const here = hosts.filter(host => zoneOfHost(host.id, aggregates) === zone)
    return here.length === 0 && zone !== DEFAULT_ZONE ? [] : [{ zoneName: zone, zoneState: { available: here.some(isOpen) }, hosts: null, here }]
  })
}

interface ServiceState {
  readonly active: boolean
  readonly available: boolean
  readonly updated_at: string | null
}

/** The same with each host and its services; the zone `internal` holds those that run no instances. */
export function zoneDetail(aggregates: readonly AggregateBody[], hosts: readonly HostBody[], nodes: readonly NodeBody[], minor: number) {
  const all = services(nodes, hosts, minor, host => zoneOfHost(host, aggregates))
  const stateOf = (names: ReadonlySet<string>): Record<string, Record<string, ServiceState>> => {
    const byHost: Record<string, Record<string, ServiceState>> = {}
    for (const { host, binary, status, state, updated_at } of all) {
      if (!names.has(host)) continue
      const of = byHost[host] ?? {}
      byHost[host] = of
      of[binary] = { active: status === 'enabled', available: state === 'up', updated_at }
    }
    return byHost
  }
  const conductors = new Set(nodes.filter(({ role }) => role === 'conductor').map(({ id }) => id))
  return [
    { zoneName: 'internal', zoneState: { available: true }, hosts: stateOf(conductors) },
    ...zoneList(aggregates, hosts).map(({ here, ...zone }) => ({ ...zone, hosts: stateOf(new Set(here.map(({ id }) => id))) })),
  ]
}

/** Before rules there were lists of policies with one in them, and metadata that was always empty. */
const GROUP: readonly Shape<GroupBody>[] = [
  { change: 'group.project', add: ({ project }) => ({ project_id: project, user_id: USER }) },
  {
    change: 'group.rules',
    drop: ['policies', 'metadata'],
    add: ({ policy, maxServerPerHost }) => ({ policy, rules: maxServerPerHost === null ? {} : { max_server_per_host: maxServerPerHost } }),
  },
]

export const groupView = (group: GroupBody, minor: number) =>
  shaped({ id: group.id, name: group.name, policies: [group.policy], members: group.members, metadata: {} }, group, minor, GROUP)
