/** The view of agents outside of guests. By `door` they are found whose gateway has gone. */
import { Migration } from '@mikro-orm/migrations'

const TABLES = `
create table agent (
  id text collate "C" primary key,
  name text not null,
  project text not null,
  key text not null,
  door text not null,
  agent text not null,
  status text not null,
  deleted boolean not null,
  created_at bigint not null,
  updated_at bigint not null,
  body jsonb not null
);
create index agent_created on agent (created_at, id) where not deleted;
create index agent_project on agent (project, created_at, id) where not deleted;
create index agent_key on agent (key) where not deleted;
create index agent_door on agent (door);
create index agent_unknown on agent (id) where agent = 'unknown' and not deleted;
`

export class Migration0009 extends Migration {
  override name = '0009-agents'

  override up(): void {
    this.addSql(TABLES)
  }
}
