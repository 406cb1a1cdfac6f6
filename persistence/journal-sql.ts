/**
 * The one statement behind every batch of the journal. Its first part is the fence: it locks this conductor's own row and yields
 * it only while the conductor is a member. Every other part reads from the fence, so without it nothing is written; and because
 * it is one statement, a process that freezes leaves no transaction open behind it.
 *
 * An actor's own row is touched only when it would change (awake, finished, shard, view): most appends only add an event, and the
 * update would cost as much as everything else together.
 *
 * The number of parameters never depends on the batch: events come as arrays, with all their data as one JSON text, which is parsed
 * in half the time of an array of JSON texts; the other tables get their rows as one JSON text each.
 */
import type { ViewTable } from '../actors/kernel/define.ts'
import type { EncodedAppend } from './encode.ts'
import { VIEW_COLUMNS, VIEW_TABLES } from './view-tables.ts'

const upsertView = (table: ViewTable, parameter: number): string => {
  const columns = [...VIEW_COLUMNS[table], { name: 'body', type: 'jsonb' }]
  const names = columns.map(c => c.name).join(', ')
  return `v_${table} as (
  insert into ${table} (id, ${names})
  select id, ${names} from fence, json_to_recordset($${parameter}::json) as r (id text, ${columns.map(c => `${c.name} ${c.type}`).join(', ')})
  on conflict (id) do update set ${columns.map(c => `${c.name} = excluded.${c.name}`).join(', ')})`
}

export const APPEND_SQL = `with fence as materialized (
  select incarnation, floor(extract(epoch from baton_now()) * 1000)::bigint as now
  from conductor where incarnation = $1::bigint and state in ('alive', 'draining') for share),
e as (
  insert into event (actor, seq, type, version, data, at, incarnation)
  select actor, seq, type, version, data, at, incarnation from fence, rows from (
    unnest($2::text[]), unnest($3::int[]), unnest($4::text[]), unnest($5::int[]), jsonb_array_elements($6::jsonb), unnest($7::bigint[])
  ) as r (actor, seq, type, version, data, at)),
a as (
  insert into actor as old (actor, kind, shard, seq, awake, finished_at, view, updated)
  select actor, kind, shard, seq, awake, case when finished then now end, view, now from fence,
    json_to_recordset($8::json) as r (actor text, kind text, shard smallint, seq int, awake boolean, finished boolean, view text)
  where not exists (
    select from actor known where known.actor = r.actor and known.shard = r.shard and known.awake = r.awake
      and (known.finished_at is not null) = r.finished and (r.view is null or known.view = r.view))
  on conflict (actor) do update set
    shard = excluded.shard, seq = greatest(old.seq, excluded.seq), awake = excluded.awake, view = coalesce(excluded.view, old.view),
    finished_at = case when excluded.finished_at is not null then coalesce(old.finished_at, excluded.finished_at) end, updated = excluded.updated),
s as (
  insert into snapshot (actor, seq, version, state)
  select actor, seq, version, coalesce(state, 'null') from fence, json_to_recordset($9::json) as r (actor text, seq int, version int, state jsonb)
  on conflict (actor) do update set seq = excluded.seq, version = excluded.version, state = excluded.state),
${VIEW_TABLES.map((table, i) => upsertView(table, 10 + i)).join(',\n')}
select count(*)::int as fence from fence`

const text = JSON.stringify
const list = (rows: Iterable<string>): string => `[${[...rows].join(',')}]`

/** The parameters of `APPEND_SQL` after the incarnation. A row that appears twice in a batch is written once, as it was last. */
export function appendParameters(batch: readonly EncodedAppend[]): unknown[] {
  const events = batch.flatMap(entry => entry.events)
  const eventActors = batch.flatMap(entry => entry.events.map(() => entry.actor))
  const actors = new Map<string, EncodedAppend & { readonly lastRow: EncodedAppend['row'] }>()
  const snapshots = new Map<string, string>()
  const views = Object.fromEntries(VIEW_TABLES.map(table => [table, new Map<string, string>()]))
  for (const entry of batch) {
    const actor = text(entry.actor)
    const before = actors.get(entry.actor)
    actors.set(entry.actor, { ...entry, seq: Math.max(entry.seq, before?.seq ?? 0), lastRow: entry.row ?? before?.lastRow ?? null })
    const { snapshot, row } = entry
    if (snapshot) snapshots.set(entry.actor, `{"actor":${actor},"seq":${snapshot.seq},"version":${snapshot.version},"state":${snapshot.state}}`)
    if (row) views[row.table]?.set(row.id, `{"id":${text(row.id)},"body":${row.body},${text(row.columns).slice(1)}`)
  }
  const actorRows = [...actors.values()].map(
    a =>
      `{"actor":${text(a.actor)},"kind":${text(a.kind)},"shard":${a.shard},"seq":${a.seq},"awake":${a.awake},"finished":${a.finished},` +
      `"view":${a.lastRow ? text(`${a.lastRow.table}/${a.lastRow.id}`) : 'null'}}`,
  )
  return [
    eventActors,
    events.map(e => e.seq),
    events.map(e => e.type),
    events.map(e => e.version),
    list(events.map(e => e.data)),
    events.map(e => e.at),
    list(actorRows),
    list(snapshots.values()),
    ...VIEW_TABLES.map(table => list(views[table]?.values() ?? [])),
  ]
}

/** Which of these events exist, and who wrote them: $1 actors, $2 sequences. */
export const LOOK_UP_SQL = `select e.actor, e.seq, e.incarnation::float8 as incarnation
from unnest($1::text[], $2::int[]) as w (actor, seq) join event e using (actor, seq)`

/** Each actor's snapshot and the events after it, one row per actor in the order asked: $1 actors. */
export const LOAD_SQL = `select w.actor, s.seq, s.version, s.state,
  (select json_agg(json_build_object('seq', e.seq, 'type', e.type, 'version', e.version, 'data', e.data, 'at', e.at) order by e.seq)
   from event e where e.actor = w.actor and e.seq > coalesce(s.seq, 0)) as events
from unnest($1::text[]) with ordinality as w (actor, n) left join snapshot s on s.actor = w.actor
order by w.n`

export const AWAKE_SQL = 'select actor from actor where awake and shard = any ($1::smallint[])'
