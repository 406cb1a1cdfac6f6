/**
 * What actors and supervisors need of the world's memory. `persistence/` implements these on PostgreSQL, the
 * simulator in memory; the same contract tests run on both.
 */
import type { Address } from './address.ts'
import type { Json, ViewRow, ViewTable } from './define.ts'

/** Number of one life of a conductor; grows with every join, never used twice. */
export type Incarnation = number

export interface StoredEvent {
  readonly seq: number
  readonly type: string
  readonly version: number
  readonly data: Json
  /** Cluster time in ms. */
  readonly at: number
}

/** What one actor commits at once: its new events, its view row, and perhaps a snapshot. */
export interface Append {
  readonly actor: Address
  readonly shard: number
  readonly events: readonly StoredEvent[]
  /** True while the actor has work: it is loaded at once by whoever takes over its shard. */
  readonly awake: boolean
  /** True when nothing will ever happen to it again; it is deleted after the retention time. */
  readonly finished: boolean
  readonly row: ViewRow | null
  /** The state after the last of `events`. */
  readonly snapshot?: Json
  /** `traceparent`s of the traced commands behind it; they are not stored. */
  readonly traces?: readonly string[]
}

export interface Loaded {
  readonly actor: Address
  readonly snapshot: { readonly seq: number; readonly version: number; readonly state: Json } | null
  /** Events after the snapshot, in order. */
  readonly events: readonly StoredEvent[]
}

export interface Journal {
  /**
   * Resolves when the events are committed together with view and snapshot. While the database is away it waits
   * and tries again; a commit whose outcome is unknown is looked up, never repeated blindly.
   * Rejects with `Fenced` (this conductor was declared dead), `Overloaded` (before anything was queued) or
   * `JournalRefused` (the data itself was refused; others in the same batch are not affected).
   */
  append(entry: Append): Promise<void>
  /**
   * Resolves when the database has said, since this was called, that this conductor is a member; then nobody else has written anything to its
   * shards before the call. Waits while the database is away; rejects with `Fenced` or `Overloaded`.
   */
  confirm(): Promise<void>
  /** Loads many actors in one round trip. An actor that never existed comes back with no snapshot and no events. */
  load(actors: readonly Address[]): Promise<Loaded[]>
  /** The actors of these shards that have work. */
  awake(shards: readonly number[]): Promise<Address[]>
}

export interface Member {
  readonly incarnation: Incarnation
  readonly nodeId: string
  readonly endpoint: string
  readonly state: 'alive' | 'draining' | 'left' | 'dead'
  readonly pid: number
  readonly version: string
  readonly host: string
  /** Cluster time, ms. */
  readonly joinedAt: number
  readonly leaseUntil: number
  readonly load: Json
}

/** Who owns which shard, as one version. `owners[s]` is an incarnation, or 0 for nobody. */
export interface ShardMap {
  readonly version: number
  readonly owners: readonly Incarnation[]
  /** Conductors named in `owners` or able to take shards. */
  readonly members: readonly { readonly incarnation: Incarnation; readonly nodeId: string; readonly endpoint: string; readonly draining: boolean }[]
}

export interface MembershipState {
  /** False when this incarnation was declared dead or has left. */
  readonly alive: boolean
  /** Cluster time in ms at the moment of the answer. */
  readonly now: number
  /** Every incarnation that is alive, draining, or still owns a shard. */
  readonly members: readonly Member[]
  readonly map: ShardMap
}

/** What a conductor says of itself when it joins. */
export interface Joining {
  readonly nodeId: string
  readonly endpoint: string
  readonly pid: number
  readonly version: string
  readonly host: string
  readonly machine: Machine
}

/**
 * One boot of one machine, and how long it lasts by now, ms: no clock that is set changes it, and it outlives processes. So a
 * conductor that is started again where another ran knows how much time has passed since.
 */
export interface Machine {
  readonly boot: string
  readonly uptimeMs: number
}

/** What a conductor knows of the time when it renews. */
export interface Reckoning {
  /** The cluster time it is by its own monotonic clock, ms. */
  readonly believedMs: number
  readonly machine: Machine
}

/** The arbiter of who is alive and who owns what. Every method is one conditional statement on the database. */
export interface Membership {
  /**
   * Begins a new incarnation; an older one of the same node is over. Rejects with `Unavailable` and `settlesWithinMs` in its details
   * while the database's clock looks as if it had been set and conductors that could tell count as alive: try again, and when so
   * long nobody has told, with `sure`.
   */
  join(me: Joining, sure?: boolean): Promise<MembershipState & { incarnation: Incarnation }>
  /**
   * Extends the lease by `leaseMs` if still alive, stores the load, and answers with all that is known. By the caller's
   * reckoning it is known when the database's clock was set.
   */
  renew(incarnation: Incarnation, leaseMs: number, load: Json, reckoning?: Reckoning): Promise<MembershipState>
  /**
   * Declares `victim` dead on behalf of the living `by`. With `onlyIfExpired` the lease must have run out by database
   * time. True if this call made it dead or it already was; false if `by` itself is not alive or the lease still runs.
   */
  declareDead(by: Incarnation, victim: Incarnation, onlyIfExpired: boolean): Promise<boolean>
  /** Takes those of `shards` that nobody alive or draining owns. Answers with the new state. */
  claim(by: Incarnation, shards: readonly number[]): Promise<MembershipState>
  /** Gives up shards this incarnation owns: to `to` if it is alive, else to nobody. */
  release(by: Incarnation, shards: readonly number[], to: Incarnation | null): Promise<MembershipState>
  /** `draining`: keeps its shards, takes no new ones. `left`: gives up all shards; the incarnation is over. */
  setState(incarnation: Incarnation, state: 'draining' | 'left'): Promise<void>
}

export interface Sort {
  readonly column: string
  readonly direction: 'asc' | 'desc'
}

export interface ViewQuery {
  /** Equality on columns; an array means any of. */
  readonly where?: Readonly<Record<string, string | number | boolean | null | readonly (string | number)[]>>
  /** A text that one of these columns contains, or the id, in small letters or large. */
  readonly contains?: { readonly columns: readonly string[]; readonly text: string }
  /** Rows changed within, cluster time in ms, both ends included. */
  readonly changed?: { readonly from?: number; readonly to?: number }
  /** By these columns, and by the next where they are equal; null is smallest. Ids decide at last, in the last direction. Default: newest first. */
  readonly sort?: readonly Sort[]
  readonly limit?: number
  /** Id of the last row of the page before, in the same order. */
  readonly marker?: string
}

export interface Views {
  get(table: ViewTable, id: string): Promise<ViewRow | null>
  /** Throws `BadRequest` on an unknown marker or column. */
  list(table: ViewTable, query: ViewQuery): Promise<ViewRow[]>
  count(table: ViewTable, query: Pick<ViewQuery, 'where'>): Promise<number>
  /** Rows by what they have in a column of text, in one look. Throws `BadRequest` on an unknown column. */
  countBy(table: ViewTable, column: string): Promise<ReadonlyMap<string, number>>
}
