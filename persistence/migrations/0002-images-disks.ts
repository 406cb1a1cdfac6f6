/** The views of images that were made here, and of disks; instances that are there already have no devices. */
import { Migration } from '@mikro-orm/migrations'

const TABLES = `
create table image (
  id text collate "C" primary key,
  name text not null,
  project text not null,
  status text not null,
  instance text null,
  backup_type text null,
  deleted boolean not null,
  created_at bigint not null,
  updated_at bigint not null,
  body jsonb not null
);
create index image_created on image (created_at, id) where not deleted;
create index image_instance on image (instance) where instance is not null and not deleted;

create table disk (
  id text collate "C" primary key,
  host text not null,
  instance text null,
  deleted boolean not null,
  created_at bigint not null,
  updated_at bigint not null,
  body jsonb not null
);
create index disk_created on disk (created_at, id) where not deleted;
create index disk_instance on disk (instance) where instance is not null;

update instance set body = body || '{"devices": {"disks": [], "interfaces": []}}'::jsonb where body -> 'devices' is null;
`

export class Migration0002 extends Migration {
  override name = '0002-images-disks'

  override up(): void {
    this.addSql(TABLES)
  }
}
