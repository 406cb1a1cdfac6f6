/** Views of server groups, and of all aggregates as one row. */
import { Migration } from '@mikro-orm/migrations'

const TABLES = `
create table server_group (
  id text collate "C" primary key,
  name text not null,
  project text not null,
  deleted boolean not null,
  created_at bigint not null,
  updated_at bigint not null,
  body jsonb not null
);

create table aggregates (
  id text collate "C" primary key,
  created_at bigint not null,
  updated_at bigint not null,
  body jsonb not null
);
`

export class Migration0003 extends Migration {
  override name = '0003-placement'

  override up(): void {
    this.addSql(TABLES)
  }
}
