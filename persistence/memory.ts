/**
 * The database in memory, for the simulator and for tests: the same ports, the same refusals, no clock and no timer of its own.
 *
 * Every call is two scheduled moments, as with a real server: the statement arrives and is applied at once and as a whole;
 * later its answer comes back. Whoever gives `delay` decides how long each takes and in which order, and loses one by never
 * calling it. Between the two the caller may have died: then the statement still counts, as it does on a real server.
 */
import { addressKey, parseAddress } from '../actors/kernel/address.ts'
import type { Json, ViewTable } from '../actors/kernel/define.ts'
import { BatonError } from '../actors/kernel/errors.ts'
import type { Incarnation, Journal, Loaded, Membership, Views } from '../actors/kernel/ports.ts'
import { type EncodedAppend, type EncodedEvent, type EncodedRow, encodeAppend } from './encode.ts'
import { type MemberTables, memoryMembership, newMemberTables } from './memory-membership.ts'
import { memoryViews } from './memory-views.ts'
import { fencedError } from './rules.ts'

/** The database's own clock and latency, both given. `statement` names what is under way, so that a test can hold or drop just that. */
export interface MemoryClock {
  /** Ms since 1970; it may be set. Cluster time follows from it by `clock-rules.ts`. */
  now(): number
  /** Calls `fn` once, later. Called twice per statement: before it is applied, and before its answer arrives. */
  delay(fn: () => void, statement: string): void
  /** Told of every append at the moment it takes effect, with who owns the shard just then. For checkers. */
  onAppend?(written: { readonly incarnation: Incarnation; readonly actor: string; readonly owner: Incarnation }): void
}

export interface MemoryActor {
  readonly shard: number
  readonly kind: string
  /** In order; what retention removed is missing at the front. */
  readonly events: readonly (EncodedEvent & { readonly incarnation: Incarnation })[]
  readonly seq: number
  readonly awake: boolean
  readonly finishedAt: number | null
  readonly snapshot: EncodedAppend['snapshot']
  readonly view: { readonly table: ViewTable; readonly id: string } | null
}

export interface MemoryTables extends MemberTables {
  readonly actors: Map<string, MemoryActor>
  readonly views: Readonly<Record<ViewTable, Map<string, EncodedRow>>>
}

export type Statement = <T>(name: string, apply: () => T) => Promise<T>

export interface MemoryJournal extends Journal {
  /** Appends not answered yet. */
  waiting(): number
  /** The node is gone: what has not reached the database never will, and nobody is answered any more. */
  close(): void
}

export interface MemoryDatabase {
  journal(incarnation: Incarnation): MemoryJournal
  readonly membership: Membership
  readonly views: Views
  /** While down nothing is applied: appends wait, everything else rejects with `Database`. */
  setDown(down: boolean): void
  /** Removes actors finished for `finishedForMs`, and events older than that which a snapshot supersedes. */
  trim(finishedForMs: number): Promise<{ actors: number; events: number }>
  /** What is stored, for checkers; look, do not touch. */
  readonly tables: MemoryTables
}

/** Appends that may wait in one journal before `Overloaded`. */
const MAX_WAITING = 10_000

export function createMemoryDatabase(clock: MemoryClock): MemoryDatabase {
  const tables: MemoryTables = {
    ...newMemberTables(),
    actors: new Map(),
    views: {
      instance: new Map(),
      operation: new Map(),
      host: new Map(),
      flavor: new Map(),
      image: new Map(),
      disk: new Map(),
      guest: new Map(),
      agent: new Map(),
      server_group: new Map(),
      aggregates: new Map(),
    },
  }
  let down = false
  /** Grows whenever the database has been away. */
  let life = 1
  const now = () => clock.now() + tables.clock.row.offsetMs
  const untilUp = new Set<() => void>()

  const away = () => new BatonError('Database', 'the database is away', { retryAfterMs: 1000 })

  const statement: Statement = (name, apply) =>
    new Promise((resolve, reject) => {
      const answer = (give: () => void) => clock.delay(() => (down ? reject(away()) : give()), name)
      clock.delay(() => {
        if (down) return answer(() => reject(away()))
        try {
          const result = apply()
          answer(() => resolve(result))
        } catch (error) {
          answer(() => reject(error))
        }
      }, name)
    })

  function journal(incarnation: Incarnation): MemoryJournal {
    let closed = false
    let fenced = false
    let waiting = 0

    /** Calls `fn` now, or as soon as the database is up. */
    const whenUp = (fn: () => void) => {
      if (!down) return fn()
      untilUp.add(fn)
    }

    /** Without an append nothing but the fence is looked at. */
    function ask(encoded: EncodedAppend | null): Promise<void> {
      waiting++
      const name = encoded ? 'append' : 'confirm'
      return new Promise((resolve, reject) => {
        const answer = (error: unknown) =>
          whenUp(() => {
            if (closed) return
            waiting--
            if (error === null) resolve()
            else {
              if (error instanceof BatonError && error.code === 'Fenced') fenced = true
              reject(error)
            }
          })
        const send = () =>
          clock.delay(() => {
            if (closed && down) return
            if (down) return whenUp(() => !closed && send())
            const error = encoded ? applyAppend(tables, incarnation, encoded, now()) : fenceOf(tables, incarnation)
            if (!error && encoded) clock.onAppend?.({ incarnation, actor: encoded.actor, owner: tables.owners[encoded.shard] ?? 0 })
            clock.delay(() => answer(error), name)
          }, name)
        send()
      })
    }

    return {
      append: async entry => {
        if (fenced) throw fencedError(incarnation)
        const encoded = encodeAppend(entry)
        if (waiting >= MAX_WAITING) throw overloaded(waiting)
        return ask(encoded)
      },
      confirm: async () => {
        if (fenced) throw fencedError(incarnation)
        if (waiting >= MAX_WAITING) throw overloaded(waiting)
        return ask(null)
      },
      load: actors => statement('load', () => actors.map(actor => load(tables, addressKey(actor)))),
      awake: shards =>
        statement('awake', () => {
          const wanted = new Set(shards)
          return [...tables.actors].filter(([, a]) => a.awake && wanted.has(a.shard)).map(([key]) => parseAddress(key))
        }),
      waiting: () => waiting,
      close() {
        closed = true
      },
    }
  }

  return {
    journal,
    membership: memoryMembership(
      tables,
      statement,
      () => clock.now(),
      () => life,
    ),
    views: memoryViews(tables.views, statement),
    setDown(value) {
      if (down && !value) life++
      down = value
      if (down) return
      const ready = [...untilUp]
      untilUp.clear()
      for (const fn of ready) fn()
    },
    trim: finishedForMs => statement('trim', () => trim(tables, now() - finishedForMs)),
    tables,
  }
}

/** Applies one append as a whole, or not at all; answers with the refusal, or null. */
const overloaded = (waiting: number) => new BatonError('Overloaded', `${waiting} appends wait for the journal`, { retryAfterMs: 1000 })

/** Why this conductor may not write, or null. */
function fenceOf(tables: MemoryTables, incarnation: Incarnation): BatonError | null {
  const state = tables.conductors.get(incarnation)?.state
  return state === 'alive' || state === 'draining' ? null : fencedError(incarnation)
}

function applyAppend(tables: MemoryTables, incarnation: Incarnation, entry: EncodedAppend, now: number): BatonError | null {
  const fenced = fenceOf(tables, incarnation)
  if (fenced) return fenced
  const before = tables.actors.get(entry.actor)
  const first = entry.events[0]?.seq
  if (first !== undefined && before && first <= before.seq) {
    return new BatonError('JournalRefused', `${entry.actor}: event ${first} is already written`, { details: { actor: entry.actor, seq: first } })
  }
  tables.actors.set(entry.actor, {
    shard: entry.shard,
    kind: entry.kind,
    events: entry.events.length === 0 ? (before?.events ?? []) : [...(before?.events ?? []), ...entry.events.map(e => ({ ...e, incarnation }))],
    seq: entry.seq || (before?.seq ?? 0),
    awake: entry.awake,
    finishedAt: entry.finished ? (before?.finishedAt ?? now) : null,
    snapshot: entry.snapshot ?? before?.snapshot ?? null,
    view: entry.row ? { table: entry.row.table, id: entry.row.id } : (before?.view ?? null),
  })
  if (entry.row) tables.views[entry.row.table].set(entry.row.id, entry.row)
  return null
}

/** Stored text is parsed at each read, so that nobody can change what another reads. */
const parseJson = (text: string): Json => JSON.parse(text)

function load(tables: MemoryTables, key: string): Loaded {
  const stored = tables.actors.get(key)
  const snapshot = stored?.snapshot ?? null
  const since = snapshot?.seq ?? 0
  return {
    actor: parseAddress(key),
    snapshot: snapshot && { seq: snapshot.seq, version: snapshot.version, state: parseJson(snapshot.state) },
    events: (stored?.events ?? [])
      .filter(e => e.seq > since)
      .map(e => ({ seq: e.seq, type: e.type, version: e.version, data: parseJson(e.data), at: e.at })),
  }
}

function trim(tables: MemoryTables, before: number): { actors: number; events: number } {
  let actors = 0
  let events = 0
  for (const [key, actor] of tables.actors) {
    if (actor.finishedAt !== null && actor.finishedAt < before) {
      tables.actors.delete(key)
      if (actor.view) tables.views[actor.view.table].delete(actor.view.id)
      actors++
      events += actor.events.length
      continue
    }
    const covered = actor.snapshot?.seq ?? 0
    const kept = actor.events.filter(e => e.seq > covered || e.at >= before)
    if (kept.length === actor.events.length) continue
    events += actor.events.length - kept.length
    tables.actors.set(key, { ...actor, events: kept })
  }
  return { actors, events }
}
