/**
 * What people list at 100,000 instances: those of their project, newest first, and one by its name. Neither index has a column that changes
 * while an instance lives, but its name, so updates still touch no index.
 */
import { Migration } from '@mikro-orm/migrations'

const INDEXES = `
create index instance_project on instance (project, created_at, id) where not deleted;
create index instance_name on instance (name, created_at, id) where not deleted;
`

export class Migration0006 extends Migration {
  override name = '0006-instance-lists'

  override up(): void {
    this.addSql(INDEXES)
  }
}
