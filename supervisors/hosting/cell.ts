/**
 * One living actor: its state, its inbox and its outstanding work.
 *
 * The order of things is the whole safety argument: decide on the state, commit the events, only then let the new state
 * count, only then answer and start new work. A crash anywhere loses nothing but answers, and those are asked for again.
 *
 * Commands that wait together share a commit: each is decided on the state the one before would leave, and all are answered
 * after the one append that holds all their events. An actor that everybody talks to (a host taking claims) is thereby
 * as fast as its decisions, and not as slow as the disk. If the append fails, none of them happened. A refusal, or an answer that there is
 * nothing to do, commits nothing; the database is asked all the same whether this actor still lives here. Only reads are answered at once.
 */
import { type Address, addressKey, shardOf } from '../../actors/kernel/address.ts'
import { type ActorEvent, type AnyActor, type Command, type Json, refuse, type Sender, type ViewRow } from '../../actors/kernel/define.ts'
import { backoffMs, type Env } from '../../actors/kernel/env.ts'
import { BatonError, toError, toFault } from '../../actors/kernel/errors.ts'
import type { Journal, Loaded } from '../../actors/kernel/ports.ts'
import type { ActorSystem } from './actor-system.ts'
import { type AnyDecision, type Batch, type Message, type Outcome, planBatch, type Ruling } from './batch.ts'
import { replay } from './replay.ts'
import { judgeFailure, type RestartPolicy } from './restart.ts'
import { createWorkRunner } from './work-runner.ts'

export interface CellContext {
  readonly env: Env
  readonly system: ActorSystem
  readonly journal: Pick<Journal, 'append' | 'confirm'>
  load(actor: Address): Promise<Loaded>
  /** Cluster time in ms. */
  now(): number
  readonly self: Sender
  call(to: Address, method: string, args: unknown, timeoutMs: number): Promise<unknown>
  readonly snapshotEvery: number
  readonly restart: RestartPolicy
  /** `events` are those of the commit; none for what was only loaded or written again. */
  onCommitted?(actor: Address, row: ViewRow | null, events: readonly ActorEvent[]): void
  onFenced(error: BatonError): void
  onPoisoned?(actor: Address, reason: string): void
  /** Shared by all cells of a node. */
  readonly counters: { restarts: number; commands: number; waiting: number }
}

export interface Cell {
  readonly address: Address
  readonly key: string
  readonly shard: number
  readonly definition: AnyActor
  /** Resolves with the reply, after the commit. */
  deliver(command: Command, from: Sender, deadlineMs: number): Promise<unknown>
  /** Takes a state from the journal, and starts the work it asks for. Throws when the events do not fit. */
  restore(loaded: Loaded): void
  poison(reason: string): void
  /** Writes its view row again, as it should be by its state. Resolves after the commit. */
  rewrite(): Promise<unknown>
  poisoned(): string | null
  waiting(): number
  /** Monotonic time at which the oldest waiting command came. */
  oldestMs(): number | null
  /** True when it may be let go: nothing waits, nothing is outstanding, and it was last used before this time. */
  idleSince(beforeMs: number): boolean
  /** Finishes what is in hand, refuses the rest. Resolves when nothing waits any more. */
  retire(): Promise<void>
  retired(): boolean
  /** Drops everything at once. */
  drop(): void
}

const WAKE = null
/** A command of the runtime's own: decides nothing, but has the row committed. */
const REWRITE: Command = { method: '@rewrite', args: null }

export function createCell(context: CellContext, address: Address, definition: AnyActor): Cell {
  const { env, journal, counters } = context
  const key = addressKey(address)
  const shard = shardOf(address.id)
  const inbox: Message[] = []
  // Nobody's context: it works for many at once.
  const mailbox = context.system.spawn<null>(() => (env.tracing ? env.tracing.within(undefined, wake) : wake()))
  const work = createWorkRunner({
    env,
    now: context.now,
    call: context.call,
    answer: (method, args) => deliver({ method, args }, context.self, Number.POSITIVE_INFINITY),
  })
  let state: unknown = definition.initial(address.id)
  let seq = 0
  let loaded = false
  /** Events since the last snapshot, and its size. */
  let unsnapshotted = 0
  let snapshotBytes = 0
  let failures: number[] = []
  let poisoned: string | null = null
  let retired = false
  const onIdle: (() => void)[] = []
  let usedMs = env.monotonicMs()
  let awake = false
  /** Commands to be handled one by one, because together the database refused them. */
  let singly = 0

  const moved = () => new BatonError('Moved', `shard ${shard} is not served by ${context.self.node}`)

  function deliver(command: Command, from: Sender, deadlineMs: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      inbox.push({ command, from, queuedMs: env.monotonicMs(), deadlineMs, trace: env.tracing?.active()?.trace, resolve, reject })
      counters.waiting++
      rouse()
    })
  }

  function rouse(): void {
    if (awake) return
    awake = true
    mailbox.tell(WAKE)
  }

  /** Handles what waits, as far as it fits one commit. Only what must wait for the journal pays for a promise. */
  function wake(): void | Promise<void> {
    if (!loaded && !retired && poisoned === null) return loadFirst()
    const batch = plan()
    const defect = batch.outcomes.at(-1)
    if (batch.writes || batch.tells || (defect && 'defect' in defect)) return carryOut(batch)
    settle(batch.outcomes)
    rest()
  }

  function rest(): void {
    awake = false
    if (inbox.length > 0) rouse()
    else for (const resolve of onIdle.splice(0)) resolve()
  }

  async function loadFirst(): Promise<void> {
    try {
      restore(await context.load(address))
    } catch (error) {
      const [first] = inbox
      if (error instanceof BatonError || !first) rejectAll(inbox.length, toError(toFault(error)))
      else await defective(first, error)
    }
    rest()
  }

  /** What the next commit would be. */
  function plan(): Batch {
    const now = context.now()
    return planBatch(singly > 0 ? inbox.slice(0, 1) : inbox, state, now, definition, (at, message) => rule(at, message, now))
  }

  function rule(current: unknown, message: Message, now: number): Ruling {
    const refused = refusalOf(message)
    if (refused) return { decision: refused, tells: false, writes: false }
    const decision = decide(current, message, now)
    return { decision, tells: !isRead(message), writes: message.command === REWRITE && decision.ok && seq > 0 }
  }

  /** What the actor hears of its own work is told to nobody else. */
  const isRead = ({ command }: Message): boolean => command.method.startsWith('@') || definition.methods[command.method]?.reads === true

  /** Why a command is not even looked at, or null. */
  function refusalOf({ command, queuedMs, deadlineMs }: Message): AnyDecision | null {
    if (retired) return { ok: false, fault: toFault(moved()) }
    usedMs = queuedMs
    if (deadlineMs !== Number.POSITIVE_INFINITY && env.monotonicMs() > deadlineMs) {
      return refuse('DeadlineExceeded', `${command.method} waited too long for ${key}`)
    }
    return poisoned === null ? null : refuse('Poisoned', `${key} was set aside: ${poisoned}`)
  }

  function decide(current: unknown, { command, from }: Message, now: number): AnyDecision {
    counters.commands++
    if (command === REWRITE) return { ok: true, events: [] }
    return definition.decide(current, command, { id: address.id, now, from })
  }

  async function carryOut(batch: Batch): Promise<void> {
    try {
      if (batch.writes) await commit(batch)
      // What changes nothing may be said by an old state: another has the actor, if this conductor was declared dead and does not know.
      else if (batch.tells) await journal.confirm()
    } catch (error) {
      await refused(batch, error)
      rest()
      return
    }
    if (singly > 0) singly--
    const last = batch.outcomes.at(-1)
    if (last && 'defect' in last) {
      settle(batch.outcomes.slice(0, -1))
      await defective(last.message, last.defect)
    } else settle(batch.outcomes)
    rest()
  }

  /** The append failed, so nothing in the batch has happened. */
  async function refused({ outcomes }: Batch, error: unknown): Promise<void> {
    const [first] = outcomes
    // What the database refused, or what threw before it got there, is a defect of this actor; the rest is not its fault.
    const defect = !(error instanceof BatonError) || error.code === 'JournalRefused'
    if (!defect) rejectAll(outcomes.length, toError(toFault(error)))
    // One of them is to blame; alone each shows whether it is.
    else if (outcomes.length > 1) singly = outcomes.length
    else if (first) await defective(first.message, error)
    if (error instanceof BatonError && error.code === 'Fenced') context.onFenced(error)
  }

  /** The row of a state, with the number of events behind it: of two copies of a row the one with the larger `rev` is the newer. */
  function rowAt(at: unknown, rev: number): ViewRow | null {
    const row = definition.view(at, address.id)
    return row && { ...row, body: { ...row.body, rev } }
  }

  async function commit({ outcomes, events, state: next, now }: Batch): Promise<void> {
    const row = rowAt(next, seq + events.length)
    const outstanding = definition.work(next, address.id)
    // A snapshot costs as much as its size, so a large state is snapshotted less often: the cost per event stays the same.
    const due = events.length > 0 && unsnapshotted + events.length >= Math.max(context.snapshotEvery, snapshotBytes / 200)
    await journal.append({
      actor: address,
      shard,
      events: events.map((event, i) => ({
        seq: seq + 1 + i,
        type: event.type,
        version: definition.version,
        data: event as unknown as Json,
        at: now,
      })),
      awake: outstanding.length > 0,
      finished: definition.finished(next),
      row,
      ...(due ? { snapshot: next as Json } : {}),
      ...(env.tracing ? { traces: outcomes.flatMap(({ message }) => message.trace ?? []) } : {}),
    })
    state = next
    seq += events.length
    unsnapshotted = due ? 0 : unsnapshotted + events.length
    if (due) snapshotBytes = JSON.stringify(next).length
    if (!retired) work.reconcile(outstanding)
    announce(row, events)
  }

  /** Nobody who follows along can undo what is committed. */
  function announce(row: ViewRow | null, events: readonly ActorEvent[]): void {
    try {
      context.onCommitted?.(address, row, events)
    } catch (error) {
      env.log.error({ actor: key, error }, 'a follower of commits failed')
    }
  }

  /** Answers the first messages of the inbox. */
  function settle(outcomes: readonly Outcome[]): void {
    counters.waiting -= inbox.splice(0, outcomes.length).length
    for (const outcome of outcomes) {
      if ('defect' in outcome) continue
      const { message, decision } = outcome
      try {
        if (decision.ok) message.resolve(decision.reply?.(outcome.state) ?? null)
        else message.reject(toError(decision.fault))
      } catch (error) {
        // The command was carried out; only its answer cannot be told.
        env.log.error({ actor: key, method: message.command.method, error }, 'a reply failed')
        message.reject(toError(toFault(error)))
      }
    }
  }

  function rejectAll(count: number, error: BatonError): void {
    const rejected = inbox.splice(0, count)
    counters.waiting -= rejected.length
    for (const message of rejected) message.reject(error)
  }

  function restore(from: Loaded): void {
    const replayed = replay(definition, from)
    state = replayed.state
    seq = replayed.seq
    unsnapshotted = from.events.length
    loaded = true
    // It may have been let go while the journal was read: then its work is another's.
    if (seq === 0 || retired) return
    work.reconcile(definition.work(state, address.id))
    announce(rowAt(state, seq), [])
  }

  /** A defect in the actor: forget its state, and read it again after a pause; too often, set it aside. The message is its victim. */
  async function defective(message: Message, error: unknown): Promise<void> {
    const judged = judgeFailure(context.restart, failures, env.monotonicMs())
    failures = judged.failures
    loaded = false
    singly = Math.max(0, singly - 1)
    work.reconcile([])
    env.log.error({ actor: key, method: message.command.method, error, failures: failures.length }, 'actor failed')
    if (judged.verdict.restart) {
      counters.restarts++
      await reload(judged.verdict.attempt)
    } else poison(error instanceof Error ? error.message : String(error))
    if (inbox[0] === message) rejectAll(1, toError(toFault(error)))
  }

  /**
   * Its work must go on even if nobody talks to it, so while the journal is away it tries again. The mailbox waits with us: nothing
   * else is handled by this actor meanwhile.
   */
  async function reload(firstAttempt: number): Promise<void> {
    for (let attempt = firstAttempt; ; attempt++) {
      const pauseMs = backoffMs(env, attempt, context.restart.backoffBaseMs, context.restart.backoffCapMs)
      await new Promise<void>(resolve => env.setTimer(pauseMs, resolve))
      if (retired) return
      try {
        restore(await context.load(address))
        return
      } catch (error) {
        if (error instanceof BatonError) continue
        poison(error instanceof Error ? error.message : String(error))
        return
      }
    }
  }

  function poison(reason: string): void {
    poisoned = reason
    work.reconcile([])
    context.onPoisoned?.(address, reason)
  }

  function drop(): void {
    retired = true
    work.reconcile([])
    mailbox.stop()
    rejectAll(inbox.length, moved())
  }

  return {
    address,
    key,
    shard,
    definition,
    deliver,
    restore,
    poison,
    rewrite: () => deliver(REWRITE, context.self, Number.POSITIVE_INFINITY),
    poisoned: () => poisoned,
    waiting: () => inbox.length,
    oldestMs: () => inbox[0]?.queuedMs ?? null,
    idleSince: beforeMs => inbox.length === 0 && !awake && !work.busy() && poisoned === null && usedMs < beforeMs,
    async retire() {
      retired = true
      work.reconcile([])
      if (inbox.length > 0 || awake) await new Promise<void>(resolve => onIdle.push(resolve))
    },
    retired: () => retired,
    drop,
  }
}
