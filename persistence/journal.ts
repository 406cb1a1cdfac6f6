/**
 * The journal on PostgreSQL: group commit on one connection of its own.
 *
 * While one batch is on its way the next gathers, so a busy node commits few and large batches and an idle one commits at once.
 * The writer is always in one of these modes:
 *
 *     idle      nothing waits
 *     sending   one batch is on its way
 *     away      the connection is lost; the batch is kept, and after reconnecting it is looked up before it is sent again
 *     splitting the database refused a batch because of its data; halves of it are tried until the guilty append stands alone
 *     fenced    this conductor was declared dead; everything is refused, for good
 *     closed    the node is stopping; what waits is refused
 */
import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import { addressKey, parseAddress } from '../actors/kernel/address.ts'
import type { Json } from '../actors/kernel/define.ts'
import { BatonError } from '../actors/kernel/errors.ts'
import type { Incarnation, Journal, StoredEvent } from '../actors/kernel/ports.ts'
import { type EncodedAppend, encodeAppend } from './encode.ts'
import { type Connector, codeOf, databaseError, isAway, overHosts } from './hosts.ts'
import { createJournalConnection } from './journal-connection.ts'
import { AWAKE_SQL, LOAD_SQL } from './journal-sql.ts'
import { createJournalMeter, type JournalStats } from './journal-stats.ts'
import { fencedError } from './rules.ts'

export const JOURNAL_LIMITS = {
  batchAppends: 500,
  batchBytes: 1024 * 1024,
  /** What may wait before `Overloaded`. */
  queueAppends: 20_000,
  queueBytes: 64 * 1024 * 1024,
  retryFirstMs: 50,
  retryMaxMs: 2_000,
} as const

export interface PgJournal extends Journal {
  stats(): JournalStats
  /** Refuses what waits, lets the batch on its way finish, and closes the connection. */
  close(): Promise<void>
}

interface Waiting {
  /** Null for whoever only asks whether this conductor is a member. */
  readonly entry: EncodedAppend | null
  readonly since: number
  readonly resolve: () => void
  readonly reject: (error: BatonError) => void
  /** It was sent once and its outcome never came back: before it may be refused as a duplicate, it must be looked up. */
  inDoubt: boolean
}

export interface JournalOptions {
  readonly connector: Connector
  /** For reading; the journal's own connection only writes. */
  readonly pool: pg.Pool
  readonly incarnation: Incarnation
  /** Told once per loss of the connection and once per return. */
  readonly onConnection?: (state: { readonly connected: boolean; readonly why: string }) => void
  /** Told when the fence refused a batch, with the number of its appends. */
  readonly onFenced?: (appends: number) => void
  /** Told how long each batch took, from taking it to knowing its outcome, ms; and the `traceparent` of one that waited for it. */
  readonly onCommit?: (ms: number, trace: string | undefined) => void
}

export function createJournal({ connector, pool, incarnation, onConnection = () => {}, onFenced = () => {}, onCommit }: JournalOptions): PgJournal {
  const connection = createJournalConnection(connector, incarnation, () => void revive())
  const meter = createJournalMeter()
  let queue: Waiting[] = []
  let queueBytes = 0
  let inFlight: readonly Waiting[] = []
  let pumping: Promise<void> | null = null
  let ended: BatonError | null = null
  const ending = new AbortController()
  let wasConnected = true

  const takeBatch = (): Waiting[] => {
    let bytes = 0
    let size = 0
    while (size < queue.length && size < JOURNAL_LIMITS.batchAppends) {
      const next = queue[size]?.entry?.bytes ?? 0
      if (size > 0 && bytes + next > JOURNAL_LIMITS.batchBytes) break
      bytes += next
      size++
    }
    queueBytes -= bytes
    return queue.splice(0, size)
  }

  const rejectAll = (waiting: readonly Waiting[], error: BatonError) => {
    for (const w of waiting) w.reject(error)
  }

  const end = (error: BatonError) => {
    ended ??= error
    const rest = queue
    queue = []
    queueBytes = 0
    rejectAll(rest, ended)
    ending.abort()
  }

  /** Waits before the next try, longer each time, or until the journal has ended. */
  const backOff = (attempt: number): Promise<void> => {
    const ceiling = Math.min(JOURNAL_LIMITS.retryMaxMs, JOURNAL_LIMITS.retryFirstMs * 2 ** Math.min(attempt, 10))
    return delay(ceiling * (0.5 + Math.random() / 2), undefined, { signal: ending.signal }).catch(() => {})
  }

  const noteConnection = (connected: boolean, why: string) => {
    if (connected === wasConnected) return
    wasConnected = connected
    if (connected) meter.reconnects++
    onConnection({ connected, why })
  }

  /** An idle journal reconnects by itself, so that what it says about the connection is true. A busy one does so with its batch. */
  async function revive(): Promise<void> {
    noteConnection(false, 'the connection ended')
    for (let attempt = 0; !pumping && !ended; attempt++) {
      try {
        await connection.open()
        return noteConnection(true, '')
      } catch (error) {
        noteConnection(false, databaseError(error, connector.target).message)
        await backOff(attempt)
      }
    }
  }

  /** Sends a batch until its outcome is known. True: committed. False: this conductor is fenced. Throws what the data caused, or `ended`. */
  async function commit(batch: readonly Waiting[]): Promise<boolean> {
    for (let attempt = 0; ; attempt++) {
      try {
        const entries = batch.flatMap(w => w.entry ?? [])
        const known = batch.some(w => w.inDoubt) && (await connection.wasCommitted(entries))
        const written =
          known ||
          (await connection.write(entries, () => {
            for (const w of batch) w.inDoubt = true
          }))
        noteConnection(true, '')
        return written
      } catch (error) {
        // Deadlocks and serialization failures roll the whole statement back: sending it again is all there is to do.
        if (!isAway(error) && !codeOf(error).startsWith('40')) {
          for (const w of batch) w.inDoubt = false
          throw error
        }
        if (isAway(error)) noteConnection(false, databaseError(error, connector.target).message)
        if (ended) throw ended
        await backOff(attempt)
        if (ended) throw ended
      }
    }
  }

  async function settle(batch: readonly Waiting[]): Promise<void> {
    try {
      if (await commit(batch)) {
        for (const w of batch) w.resolve()
        return
      }
      onFenced(batch.length)
      const error = fencedError(incarnation)
      rejectAll(batch, error)
      end(error)
    } catch (error) {
      if (error instanceof BatonError) return rejectAll(batch, error)
      const [only, ...others] = batch
      if (only && others.length === 0) {
        meter.refused++
        return only.reject(only.entry ? refused(only.entry, error) : databaseError(error, connector.target))
      }
      const half = batch.length >> 1
      await settle(batch.slice(0, half))
      await settle(batch.slice(half))
    }
  }

  async function pump(): Promise<void> {
    // What arrives in the same turn of the event loop shares a batch.
    await Promise.resolve()
    while (queue.length > 0) {
      const batch = takeBatch()
      inFlight = batch
      const startedAt = performance.now()
      await settle(batch)
      const tookMs = performance.now() - startedAt
      meter.committed(
        batch.length,
        batch.reduce((n, w) => n + (w.entry?.events.length ?? 0), 0),
        tookMs,
      )
      onCommit?.(tookMs, batch.findLast(w => w.entry?.trace !== undefined)?.entry?.trace)
      inFlight = []
    }
    pumping = null
  }

  function append(entry: EncodedAppend | null): Promise<void> {
    if (ended) return Promise.reject(ended)
    if (queue.length >= JOURNAL_LIMITS.queueAppends || queueBytes >= JOURNAL_LIMITS.queueBytes) {
      meter.overloaded++
      const retryAfterMs = 1000
      return Promise.reject(new BatonError('Overloaded', `${queue.length} appends wait for the journal`, { retryAfterMs }))
    }
    return new Promise((resolve, reject) => {
      queue.push({ entry, since: performance.now(), resolve, reject, inDoubt: false })
      queueBytes += entry?.bytes ?? 0
      pumping ??= pump()
    })
  }

  /** One round trip with one array, over the pool; planned each time, for the tables grow by orders of magnitude in a connection's life. */
  async function read<R extends pg.QueryResultRow>(text: string, of: readonly unknown[]): Promise<R[]> {
    const { rows } = await overHosts(connector.target, () => pool.query<R>(text, [of]), 'reads')
    return rows
  }

  const oldestWaitingMs = (): number => {
    const oldest = inFlight[0] ?? queue[0]
    return oldest ? performance.now() - oldest.since : 0
  }

  return {
    append: async given => append(encodeAppend(given)),
    confirm: () => append(null),

    async load(actors) {
      if (actors.length === 0) return []
      const rows = await read<LoadedRow>(LOAD_SQL, actors.map(addressKey))
      return rows.map(row => ({
        actor: parseAddress(row.actor),
        snapshot: row.seq === null ? null : { seq: row.seq, version: row.version, state: row.state },
        events: row.events ?? [],
      }))
    },

    async awake(shards) {
      const rows = await read<{ actor: string }>(AWAKE_SQL, shards)
      return rows.map(row => parseAddress(row.actor))
    },

    stats: () =>
      meter.stats({
        connected: wasConnected,
        queueDepth: queue.length + inFlight.length,
        queueBytes,
        queueLimit: JOURNAL_LIMITS.queueAppends,
        oldestWaitingMs: oldestWaitingMs(),
      }),

    async close() {
      end(new BatonError('Unavailable', 'this conductor is stopping', { retryAfterMs: 1000 }))
      await pumping
      await connection.close()
    },
  }
}

interface LoadedRow {
  readonly actor: string
  readonly seq: number | null
  readonly version: number
  readonly state: Json
  readonly events: StoredEvent[] | null
}

function refused(entry: EncodedAppend, error: unknown): BatonError {
  const sqlState = codeOf(error)
  const reason = error instanceof Error ? error.message : String(error)
  const why = sqlState === '23505' ? 'its events are already written, by another conductor or twice by this one' : reason
  const details = { actor: entry.actor, seq: entry.events[0]?.seq ?? 0, sqlState }
  return new BatonError('JournalRefused', `${entry.actor}: ${why}; nothing of it was written`, { details, cause: error })
}
