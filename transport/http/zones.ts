/** The zones of hosts for views of servers: asked for at most once a second, since every list of servers needs them. */
import { type ClusterApi, zoneOfHost } from '../../actors/api.ts'

const FRESH_MS = 1000

/** Answers with the zone of each host; '' for an instance on none. */
export type Zones = () => Promise<(host: string | null) => string>

export function createZones(api: Pick<ClusterApi, 'listAggregates'>, nowMs: () => number = () => performance.now()): Zones {
  let read: { readonly atMs: number; readonly aggregates: ReturnType<ClusterApi['listAggregates']> } | null = null
  return async () => {
    if (!read || nowMs() - read.atMs >= FRESH_MS) {
      const begun = { atMs: nowMs(), aggregates: api.listAggregates({}) }
      read = begun
      begun.aggregates.catch(() => {
        if (read === begun) read = null
      })
    }
    const aggregates = await read.aggregates
    return host => (host === null ? '' : zoneOfHost(host, aggregates))
  }
}
