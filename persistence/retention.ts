/**
 * Keeps the database from growing for ever: deletes actors finished long ago with all that is theirs, events that a snapshot
 * supersedes, and conductors of the past. Each slice is one short statement, so commits never wait long behind it.
 */
import type pg from 'pg'
import { type Connector, overHosts } from './hosts.ts'
import { VIEW_TABLES } from './view-tables.ts'

export interface Trimmed {
  readonly actors: number
  readonly events: number
}

/** Actors looked at per statement. */
const SLICE = 500

const deleteView = (table: string): string =>
  `${table}_gone as (delete from ${table} where id in (select substr(view, ${table.length + 2}) from old where view like '${table}/%'))`

/** $1 ms of age, $2 slice. Two conductors at it at once take different actors. */
const FINISHED_SQL = `with old as materialized (
  select actor, view from actor where finished_at < floor(extract(epoch from baton_now()) * 1000) - $1::bigint
  order by finished_at limit $2 for update skip locked),
gone as (delete from actor where actor in (select actor from old)),
snapshots as (delete from snapshot where actor in (select actor from old)),
${VIEW_TABLES.map(deleteView).join(',\n')},
events as (delete from event where actor in (select actor from old) returning 1)
select (select count(*) from old)::int as actors, (select count(*) from events)::int as events`

/** $1 ms of age, $2 slice, $3 the last actor of the slice before. */
const SUPERSEDED_SQL = `with slice as materialized (select actor, seq from snapshot where actor > $3 order by actor limit $2),
events as (delete from event e using slice s where e.actor = s.actor and e.seq <= s.seq
  and e.at < floor(extract(epoch from baton_now()) * 1000) - $1::bigint returning 1)
select (select count(*) from slice)::int as actors, (select count(*) from events)::int as events, (select max(actor) from slice) as last`

const CONDUCTORS_SQL = `delete from conductor c where not baton_lives(state) and lease_until < baton_now() - $1::bigint * interval '1 ms'
  and not exists (select from shard where owner = c.incarnation)`

/** Deletes what is older than `finishedForMs`; answers with how much. */
export async function trim(connector: Connector, pool: pg.Pool, finishedForMs: number): Promise<Trimmed> {
  const ageMs = Math.round(finishedForMs)
  const run = async (text: string, values: unknown[]) => {
    const { rows } = await overHosts(connector.target, () => pool.query<Trimmed & { last: string | null }>(text, values), 'reads')
    return rows[0] ?? { actors: 0, events: 0, last: null }
  }
  let actors = 0
  let events = 0
  for (;;) {
    const slice = await run(FINISHED_SQL, [ageMs, SLICE])
    actors += slice.actors
    events += slice.events
    if (slice.actors < SLICE) break
  }
  for (let last: string | null = ''; last !== null; ) {
    const slice = await run(SUPERSEDED_SQL, [ageMs, SLICE, last])
    events += slice.events
    last = slice.actors < SLICE ? null : slice.last
  }
  await run(CONDUCTORS_SQL, [ageMs])
  return { actors, events }
}
