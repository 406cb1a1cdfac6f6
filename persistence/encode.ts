/**
 * Turns an append into the plain columns that are stored, and refuses what a database could not keep: so a defect in one
 * actor is found before it sits in a batch with others, and the memory database refuses exactly what PostgreSQL would.
 */
import { addressKey, SHARD_COUNT } from '../actors/kernel/address.ts'
import type { ViewTable } from '../actors/kernel/define.ts'
import { BatonError } from '../actors/kernel/errors.ts'
import type { Append } from '../actors/kernel/ports.ts'
import { type ColumnValue, checkRow } from './view-tables.ts'

export interface EncodedEvent {
  readonly seq: number
  readonly type: string
  readonly version: number
  /** JSON text. */
  readonly data: string
  readonly at: number
}

export interface EncodedRow {
  readonly table: ViewTable
  readonly id: string
  readonly columns: Readonly<Record<string, ColumnValue>>
  readonly body: string
}

export interface EncodedAppend {
  readonly actor: string
  readonly kind: string
  readonly shard: number
  /** Sequence of the last event, or 0 when there are none: the actor keeps the one it has. */
  readonly seq: number
  readonly events: readonly EncodedEvent[]
  readonly awake: boolean
  readonly finished: boolean
  readonly row: EncodedRow | null
  readonly snapshot: { readonly seq: number; readonly version: number; readonly state: string } | null
  /** `traceparent` of one of the traced commands behind it. */
  readonly trace: string | undefined
  /** Roughly what it weighs on the wire. */
  readonly bytes: number
}

/** The largest thing an actor writes is a snapshot: ten thousand claims of a host are about 2 MB. A larger batch than usual, alone. */
export const MAX_APPEND_BYTES = 16 * 1024 * 1024

/** NUL and unpaired surrogates are valid JSON, and jsonb takes neither. Looks at JSON text, where both appear as an escape. */
const UNSTORABLE_ESCAPE = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f][0-9a-f]{2})/i

const UNSTORABLE = 'holds a NUL character or half a surrogate pair'

const refuse = (entry: Append, why: string): BatonError => {
  const actor = addressKey(entry.actor)
  return new BatonError('JournalRefused', `${actor}: ${why}`, { details: { actor, seq: entry.events[0]?.seq ?? 0 } })
}

function jsonOf(entry: Append, value: unknown, what: string): string {
  const text = JSON.stringify(value)
  if (text === undefined) throw refuse(entry, `${what} is not JSON`)
  if (text.includes('\\u') && UNSTORABLE_ESCAPE.test(text)) throw refuse(entry, `${what} ${UNSTORABLE}`)
  return text
}

const storableText = (text: string): boolean => !text.includes('\0') && text.isWellFormed()

/** Throws `JournalRefused` saying which field cannot be stored. */
export function encodeAppend(entry: Append): EncodedAppend {
  const actor = addressKey(entry.actor)
  if (!storableText(actor)) throw refuse(entry, `the address ${UNSTORABLE}`)
  if (!Number.isInteger(entry.shard) || entry.shard < 0 || entry.shard >= SHARD_COUNT) throw refuse(entry, `there is no shard ${entry.shard}`)
  const events = entry.events.map((event, i) => {
    if (event.seq !== (entry.events[0]?.seq ?? 0) + i || !Number.isSafeInteger(event.seq) || event.seq < 1) {
      throw refuse(entry, `event ${i} has sequence ${event.seq}; they must follow each other from 1`)
    }
    if (!storableText(event.type)) throw refuse(entry, `event ${event.seq} has an unstorable type`)
    const whole = Number.isSafeInteger(event.at) && Number.isSafeInteger(event.version)
    if (!whole) throw refuse(entry, `event ${event.seq} has no whole time or version`)
    return { seq: event.seq, type: event.type, version: event.version, data: jsonOf(entry, event.data, `event ${event.seq}`), at: event.at }
  })
  const last = events.at(-1)
  if (entry.snapshot !== undefined && !last) throw refuse(entry, 'a snapshot needs the events that led to it')
  const snapshot =
    entry.snapshot === undefined || !last ? null : { seq: last.seq, version: last.version, state: jsonOf(entry, entry.snapshot, 'the snapshot') }
  const row = encodeRow(entry)
  const bytes = events.reduce((sum, e) => sum + e.data.length + 64, 128) + (row?.body.length ?? 0) + (snapshot?.state.length ?? 0)
  if (bytes > MAX_APPEND_BYTES) throw refuse(entry, `${bytes} bytes in one append; at most ${MAX_APPEND_BYTES} are taken`)
  const { shard, awake, finished } = entry
  return { actor, kind: entry.actor.kind, shard, seq: last?.seq ?? 0, events, awake, finished, row, snapshot, trace: entry.traces?.[0], bytes }
}

function encodeRow(entry: Append): EncodedRow | null {
  if (!entry.row) return null
  const { table, id, columns, body } = entry.row
  const wrong = checkRow(entry.row)
  if (wrong) throw refuse(entry, wrong)
  for (const [name, value] of [['id', id] as const, ...Object.entries(columns)]) {
    if (typeof value === 'string' && !storableText(value)) throw refuse(entry, `view ${table}: ${name} ${UNSTORABLE}`)
  }
  return { table, id, columns, body: jsonOf(entry, body, `the body of view ${table}`) }
}
