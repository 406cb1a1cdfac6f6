/** MikroORM over our entities: for migrations and, through its Kysely, for the views. It has a small pool of its own. */
import { Migrator } from '@mikro-orm/migrations'
import { MikroORM } from '@mikro-orm/postgresql'
import { ENTITIES } from './entities/index.ts'
import type { Connector } from './hosts.ts'
import { MIGRATIONS } from './migrations/index.ts'

export type Orm = Awaited<ReturnType<typeof openOrm>>

/** The table in which migrations are remembered. */
export const MIGRATION_TABLE = 'schema_migration'

/** Connects lazily: nothing is sent before the first query. */
export function openOrm({ Client, config, target }: Connector, maxConnections: number) {
  return MikroORM.init({
    entities: ENTITIES,
    extensions: [Migrator],
    dbName: target.database,
    pool: { min: 0, max: maxConnections },
    driverOptions: { ...config, Client },
    migrations: { migrationsList: [...MIGRATIONS], tableName: MIGRATION_TABLE, snapshot: false, silent: true, disableForeignKeys: false },
    logger: () => {},
  })
}
