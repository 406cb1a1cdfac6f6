/**
 * The audit log: a chain of lines, each with the hash of the one before. One statement appends a batch, under the lock of the one row that
 * says where the chain ends and where, after retention, it begins.
 */
import { Migration } from '@mikro-orm/migrations'

const TABLES = `
create table audit (
  seq bigint primary key,
  request_id text not null,
  at bigint not null,
  line text not null,
  hash text not null
);
create unique index audit_request on audit (request_id);

create table audit_chain (
  id smallint primary key constraint audit_chain_id_check check (id = 1),
  seq bigint not null,
  hash text not null,
  first_seq bigint not null,
  first_hash text not null
) with (fillfactor = 50);
insert into audit_chain values (1, 0, '', 0, '');
`

const FUNCTIONS = `
-- p_lines: an array of {id, line}. What is there already is left out, so a batch may be told again. The hash is that of hashedText.
create function baton_audit(p_lines json) returns integer language plpgsql as $$
declare
  chain audit_chain;
  entry record;
  now_ms bigint;
  added integer := 0;
begin
  select * into chain from audit_chain for update;
  now_ms := floor(extract(epoch from baton_now()) * 1000);
  for entry in select l.id, l.line from json_to_recordset(p_lines) as l (id text, line text) loop
    continue when exists (select from audit where request_id = entry.id);
    chain.seq := chain.seq + 1;
    chain.hash := encode(sha256(convert_to(
      chain.hash || E'\\n' || chain.seq || E'\\n' || now_ms || E'\\n' || entry.line, 'UTF8')), 'hex');
    insert into audit values (chain.seq, entry.id, now_ms, entry.line, chain.hash);
    added := added + 1;
  end loop;
  update audit_chain set seq = chain.seq, hash = chain.hash where added > 0;
  return added;
end $$;

-- Deletes up to p_limit lines older than p_age_ms from the beginning, and remembers the hash from which the chain goes on.
create function baton_audit_trim(p_age_ms bigint, p_limit integer) returns integer language plpgsql as $$
declare
  last audit;
  gone integer;
begin
  perform from audit_chain for update;
  select * into last from (
    select * from audit where at < floor(extract(epoch from baton_now()) * 1000) - p_age_ms order by seq limit p_limit
  ) old order by seq desc limit 1;
  if last.seq is null then return 0; end if;
  delete from audit where seq <= last.seq;
  get diagnostics gone = row_count;
  update audit_chain set first_seq = last.seq, first_hash = last.hash;
  return gone;
end $$;
`

export class Migration0008 extends Migration {
  override name = '0008-audit'

  override up(): void {
    this.addSql(TABLES)
    this.addSql(FUNCTIONS)
  }
}
