/** Who is alive and who owns what. Changed only by the functions of the migration; see there for the rules. */
import { defineEntity, p } from '@mikro-orm/core'
import type { Json } from '../../actors/kernel/define.ts'

export const ConductorEntity = defineEntity({
  name: 'Conductor',
  tableName: 'conductor',
  checks: [{ name: 'conductor_state_check', property: 'state', expression: "state in ('alive', 'draining', 'left', 'dead')" }],
  properties: {
    incarnation: p.bigint('number').primary().autoincrement(),
    nodeId: p.text(),
    endpoint: p.text(),
    state: p.text(),
    pid: p.integer(),
    version: p.text(),
    host: p.text(),
    joinedAt: p.datetime().columnType('timestamptz'),
    leaseUntil: p.datetime().columnType('timestamptz'),
    leaseMs: p.integer(),
    renewedAt: p.datetime().columnType('timestamptz'),
    /** Since when it has renewed without a gap, in one life of the database server; like all these times, cluster time. */
    steadySince: p.datetime().columnType('timestamptz'),
    load: p.json<Json>(),
    /** When the database server was started to which it last renewed. */
    server: p.datetime().columnType('timestamptz'),
    /** The boot of its machine, and how long that had lasted when it last renewed. */
    boot: p.text(),
    uptimeMs: p.bigint('number'),
  },
})

export const ShardEntity = defineEntity({
  name: 'Shard',
  tableName: 'shard',
  properties: {
    id: p.smallint().primary().autoincrement(false),
    owner: p.bigint('number').nullable(),
  },
})

/** One row: the version grows with every change of an owner or of a member's state. */
export const ShardMapEntity = defineEntity({
  name: 'ShardMap',
  tableName: 'shard_map',
  checks: [{ name: 'shard_map_id_check', property: 'id', expression: 'id = 1' }],
  properties: {
    id: p.smallint().primary().autoincrement(false),
    version: p.bigint('number'),
  },
})

/** One row: how cluster time differs from the database's clock; see `clock-rules.ts`. */
export const ClusterClockEntity = defineEntity({
  name: 'ClusterClock',
  tableName: 'cluster_clock',
  checks: [{ name: 'cluster_clock_id_check', property: 'id', expression: 'id = 1' }],
  properties: {
    id: p.smallint().primary().autoincrement(false),
    offsetMs: p.bigint('number'),
    latestMs: p.bigint('number'),
    seenMs: p.bigint('number'),
  },
})
