/**
 * The journal's own connection: opened when needed, thrown away at the first sign of trouble. Before a new one is used, the
 * session of the old one is ended on the server, so that a batch thought lost cannot commit behind the back of its repetition.
 */
import type pg from 'pg'
import type { Incarnation } from '../actors/kernel/ports.ts'
import type { EncodedAppend } from './encode.ts'
import { ConnectFailed, type Connector, isAway } from './hosts.ts'
import { APPEND_SQL, appendParameters, LOOK_UP_SQL } from './journal-sql.ts'

/** A batch takes milliseconds; one that takes this long sits on a server that hangs. The server gives up first. */
const SERVER_TIMEOUT_MS = 8_000
const CLIENT_TIMEOUT_MS = 10_000
const END_SESSION_MS = 5_000

/**
 * One plan for all batches: making a new one costs more than running it. It looks up by key, whatever the size of the tables was
 * when it was made; so scans and the joins that need them are off. `transaction_timeout` (PostgreSQL 17 and later) ends
 * what a process frozen half-way through sending could otherwise hold: the fence row.
 */
const SESSION_SQL = `select set_config('plan_cache_mode', 'force_generic_plan', false), set_config('enable_seqscan', 'off', false),
  set_config('enable_hashjoin', 'off', false), set_config('enable_mergejoin', 'off', false),
  set_config('statement_timeout', '${SERVER_TIMEOUT_MS}', false),
  set_config('idle_in_transaction_session_timeout', '${SERVER_TIMEOUT_MS}', false),
  case when current_setting('server_version_num')::int >= 170000
    then set_config('transaction_timeout', '${SERVER_TIMEOUT_MS}', false) end,
  pg_backend_pid() as pid, (select backend_start::text from pg_stat_activity where pid = pg_backend_pid()) as started`

const END_SESSION_SQL = `select pg_terminate_backend(pid, ${END_SESSION_MS}) as ended
from pg_stat_activity where pid = $1 and backend_start = $2::timestamptz`

interface Session {
  readonly pid: number
  readonly started: string | null
}

export interface JournalConnection {
  /** Resolves when there is a connection; rejects when no host takes one. */
  open(): Promise<void>
  /** True when committed, false when fenced. Calls `onSent` just before the statement leaves: from then on its outcome may be unknown. */
  write(entries: readonly EncodedAppend[], onSent: () => void): Promise<boolean>
  /** Whether a batch sent before had committed. A batch is one transaction, so any of its events speaks for all. */
  wasCommitted(entries: readonly EncodedAppend[]): Promise<boolean>
  close(): Promise<void>
}

/** `onLost` is told when a connection in use or idle ends without our doing. */
export function createJournalConnection(connector: Connector, incarnation: Incarnation, onLost: () => void): JournalConnection {
  let client: pg.Client | null = null
  let opening: Promise<pg.Client> | null = null
  let session: Session | null = null

  async function openOnce(): Promise<pg.Client> {
    const opened = new connector.Client({ query_timeout: CLIENT_TIMEOUT_MS })
    await opened.connect()
    try {
      const { rows } = await opened.query<Session>(SESSION_SQL)
      if (session) await endSession(opened, session)
      session = rows[0] ?? null
    } catch (error) {
      opened.end().catch(() => {})
      throw error
    }
    opened.once('end', () => {
      if (client !== opened) return
      client = null
      onLost()
    })
    return opened
  }

  /** No rows: it had ended by itself, or this is another server. */
  async function endSession(opened: pg.Client, { pid, started }: Session): Promise<void> {
    const { rows } = await opened.query<{ ended: boolean }>(END_SESSION_SQL, [pid, started])
    if (rows.some(row => !row.ended)) throw new ConnectFailed(opened.host, new Error(`the earlier session ${pid} does not end`))
  }

  /** Every host is tried once. */
  async function openAny(): Promise<pg.Client> {
    for (let tries = 1; ; tries++) {
      try {
        return await openOnce()
      } catch (error) {
        if (!(error instanceof ConnectFailed) || tries >= connector.target.hosts.length) throw error
      }
    }
  }

  /** The connection, made if need be: once, however many ask. */
  async function connected(): Promise<pg.Client> {
    if (client) return client
    opening ??= openAny().finally(() => {
      opening = null
    })
    client = await opening
    return client
  }

  async function query<R extends pg.QueryResultRow>(name: string, text: string, values: unknown[], onSent: () => void): Promise<R[]> {
    const used = await connected()
    onSent()
    try {
      return (await used.query<R>({ name, text, values })).rows
    } catch (error) {
      if (isAway(error)) {
        if (client === used) client = null
        used.end().catch(() => {})
      }
      throw error
    }
  }

  return {
    open: async () => void (await connected()),

    async write(entries, onSent) {
      const rows = await query<{ fence: number }>('append', APPEND_SQL, [incarnation, ...appendParameters(entries)], onSent)
      return rows[0]?.fence === 1
    },

    async wasCommitted(entries) {
      const witness = entries.find(entry => entry.seq > 0)
      // Without events a batch only replaces rows: it may be sent twice.
      if (!witness) return false
      const rows = await query<{ incarnation: number }>('look-up', LOOK_UP_SQL, [[witness.actor], [witness.seq]], () => {})
      return rows.some(row => row.incarnation === incarnation)
    },

    async close() {
      await opening?.catch(() => {})
      const closing = client
      client = null
      await closing?.end()
    },
  }
}
