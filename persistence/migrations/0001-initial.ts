/**
 * The first schema. Three parts: what actors remember (event, actor, snapshot), what lists read (instance, operation, host,
 * flavor), and who is alive and owns what (conductor, shard, shard_map), with the functions that alone change the last.
 *
 * Hot tables leave room on their pages (fillfactor) so that an update stays on its page and touches no index, and are vacuumed
 * by absolute numbers, because a fifth of a big table is too late. Ids and names compare by bytes (`collate "C"`) on any server.
 */
import { Migration } from '@mikro-orm/migrations'

const TABLES = `
create table event (
  actor text collate "C" not null,
  seq int not null,
  type text not null,
  version int not null,
  data jsonb not null,
  at bigint not null,
  incarnation bigint not null,
  primary key (actor, seq)
) with (
  autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 200000,
  autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000
);

create table actor (
  actor text collate "C" primary key,
  kind text not null,
  shard smallint not null,
  seq int not null,
  awake boolean not null,
  finished_at bigint null,
  view text collate "C" null,
  updated bigint not null
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000);
create index actor_awake on actor (shard) where awake;
create index actor_finished on actor (finished_at) where finished_at is not null;

create table snapshot (
  actor text collate "C" primary key,
  seq int not null,
  version int not null,
  state jsonb not null
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000);

create table instance (
  id text collate "C" primary key,
  name text not null,
  project text not null,
  vm_state text not null,
  task_state text null,
  host text null,
  reservation text null,
  deleted boolean not null,
  created_at bigint not null,
  updated_at bigint not null,
  body jsonb not null
) with (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000);
create index instance_created on instance (created_at, id);
create index instance_live on instance (created_at, id) where not deleted;
create index instance_host on instance (host) where host is not null;
create index instance_reservation on instance (reservation) where reservation is not null;

create table operation (
  id text collate "C" primary key,
  kind text not null,
  subject text not null,
  status text not null,
  open boolean not null,
  request_id text null,
  ended_at bigint null,
  created_at bigint not null,
  updated_at bigint not null,
  body jsonb not null
) with (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000);
create index operation_created on operation (created_at, id);
create index operation_subject on operation (subject);
create index operation_request on operation (request_id) where request_id is not null;
create index operation_open on operation (created_at, id) where open;

create table host (
  id text collate "C" primary key,
  state text not null,
  enabled boolean not null,
  created_at bigint not null,
  updated_at bigint not null,
  body jsonb not null
) with (fillfactor = 50);

create table flavor (
  id text collate "C" primary key,
  name text not null,
  deleted boolean not null,
  created_at bigint not null,
  updated_at bigint not null,
  body jsonb not null
);

create table conductor (
  incarnation bigserial primary key,
  node_id text not null,
  endpoint text not null,
  state text not null constraint conductor_state_check check (state in ('alive', 'draining', 'left', 'dead')),
  pid int not null,
  version text not null,
  host text not null,
  joined_at timestamptz not null,
  lease_until timestamptz not null,
  lease_ms int not null,
  renewed_at timestamptz not null,
  steady_since timestamptz not null,
  load jsonb not null
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

create table shard (
  id smallint primary key,
  owner bigint null
) with (fillfactor = 50);
insert into shard select generate_series(0, 255);

create table shard_map (
  id smallint primary key constraint shard_map_id_check check (id = 1),
  version bigint not null
) with (fillfactor = 50);
insert into shard_map values (1, 1);
`

/**
 * Membership. Whatever changes a member's state or an owner first locks the one row of shard_map, so such changes happen one
 * after the other and the version grows with each; renewals do not. Times are clock_timestamp(): a function may have waited for
 * a lock, and the start of its transaction would be an old now.
 *
 * Leases and outages: while nobody can renew, all leases run out, and that says nothing about who is alive. So an observer may
 * call a lease expired only after it has itself renewed without a gap for a whole term, in one life of the server
 * (steady_since). A restart of the server, a fail-over, or a cut network starts that term again, for every observer.
 */
const FUNCTIONS = `
create function baton_ms(t timestamptz) returns float8 language sql immutable
  return floor(extract(epoch from t) * 1000)::float8;

create function baton_lives(s text) returns boolean language sql immutable
  return s in ('alive', 'draining');

create function baton_state(p_me bigint) returns json language sql volatile as $$
  select json_build_object(
    'alive', coalesce((select baton_lives(state) from conductor where incarnation = p_me), false),
    'now', baton_ms(clock_timestamp()),
    'version', (select version from shard_map),
    'owners', (select json_agg(coalesce(owner, 0) order by id) from shard),
    'members', coalesce((
      select json_agg(json_build_object(
        'incarnation', incarnation, 'nodeId', node_id, 'endpoint', endpoint, 'state', state, 'pid', pid, 'version', version,
        'host', host, 'joinedAt', baton_ms(joined_at), 'leaseUntil', baton_ms(lease_until), 'load', load) order by incarnation)
      from conductor c
      where baton_lives(state) or exists (select from shard where owner = c.incarnation)), '[]'))
$$;

create function baton_lock() returns void language sql volatile as $$
  select from shard_map for update
$$;

create function baton_changed() returns void language sql volatile as $$
  update shard_map set version = version + 1
$$;

-- A node that joins again has ended its earlier life, whether or not anybody noticed.
create function baton_join(p_node text, p_endpoint text, p_pid int, p_version text, p_host text, p_lease_ms int) returns json language plpgsql as $$
declare
  me bigint;
  at timestamptz;
begin
  perform baton_lock();
  update conductor set state = 'dead' where node_id = p_node and baton_lives(state);
  at := clock_timestamp();
  insert into conductor (node_id, endpoint, state, pid, version, host, joined_at, lease_until, lease_ms, renewed_at, steady_since, load)
    values (p_node, p_endpoint, 'alive', p_pid, p_version, p_host, at, at + p_lease_ms * interval '1 ms', p_lease_ms, at, at, '{}')
    returning incarnation into me;
  perform baton_changed();
  return json_build_object('incarnation', me, 'state', baton_state(me));
end $$;

create function baton_renew(p_me bigint, p_lease_ms int, p_load jsonb) returns json language plpgsql as $$
declare
  at timestamptz := clock_timestamp();
begin
  update conductor set
    lease_until = at + p_lease_ms * interval '1 ms', lease_ms = p_lease_ms, renewed_at = at, load = p_load,
    steady_since = case
      when renewed_at < pg_postmaster_start_time() or at - renewed_at > p_lease_ms * interval '0.5 ms' or renewed_at > at then at
      else steady_since end
  where incarnation = p_me and baton_lives(state);
  return baton_state(p_me);
end $$;

create function baton_declare_dead(p_by bigint, p_victim bigint, p_only_if_expired boolean) returns boolean language plpgsql as $$
declare
  observer conductor;
  victim conductor;
  at timestamptz;
  term interval;
begin
  perform baton_lock();
  select * into observer from conductor where incarnation = p_by;
  select * into victim from conductor where incarnation = p_victim;
  if observer.incarnation is null or victim.incarnation is null or not baton_lives(observer.state) then return false; end if;
  if not baton_lives(victim.state) then return true; end if;
  at := clock_timestamp();
  term := greatest(observer.lease_ms, victim.lease_ms) * interval '1 ms';
  if p_only_if_expired and not (
    observer.renewed_at >= pg_postmaster_start_time()
    and at - observer.renewed_at <= observer.lease_ms * interval '0.5 ms'
    and observer.steady_since + term <= at) then return false; end if;
  -- The lease is judged in the update itself: a renewal that slips in between is seen.
  update conductor set state = 'dead' where incarnation = p_victim and baton_lives(state) and (not p_only_if_expired or lease_until < at);
  if not found then return false; end if;
  perform baton_changed();
  return true;
end $$;

create function baton_claim(p_by bigint, p_shards smallint[]) returns json language plpgsql as $$
begin
  perform baton_lock();
  update shard s set owner = p_by
    where s.id = any (p_shards)
      and exists (select from conductor where incarnation = p_by and state = 'alive')
      and not exists (select from conductor where incarnation = s.owner and baton_lives(state));
  if found then perform baton_changed(); end if;
  return baton_state(p_by);
end $$;

create function baton_release(p_by bigint, p_shards smallint[], p_to bigint) returns json language plpgsql as $$
begin
  perform baton_lock();
  update shard s set owner = (select incarnation from conductor where incarnation = p_to and state = 'alive')
    where s.id = any (p_shards) and s.owner = p_by and p_to is distinct from p_by
      and exists (select from conductor where incarnation = p_by and baton_lives(state));
  if found then perform baton_changed(); end if;
  return baton_state(p_by);
end $$;

create function baton_set_state(p_me bigint, p_state text) returns boolean language plpgsql as $$
declare
  before text;
begin
  perform baton_lock();
  select state into before from conductor where incarnation = p_me;
  if before is null or not baton_lives(before) then return false; end if;
  if before = p_state then return true; end if;
  update conductor set state = p_state where incarnation = p_me and baton_lives(state);
  if not found then return false; end if;
  if p_state = 'left' then update shard set owner = null where owner = p_me; end if;
  perform baton_changed();
  return true;
end $$;
`

export class Migration0001 extends Migration {
  override name = '0001-initial'

  override up(): void {
    this.addSql(TABLES)
    this.addSql(FUNCTIONS)
  }
}
