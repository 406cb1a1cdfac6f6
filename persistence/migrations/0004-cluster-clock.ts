/**
 * Cluster time is the database's clock and a difference that one row keeps; see `clock-rules.ts`, which the function
 * `baton_look` repeats. All times in `conductor` are cluster time from here on, and whether the server has been restarted is
 * told by comparing its start with the one that was seen, not by asking which came first.
 */
import { Migration } from '@mikro-orm/migrations'
import { TOLERANCE_MS } from '../clock-rules.ts'

const TABLES = `
create table cluster_clock (
  id smallint primary key constraint cluster_clock_id_check check (id = 1),
  offset_ms bigint not null,
  latest_ms bigint not null,
  seen_ms bigint not null
) with (fillfactor = 50);
insert into cluster_clock values (1, 0, 0, 0);
alter table conductor add column server timestamptz not null default 'epoch';
alter table conductor alter column server drop default;
alter table conductor add column boot text not null default '', add column uptime_ms bigint not null default 0;
alter table conductor alter column boot drop default, alter column uptime_ms drop default;
`

const FUNCTIONS = `
create function baton_database_ms() returns bigint language sql volatile
  return floor(extract(epoch from clock_timestamp()) * 1000)::bigint;

-- Cluster time as of the latest look, carried on by the database's clock.
create function baton_now() returns timestamptz language sql volatile as $$
  select clock_timestamp() + offset_ms * interval '1 ms' from cluster_clock
$$;

create function baton_is_strange(p_seen bigint, p_database bigint) returns boolean language sql immutable
  return p_seen > 0 and (p_database > p_seen + ${TOLERANCE_MS} or p_database < p_seen - ${TOLERANCE_MS});

create function baton_look(p_believed bigint) returns timestamptz language plpgsql as $$
declare
  clock cluster_clock;
  db bigint;
  now_ms bigint;
  most bigint;
begin
  select * into clock from cluster_clock for update;
  db := baton_database_ms();
  now_ms := db + clock.offset_ms;
  if p_believed is null then
    now_ms := greatest(now_ms, clock.latest_ms);
  elsif p_believed > now_ms + ${TOLERANCE_MS} then
    now_ms := p_believed;
  elsif p_believed < now_ms - ${TOLERANCE_MS} and baton_is_strange(clock.seen_ms, db) then
    now_ms := greatest(p_believed, clock.latest_ms);
  else
    most := greatest(0, least(db - clock.seen_ms, 60000)) / 200;
    now_ms := now_ms - greatest(-most, least(most, clock.offset_ms));
  end if;
  update cluster_clock set offset_ms = now_ms - db, latest_ms = greatest(latest_ms, now_ms), seen_ms = db;
  return baton_now();
end $$;

create or replace function baton_state(p_me bigint) returns json language sql volatile as $$
  select json_build_object(
    'alive', coalesce((select baton_lives(state) from conductor where incarnation = p_me), false),
    'now', baton_ms(baton_now()),
    'version', (select version from shard_map),
    'owners', (select json_agg(coalesce(owner, 0) order by id) from shard),
    'members', coalesce((
      select json_agg(json_build_object(
        'incarnation', incarnation, 'nodeId', node_id, 'endpoint', endpoint, 'state', state, 'pid', pid, 'version', version,
        'host', host, 'joinedAt', baton_ms(joined_at), 'leaseUntil', baton_ms(lease_until), 'load', load) order by incarnation)
      from conductor c
      where baton_lives(state) or exists (select from shard where owner = c.incarnation)), '[]'))
$$;

drop function baton_join(text, text, int, text, text, int);
-- Whoever starts where another ran knows from the machine how much time has passed. While the clock looks strange, one that does not
-- know waits for others that count as alive: nothing is answered but for how long that makes sense.
create function baton_join(p_node text, p_endpoint text, p_pid int, p_version text, p_host text, p_lease_ms int, p_boot text, p_uptime bigint,
  p_sure boolean) returns json language plpgsql as $$
declare
  me bigint;
  at timestamptz;
  term int;
  believed bigint;
begin
  perform baton_lock();
  -- In the order in which a renewal takes its locks.
  perform from cluster_clock for update;
  update conductor set state = 'dead' where node_id = p_node and baton_lives(state);
  if found then perform baton_changed(); end if;
  select max(lease_ms) into term from conductor where baton_lives(state);
  select max(baton_ms(renewed_at)::bigint + p_uptime - uptime_ms) into believed from conductor where boot = p_boot and uptime_ms <= p_uptime;
  if believed is null and term is not null and not p_sure and baton_is_strange((select seen_ms from cluster_clock), baton_database_ms()) then
    return json_build_object('waitMs', term);
  end if;
  at := baton_look(believed);
  insert into conductor (node_id, endpoint, state, pid, version, host, joined_at, lease_until, lease_ms, renewed_at, steady_since, load, server, boot,
      uptime_ms)
    values (p_node, p_endpoint, 'alive', p_pid, p_version, p_host, at, at + p_lease_ms * interval '1 ms', p_lease_ms, at, at, '{}',
      pg_postmaster_start_time(), p_boot, p_uptime)
    returning incarnation into me;
  perform baton_changed();
  return json_build_object('incarnation', me, 'state', baton_state(me));
end $$;

drop function baton_renew(bigint, int, jsonb);
create function baton_renew(p_me bigint, p_lease_ms int, p_load jsonb, p_believed bigint, p_boot text, p_uptime bigint)
  returns json language plpgsql as $$
declare
  at timestamptz := baton_look(p_believed);
begin
  update conductor set
    lease_until = at + p_lease_ms * interval '1 ms', lease_ms = p_lease_ms, renewed_at = at, load = p_load,
    server = pg_postmaster_start_time(), boot = coalesce(p_boot, boot), uptime_ms = coalesce(p_uptime, uptime_ms),
    steady_since = case
      when server <> pg_postmaster_start_time() or at - renewed_at > p_lease_ms * interval '0.5 ms' or renewed_at > at then at
      else steady_since end
  where incarnation = p_me and baton_lives(state);
  return baton_state(p_me);
end $$;

create or replace function baton_declare_dead(p_by bigint, p_victim bigint, p_only_if_expired boolean) returns boolean language plpgsql as $$
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
  at := baton_now();
  term := greatest(observer.lease_ms, victim.lease_ms) * interval '1 ms';
  if p_only_if_expired and not (
    observer.server = pg_postmaster_start_time()
    and at - observer.renewed_at between interval '0' and observer.lease_ms * interval '0.5 ms'
    and observer.steady_since + term <= at) then return false; end if;
  -- The lease is judged in the update itself: a renewal that slips in between is seen.
  update conductor set state = 'dead' where incarnation = p_victim and baton_lives(state) and (not p_only_if_expired or lease_until < at);
  if not found then return false; end if;
  perform baton_changed();
  return true;
end $$;
`

export class Migration0004 extends Migration {
  override name = '0004-cluster-clock'

  override up(): void {
    this.addSql(TABLES)
    this.addSql(FUNCTIONS)
  }
}
