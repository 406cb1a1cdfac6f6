/** What every list of servers needs to know of hosts, their zones and how they are: asked for at most once a second. */
import { type ClusterApi, type HostBody, zoneOfHost } from '../../../actors/api.ts'
import { allHosts } from './hypervisors.ts'

const FRESH_MS = 1000
const HOSTS_PER_PAGE = 1000

/** Answers with the zone of each host; '' for an instance on none. */
export type Zones = () => Promise<(host: string | null) => string>

/** Nova's words for how the host of a server is; '' for an instance on none. */
export type HostStatuses = () => Promise<(host: string | null) => string>

/** `read`, but what it answered is good for a second. */
function fresh<T>(read: () => Promise<T>, nowMs: () => number): () => Promise<T> {
  let last: { readonly atMs: number; readonly value: Promise<T> } | null = null
  return () => {
    if (last && nowMs() - last.atMs < FRESH_MS) return last.value
    const begun = { atMs: nowMs(), value: read() }
    last = begun
    begun.value.catch(() => {
      if (last === begun) last = null
    })
    return begun.value
  }
}

const monotonic = (): number => performance.now()

export function createZones(api: Pick<ClusterApi, 'listAggregates'>, nowMs: () => number = monotonic): Zones {
  const read = fresh(() => api.listAggregates({}), nowMs)
  return async () => {
    const aggregates = await read()
    return host => (host === null ? '' : zoneOfHost(host, aggregates))
  }
}

export function createHostStatuses(api: Pick<ClusterApi, 'listHosts'>, nowMs: () => number = monotonic): HostStatuses {
  const read = fresh(async () => new Map((await allHosts(page => api.listHosts(page), HOSTS_PER_PAGE)).map(host => [host.id, statusOf(host)])), nowMs)
  return async () => {
    const statuses = await read()
    return host => (host === null ? '' : (statuses.get(host) ?? 'UNKNOWN'))
  }
}

/** A host that takes no new instances is in maintenance, whatever else it is; one that missed beats is not known to be up. */
function statusOf({ enabled, state }: HostBody): 'UP' | 'DOWN' | 'MAINTENANCE' | 'UNKNOWN' {
  if (!enabled) return 'MAINTENANCE'
  if (state === 'up') return 'UP'
  return state === 'suspect' ? 'UNKNOWN' : 'DOWN'
}
