/** What lists of images are filtered and sorted by. Images that are there already are snapshots, private to their projects. */
import { Migration } from '@mikro-orm/migrations'

const COLUMNS = `
alter table image
  add column visibility text null,
  add column size bigint null,
  add column disk_format text null,
  add column container_format text null;

update image set
  visibility = 'private',
  size = (body ->> 'sizeBytes')::bigint,
  disk_format = 'raw',
  container_format = 'bare';

create index image_project on image (project, created_at, id) where not deleted;
create index image_visibility on image (visibility, created_at, id) where not deleted;
`

export class Migration0005 extends Migration {
  override name = '0005-image-service'

  override up(): void {
    this.addSql(COLUMNS)
  }
}
