/** What is told of things that are in no view, as rows and items. Pure. */
import type { AlertsBody, StatusBody } from '../../actors/api.ts'
import type { ShardMap } from '../../actors/kernel/ports.ts'
import type { AlertRow, EventItem } from '../console-client/topics.ts'
import type { FeedChange } from './feed.ts'

/** Alerts that are over and still shown. */
const ENDED_SHOWN = 100

/** Shards by conductor. */
export function ownership({ owners, members }: ShardMap): Map<string, number> {
  const counts = new Map(members.map(m => [m.incarnation, 0]))
  for (const owner of owners) if (counts.has(owner)) counts.set(owner, (counts.get(owner) ?? 0) + 1)
  return new Map(members.map(m => [m.nodeId, counts.get(m.incarnation) ?? 0]))
}

export function shardRows({ owners, members }: ShardMap): { id: string; node: string | null; incarnation: number }[] {
  const nodes = new Map(members.map(m => [m.incarnation, m.nodeId]))
  return owners.map((incarnation, shard) => ({ id: String(shard), node: nodes.get(incarnation) ?? null, incarnation }))
}

export const clusterRow = ({ nodes: _, ...figures }: StatusBody) => ({ id: 'cluster' as const, ...figures })

export const alertRows = ({ firing, ended }: AlertsBody): AlertRow[] =>
  [...firing, ...ended.slice(0, ENDED_SHOWN)].map(alert => ({ ...alert, id: String(alert.id) }))

const text = (body: object | null, name: string): string | null => {
  const value: unknown = body ? Reflect.get(body, name) : null
  return typeof value === 'string' ? value : null
}

export function eventOf({ at, kind, id, types }: FeedChange, body: object | null, rev: number): EventItem {
  const words = ['kind', 'vmState', 'taskState', 'status', 'state', 'mode', 'host'].flatMap(name => text(body, name) ?? [])
  return { at, kind, id, project: text(body, 'project'), types, rev, state: words.join(' ') }
}
