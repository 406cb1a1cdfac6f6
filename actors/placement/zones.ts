/** Which zone hosts are in, and which zones there are: pure. */
import { type AggregateBody, DEFAULT_ZONE, ZONE_KEY } from './bodies.ts'

export const zoneOf = (aggregate: Pick<AggregateBody, 'metadata'>): string | null => aggregate.metadata[ZONE_KEY] ?? null

/** The zone of a host that is in these aggregates; an actor sees to it that it is in one at most. */
export const zoneAmong = (aggregates: readonly AggregateBody[]): string => aggregates.flatMap(a => zoneOf(a) ?? [])[0] ?? DEFAULT_ZONE

/** The same, of all aggregates there are. */
export const zoneOfHost = (host: string, aggregates: readonly AggregateBody[]): string => zoneAmong(aggregates.filter(a => a.hosts.includes(host)))

/** The zones there are: those of aggregates, and the default one. */
export const zonesOf = (aggregates: readonly AggregateBody[]): string[] =>
  [...new Set([DEFAULT_ZONE, ...aggregates.flatMap(a => zoneOf(a) ?? [])])].sort()
