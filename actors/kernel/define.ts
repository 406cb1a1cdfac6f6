/**
 * What a durable actor is.
 *
 * An actor is four pure functions over plain data. `decide` looks at a command and answers with events or with a
 * refusal. `evolve` folds an event into the state; it is the only way the state changes, and it is how the state comes
 * back after a crash. `view` is the row that lists and the API read, written in the same transaction as the events.
 *
 * `work` is what makes operations survive: it derives, from the state alone, everything the actor still has to do (calls
 * to others, timers). The runtime starts what newly appears in it, cancels what has gone, and after a crash starts all
 * of it again elsewhere. So there is no effect that could be forgotten: an effect is not something that was sent
 * once, it is something the state still asks for. The answers come back as the commands `@result` and `@timer`.
 *
 * The runtime sends nothing and answers nothing before the events behind it are committed.
 */
import type { Address } from './address.ts'
import { BatonError, type ErrorCode, type Fault } from './errors.ts'
import type { RequestContext } from './tracing.ts'

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** Who sent a command: a node's role and id, or an actor of this cluster. */
export interface Sender {
  readonly role: 'conductor' | 'compute' | 'gateway' | 'client'
  readonly node: string
}

export interface Command {
  readonly method: string
  // biome-ignore lint/suspicious/noExplicitAny: narrowed by the method's schema before it reaches `decide`
  readonly args: any
}

/** The answer to a piece of work, delivered to the actor that asked for it. */
export interface WorkResult {
  readonly key: string
  readonly ok: boolean
  readonly value?: unknown
  readonly fault?: Fault
}

export interface CallWork {
  readonly type: 'call'
  /** Names this piece of work among the actor's own; a new key means a new call. */
  readonly key: string
  /** A durable actor, `compute/<host id>` for an agent, or `scheduler/local`. */
  readonly to: Address
  readonly method: string
  readonly args: unknown
  /** Cluster time before which it is not sent. */
  readonly notBefore?: number
  /** Cluster time after which nobody may execute it any more. */
  readonly deadlineAt?: number
  /** What it is part of: whoever sends it again after a crash sends it as part of the same. */
  readonly context?: RequestContext
}

export interface TimerWork {
  readonly type: 'timer'
  readonly key: string
  /** Cluster time in ms at which `@timer` is delivered; in the past means now. */
  readonly at: number
}

export type Work = CallWork | TimerWork

export interface ActorEvent {
  readonly type: string
}

export interface DecideContext {
  readonly id: string
  /** Cluster time, ms since 1970: taken from the database and carried on by a monotonic clock. */
  readonly now: number
  readonly from: Sender
}

export type Decision<S, E> =
  | { readonly ok: true; readonly events: readonly E[]; readonly reply?: (state: S) => unknown }
  | { readonly ok: false; readonly fault: Fault }

/** Accept a command with the events that record it; `reply` is computed from the state after them. */
export const accept = <S, E>(events: readonly E[], reply?: (state: S) => unknown): Decision<S, E> =>
  reply ? { ok: true, events, reply } : { ok: true, events }

export const refuse = (code: ErrorCode, message: string, details?: Record<string, unknown>): { ok: false; fault: Fault } => ({
  ok: false,
  fault: details ? { code, message, details } : { code, message },
})

/** A row of a view, replaced as a whole when the actor changes. `columns` are typed SQL columns, `body` the rest. */
export interface ViewRow {
  readonly table: ViewTable
  readonly id: string
  readonly columns: Readonly<Record<string, string | number | boolean | null>>
  /** Plain data. */
  readonly body: object
}

export type ViewTable = 'instance' | 'operation' | 'host' | 'flavor' | 'image' | 'disk' | 'guest' | 'agent' | 'server_group' | 'aggregates'

export interface MethodSpec {
  /** Checks the arguments; returns what is wrong with them, or null. */
  readonly check?: (args: unknown) => string | null
  /** Roles that may send it; conductors always may. */
  readonly from?: readonly Sender['role'][]
  /**
   * It only tells what is known, and whoever asks bears that it may be a little old. So it is answered at once; anything else is answered when the
   * database has confirmed that this actor still lives here, by the commit or without one.
   */
  readonly reads?: true
}

export interface ActorDefinition<S, C extends Command, E extends ActorEvent> {
  readonly kind: string
  /** Version of the events; an older one is lifted by `upcast` when it is read. */
  readonly version: number
  readonly methods: Readonly<Record<string, MethodSpec>>
  initial(id: string): S
  decide(state: S, command: C, context: DecideContext): Decision<S, E>
  evolve(state: S, event: E, at: number): S
  work(state: S, id: string): readonly Work[]
  view(state: S, id: string): ViewRow | null
  /** True when this actor will never matter again: its events are deleted after the retention time. */
  finished(state: S): boolean
  upcast?(event: ActorEvent, version: number): E
}

// biome-ignore lint/suspicious/noExplicitAny: the runtime hosts actors of every state, command and event type
export type AnyActor = ActorDefinition<any, any, any>

export function defineActor<S, C extends Command, E extends ActorEvent>(definition: ActorDefinition<S, C, E>): ActorDefinition<S, C, E> {
  return definition
}

/** Folds a decision over a state the way the runtime does, for tests and models. Throws the fault of a refusal. */
export function applyCommand<S, C extends Command, E extends ActorEvent>(
  actor: ActorDefinition<S, C, E>,
  state: S,
  command: C,
  context: DecideContext,
): { state: S; events: readonly E[]; reply: unknown } {
  const decision = actor.decide(state, command, context)
  if (!decision.ok) throw new BatonError(decision.fault.code, decision.fault.message, decision.fault)
  const next = decision.events.reduce((s, e) => actor.evolve(s, e, context.now), state)
  return { state: next, events: decision.events, reply: decision.reply?.(next) }
}
