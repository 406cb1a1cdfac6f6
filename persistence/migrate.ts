/**
 * Brings the schema up to this Baton's, under an advisory lock: several conductors may start at once on an empty database, and
 * one migrates while the others wait. A database that knows migrations this Baton does not is newer, and is left alone.
 */
import { BatonError } from '../actors/kernel/errors.ts'
import { type Connector, databaseError, overHosts } from './hosts.ts'
import { MIGRATIONS } from './migrations/index.ts'
import { MIGRATION_TABLE, type Orm } from './orm.ts'

/** Any number will do, as long as every Baton uses the same. */
const LOCK_KEY = 0x42_41_54_4f
const LOCK_WAIT_MS = 60_000

/** Resolves with the names of the migrations applied now. Throws `DataFolder` when the database is of a newer Baton. */
export async function migrate(connector: Connector, orm: Orm): Promise<string[]> {
  const connect = async () => {
    const client = new connector.Client()
    await client.connect()
    return client
  }
  const client = await overHosts(connector.target, connect, 'once')
  try {
    await client.query(`set lock_timeout = ${LOCK_WAIT_MS}`)
    await client.query('select pg_advisory_lock($1)', [LOCK_KEY])
    const { rows: tables } = await client.query<{ known: string | null }>('select to_regclass($1)::text as known', [MIGRATION_TABLE])
    if (tables[0]?.known) {
      const { rows } = await client.query<{ name: string }>(`select name from ${MIGRATION_TABLE} order by id`)
      const applied = rows.map(row => row.name)
      refuseNewer(applied)
      if (MIGRATIONS.every(m => applied.includes(m.name))) return []
    }
    return (await orm.migrator.up()).map(m => m.name)
  } catch (error) {
    throw databaseError(error, connector.target)
  } finally {
    // Ending the session gives the lock back.
    await client.end().catch(() => {})
  }
}

export function refuseNewer(applied: readonly string[]): void {
  const unknown = applied.filter(name => !MIGRATIONS.some(m => m.name === name))
  if (unknown.length === 0) return
  throw new BatonError(
    'DataFolder',
    `the database was written by a newer Baton: this one does not know ${unknown.join(', ')}. Run that version, or give another --data or --database`,
  )
}
