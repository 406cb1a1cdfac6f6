/** Which zone hosts are in, and which zones there are: pure. */
import { type AggregateBody, DEFAULT_ZONE, ZONE_KEY } from './bodies.ts'

export const zoneOf = (aggregate: Pick<AggregateBody, 'metadata'>): string | null => aggregate.metadata[ZONE_KEY] ?? null

/** The zone of a host; an actor sees to it that it is in one at most. */
export const zoneOfHost = (host: string, aggregates: readonly AggregateBody[]): string =>
  aggregates.flatMap(a => (a.hosts.includes(host) ? (zoneOf(a) ?? []) : []))[0] ?? DEFAULT_ZONE

/** The zones there are: those of aggregates, and the default one. */
export const zonesOf = (aggregates: readonly AggregateBody[]): string[] =>
  [...new Set([DEFAULT_ZONE, ...aggregates.flatMap(a => zoneOf(a) ?? [])])].sort()
