/**
 * The database as conductors use it: one `open` gives all ports. Each concern has connections of its own, so that none can
 * starve another: a list of ten thousand rows must never delay the renewal of a lease.
 *
 * @example
 * const database = await openDatabase('postgres://baton:pw@db1,db2/baton', { role: 'conductor-1' })
 * await database.migrate()
 * const { incarnation } = await database.membership.join(me)
 * const journal = database.journal(incarnation)
 */
import pg from 'pg'
import type { AuditLog } from '../actors/kernel/audit.ts'
import { BatonError } from '../actors/kernel/errors.ts'
import type { Incarnation, Membership, Views } from '../actors/kernel/ports.ts'
import { createAudit } from './audit.ts'
import { createConnector, overHosts, parseDatabaseUrl } from './hosts.ts'
import { createJournal, type JournalOptions, type PgJournal } from './journal.ts'
import { createMembership } from './membership.ts'
import { migrate } from './migrate.ts'
import { type Orm, openOrm } from './orm.ts'
import { type Trimmed, trim } from './retention.ts'
import { createViews } from './views.ts'

/** Together with the journal's one: 9 of a server's usual 100 per conductor. */
const POOL_SIZES = { work: 3, membership: 2, views: 3 } as const
const QUERY_TIMEOUT_MS = 10_000
/** Shorter than a lease: an answer that comes later than this is worth nothing. */
const MEMBERSHIP_TIMEOUT_MS = 3_000

export interface Database {
  /** The journal of one life of this conductor. */
  journal(incarnation: Incarnation, options?: Pick<JournalOptions, 'onConnection' | 'onFenced' | 'onCommit'>): PgJournal
  readonly membership: Membership
  readonly views: Views
  readonly audit: AuditLog
  /** Applies what is missing of the schema; safe when several do it at once. Throws `DataFolder` when the database is newer. */
  migrate(): Promise<string[]>
  /** Deletes what was finished, superseded or left more than `ms` ago. */
  trim(finishedForMs: number): Promise<Trimmed>
  /** Deletes the lines of the audit log that are older; answers with how many. */
  trimAudit(olderMs: number): Promise<number>
  /** Closes every connection, the journals' included; afterwards nothing keeps the process alive. */
  close(): Promise<void>
}

/**
 * Connects once to see that it works. Throws `ConfigInvalid` for a URL that cannot be read, and `Database` naming host, reason and
 * remedy when no host takes us. `role` is what an administrator sees in pg_stat_activity.
 */
export async function openDatabase(url: string, { role }: { readonly role: string }): Promise<Database> {
  const connector = createConnector(parseDatabaseUrl(url), `baton ${role}`)
  const { target } = connector
  const makePool = (max: number, queryTimeoutMs: number) => {
    const pool = new pg.Pool({ ...connector.config, connectionTimeoutMillis: 0, max, query_timeout: queryTimeoutMs, Client: connector.Client })
    // The pool has thrown the connection away by the time it says so, and the next query opens another.
    pool.on('error', () => {})
    return pool
  }
  const work = makePool(POOL_SIZES.work, QUERY_TIMEOUT_MS)
  const membershipPool = makePool(POOL_SIZES.membership, MEMBERSHIP_TIMEOUT_MS)
  const journals = new Set<PgJournal>()
  let orm: Promise<Orm> | null = null
  const ormOnce = () => (orm ??= openOrm(connector, POOL_SIZES.views))
  let closing: Promise<void> | null = null

  const closeAll = async () => {
    await Promise.all([...journals].map(journal => journal.close()))
    await Promise.all([work.end(), membershipPool.end(), orm?.then(open => open.close(true))])
  }

  try {
    await overHosts(target, () => work.query('select 1'), 'reads')
  } catch (error) {
    await closeAll()
    throw error
  }

  const audit = createAudit(connector, work)
  return {
    audit,
    trimAudit: audit.trim,
    journal(incarnation, options = {}) {
      if (closing) throw new BatonError('Unavailable', 'the database is closed')
      const journal = createJournal({ connector, pool: work, incarnation, ...options })
      journals.add(journal)
      return journal
    },
    membership: createMembership(connector, membershipPool),
    views: createViews(connector, ormOnce),
    migrate: async () => migrate(connector, await ormOnce()),
    trim: finishedForMs => trim(connector, work, finishedForMs),
    close: () => (closing ??= closeAll()),
  }
}
