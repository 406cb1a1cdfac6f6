/** What actors remember. The journal itself writes these with one statement per batch; see `journal-sql.ts`. */
import { defineEntity, p } from '@mikro-orm/core'
import type { Json } from '../../actors/kernel/define.ts'

export const EventEntity = defineEntity({
  name: 'Event',
  tableName: 'event',
  properties: {
    /** `kind/id` */
    actor: p.text().collation('C').primary(),
    seq: p.integer().primary(),
    type: p.text(),
    version: p.integer(),
    data: p.json<Json>(),
    /** Cluster time, ms. */
    at: p.bigint('number'),
    incarnation: p.bigint('number'),
  },
})

export const ActorEntity = defineEntity({
  name: 'Actor',
  tableName: 'actor',
  indexes: [
    { name: 'actor_awake', properties: ['shard'], where: 'awake' },
    { name: 'actor_finished', properties: ['finishedAt'], where: 'finished_at is not null' },
  ],
  properties: {
    actor: p.text().collation('C').primary(),
    kind: p.text(),
    shard: p.smallint(),
    /** Of its newest event when this row last changed: appends that change nothing else do not touch it. */
    seq: p.integer(),
    /** It has work: whoever takes over its shard loads it at once. */
    awake: p.boolean(),
    /** Since when nothing will ever happen to it again; retention deletes it later. */
    finishedAt: p.bigint('number').nullable(),
    /** Its row in the views, `table/id`. */
    view: p.text().collation('C').nullable(),
    updated: p.bigint('number'),
  },
})

export const SnapshotEntity = defineEntity({
  name: 'Snapshot',
  tableName: 'snapshot',
  properties: {
    actor: p.text().collation('C').primary(),
    seq: p.integer(),
    version: p.integer(),
    state: p.json<Json>(),
  },
})
