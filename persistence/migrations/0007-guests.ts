/** The view of agents in guests. */
import { Migration } from '@mikro-orm/migrations'

const TABLES = `
create table guest (
  id text collate "C" primary key,
  project text not null,
  host text not null,
  agent text not null,
  status text not null,
  deleted boolean not null,
  created_at bigint not null,
  updated_at bigint not null,
  body jsonb not null
);
create index guest_created on guest (created_at, id) where not deleted;
create index guest_project on guest (project, created_at, id) where not deleted;
create index guest_unknown on guest (id) where agent = 'unknown' and not deleted;
`

export class Migration0007 extends Migration {
  override name = '0007-guests'

  override up(): void {
    this.addSql(TABLES)
  }
}
