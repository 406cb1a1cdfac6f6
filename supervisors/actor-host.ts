/**
 * Runs durable actors: loads them when a message comes, hands them one command at a time, commits their events, keeps
 * their work going, restarts them when they fail and lets them go when they are idle.
 *
 * One cell per living actor. The order within a cell is the whole safety argument: decide on the state, commit the
 * events, only then evolve the state, only then answer and start new work. A crash anywhere loses nothing but answers,
 * and those are asked for again.
 */
import { type Address, addressKey, shardOf } from '../actors/kernel/address.ts'
import { type ActorEvent, type AnyActor, type Command, type Decision, type Json, refuse, type Sender, type ViewRow } from '../actors/kernel/define.ts'
import { backoffMs, type Env, type Timer } from '../actors/kernel/env.ts'
import { BatonError, toError, toFault } from '../actors/kernel/errors.ts'
import type { Journal, Loaded, StoredEvent } from '../actors/kernel/ports.ts'
import type { ActorSystem, Mailbox } from './actor-system.ts'
import { createLoader } from './loader.ts'
import { judgeFailure, type RestartPolicy } from './restart.ts'
import { createWorkRunner, type WorkRunner } from './work-runner.ts'

export interface ActorHostOptions {
  readonly env: Env
  readonly system: ActorSystem
  readonly journal: Journal
  readonly definitions: ReadonlyMap<string, AnyActor>
  /** Cluster time in ms. */
  now(): number
  readonly self: Sender
  /** Sends a piece of work; must resolve or reject with a final answer, retrying what is transient. */
  call(to: Address, method: string, args: unknown, timeoutMs: number): Promise<unknown>
  readonly limits: {
    /** Commands that may wait for one actor. */
    readonly inbox: number
    /** Commands that may wait in all inboxes. */
    readonly total: number
    /** Idle time after which an actor without work is let go, ms. */
    readonly idleMs: number
    readonly snapshotEvery: number
  }
  readonly restart: RestartPolicy
  /** Called after each commit, for followers of a kind (the scheduler's summaries). */
  onCommitted?(actor: Address, row: ViewRow | null): void
  /** The journal says this conductor was declared dead. */
  onFenced(error: BatonError): void
  onPoisoned?(actor: Address, reason: string): void
}

type AnyDecision = Decision<unknown, ActorEvent>

interface Message {
  readonly command: Command
  readonly from: Sender
  readonly queuedMs: number
  readonly deadlineMs: number
  resolve(value: unknown): void
  reject(error: BatonError): void
}

interface Cell {
  readonly address: Address
  readonly key: string
  readonly shard: number
  readonly definition: AnyActor
  readonly mailbox: Mailbox<Message>
  readonly work: WorkRunner
  state: unknown
  seq: number
  loaded: boolean
  /** Events since the last snapshot. */
  unsnapshotted: number
  snapshotBytes: number
  row: ViewRow | null
  waiting: Message[]
  failures: number[]
  poisoned: string | null
  stopped: boolean
  /** Called when a stopped cell has finished the command in hand. */
  onIdle: (() => void) | null
  usedMs: number
}

export interface ActorHostStats {
  readonly actors: number
  readonly waiting: number
  readonly oldestMs: number
  readonly busiest: string | null
  readonly restarts: number
  readonly deadLetters: number
  readonly commands: number
  readonly poisoned: readonly string[]
}

export interface ActorHost {
  /**
   * Hands a command to an actor of a shard owned here; resolves with its reply, after the commit. It is not executed
   * after `deadlineMs` of the monotonic clock.
   */
  deliver(to: Address, command: Command, from: Sender, deadlineMs?: number): Promise<unknown>
  owns(shard: number): boolean
  owned(): readonly number[]
  /**
   * Starts to serve shards: loads those of their actors that have work, and resumes it. Resolves with how many, and with
   * the monotonic time in ms at which the first went on.
   */
  adopt(shards: readonly number[]): Promise<{ actors: number; firstMs: number | null }>
  /** Stops to serve shards: refuses new commands, lets each actor finish the one in hand, and forgets them. */
  drain(shards: readonly number[]): Promise<void>
  stats(): ActorHostStats
  /** Drops everything at once; nothing is answered any more. */
  stop(): void
}

const LOAD_CHUNK = 500
const SWEEP_MS = 5000

export function createActorHost(options: ActorHostOptions): ActorHost {
  const { env, journal, limits } = options
  const loadOne = createLoader(journal)
  const cells = new Map<string, Cell>()
  const shards = new Set<number>()
  const counters = { restarts: 0, deadLetters: 0, commands: 0, waiting: 0 }
  let stopped = false
  let sweepTimer: Timer = env.setTimer(SWEEP_MS, sweep)

  function moved(shard: number): BatonError {
    return new BatonError('Moved', `shard ${shard} is not served by ${options.self.node}`)
  }

  function createCell(to: Address, definition: AnyActor): Cell {
    const key = addressKey(to)
    const cell: Cell = {
      address: to,
      key,
      shard: shardOf(to.id),
      definition,
      mailbox: options.system.spawn<Message>(message => handle(cell, message)),
      work: createWorkRunner({
        env,
        now: options.now,
        call: options.call,
        answer: (method, args) => enqueue(cell, { method, args }, options.self, true),
      }),
      state: definition.initial(to.id),
      seq: 0,
      loaded: false,
      unsnapshotted: 0,
      snapshotBytes: 0,
      row: null,
      waiting: [],
      failures: [],
      poisoned: null,
      stopped: false,
      onIdle: null,
      usedMs: env.monotonicMs(),
    }
    cells.set(key, cell)
    return cell
  }

  /** `internal` messages (answers to the actor's own work) are not refused for lack of room: they make room. */
  function enqueue(cell: Cell, command: Command, from: Sender, internal: boolean, deadlineMs = Number.POSITIVE_INFINITY): Promise<unknown> {
    if (!internal && (cell.waiting.length >= limits.inbox || counters.waiting >= limits.total)) {
      const message = `${cell.waiting.length} commands wait for ${cell.key}, ${counters.waiting} on ${options.self.node}`
      return Promise.reject(new BatonError('Overloaded', message, { retryAfterMs: 250 }))
    }
    return new Promise((resolve, reject) => {
      const message: Message = { command, from, queuedMs: env.monotonicMs(), deadlineMs, resolve, reject }
      cell.waiting.push(message)
      counters.waiting++
      cell.mailbox.tell(message)
    })
  }

  /** Most commands only ask, or are refused: those are done at once. Whoever must wait for the journal pays for a promise. */
  function handle(cell: Cell, message: Message): void | Promise<void> {
    try {
      const refusal = refusalOf(cell, message)
      const decision = refusal ?? (cell.loaded ? decide(cell, message) : null)
      if (decision === null || (decision.ok && decision.events.length > 0)) return handleSlowly(cell, message, decision)
      answer(cell, message, decision)
    } catch (error) {
      return recover(cell, message, error)
    }
    finish(cell)
  }

  async function handleSlowly(cell: Cell, message: Message, decided: AnyDecision | null): Promise<void> {
    try {
      if (!decided) await load(cell)
      const decision = decided ?? refusalOf(cell, message) ?? decide(cell, message)
      if (decision.ok && decision.events.length > 0) await commit(cell, decision.events)
      answer(cell, message, decision)
    } catch (error) {
      return recover(cell, message, error)
    }
    finish(cell)
  }

  async function recover(cell: Cell, message: Message, error: unknown): Promise<void> {
    if (!(error instanceof BatonError)) await failed(cell, error)
    message.reject(toError(toFault(error)))
    finish(cell)
  }

  function finish(cell: Cell): void {
    if (cell.waiting.shift()) counters.waiting--
    if (cell.waiting.length === 0) cell.onIdle?.()
  }

  /** Why a command is not even looked at, or null. */
  function refusalOf(cell: Cell, { command, queuedMs, deadlineMs }: Message): AnyDecision | null {
    if (cell.stopped) return { ok: false, fault: toFault(moved(cell.shard)) }
    cell.usedMs = queuedMs
    if (deadlineMs !== Number.POSITIVE_INFINITY && env.monotonicMs() > deadlineMs)
      return refuse('DeadlineExceeded', `${command.method} waited too long for ${cell.key}`)
    return cell.poisoned === null ? null : refuse('Poisoned', `${cell.key} was set aside: ${cell.poisoned}`)
  }

  function decide(cell: Cell, { command, from }: Message): AnyDecision {
    counters.commands++
    return cell.definition.decide(cell.state, command, { id: cell.address.id, now: options.now(), from })
  }

  function answer(cell: Cell, message: Message, decision: AnyDecision): void {
    if (decision.ok) message.resolve(decision.reply?.(cell.state) ?? null)
    else message.reject(toError(decision.fault))
  }

  async function commit(cell: Cell, events: readonly ActorEvent[]): Promise<void> {
    const { definition, address } = cell
    const now = options.now()
    let state = cell.state
    for (const event of events) state = definition.evolve(state, event, now)
    const stored: StoredEvent[] = events.map((event, i) => ({
      seq: cell.seq + 1 + i,
      type: event.type,
      version: definition.version,
      data: event as unknown as Json,
      at: now,
    }))
    const work = definition.work(state, address.id)
    const row = definition.view(state, address.id)
    // A snapshot costs as much as its size, so a large state is snapshotted less often: the cost per event stays the same.
    const due = cell.unsnapshotted + events.length >= Math.max(limits.snapshotEvery, cell.snapshotBytes / 200)
    try {
      await journal.append({
        actor: address,
        shard: cell.shard,
        events: stored,
        awake: work.length > 0,
        finished: definition.finished(state),
        row,
        ...(due ? { snapshot: state as Json } : {}),
      })
    } catch (error) {
      if (error instanceof BatonError && error.code === 'Fenced') options.onFenced(error)
      // What the database refused is a defect of this actor, to be handled as a failure; the rest passes as it is.
      if (error instanceof BatonError && error.code === 'JournalRefused') throw new Error(error.message, { cause: error })
      throw error
    }
    cell.state = state
    cell.seq += events.length
    cell.row = row
    cell.unsnapshotted = due ? 0 : cell.unsnapshotted + events.length
    if (due) cell.snapshotBytes = JSON.stringify(state).length
    if (!cell.stopped) cell.work.reconcile(work)
    options.onCommitted?.(address, row)
  }

  async function load(cell: Cell): Promise<void> {
    restore(cell, await loadOne(cell.address))
  }

  /** Folds what was stored into the cell and starts the work its state asks for. */
  function restore(cell: Cell, loaded: Loaded): void {
    const { definition, address } = cell
    const snapshot = loaded.snapshot
    let state: unknown = snapshot ? snapshot.state : definition.initial(address.id)
    let seq = snapshot?.seq ?? 0
    for (const event of loaded.events) {
      if (event.seq !== seq + 1) throw new Error(`${cell.key}: event ${event.seq} follows ${seq}`)
      const data = event.data as unknown as { type: string }
      state = definition.evolve(
        state,
        event.version === definition.version || !definition.upcast ? data : definition.upcast(data, event.version),
        event.at,
      )
      seq = event.seq
    }
    cell.state = state
    cell.seq = seq
    cell.unsnapshotted = loaded.events.length
    cell.loaded = true
    if (seq > 0) {
      cell.row = definition.view(state, address.id)
      cell.work.reconcile(definition.work(state, address.id))
      options.onCommitted?.(address, cell.row)
    }
  }

  /** A defect in an actor: forget its state, and read it again from the journal after a pause; too often, set it aside. */
  async function failed(cell: Cell, error: unknown): Promise<void> {
    const reason = error instanceof Error ? error.message : String(error)
    const { verdict, failures } = judgeFailure(options.restart, cell.failures, env.monotonicMs())
    cell.failures = failures
    cell.loaded = false
    cell.work.reconcile([])
    env.log.error({ actor: cell.key, error, failures: failures.length }, 'actor failed')
    if (!verdict.restart) return poison(cell, reason)
    counters.restarts++
    const pauseMs = backoffMs(env, verdict.attempt, options.restart.backoffBaseMs, options.restart.backoffCapMs)
    // The mailbox waits with us: nothing else is handled by this actor meanwhile.
    await new Promise<void>(resolve => env.setTimer(pauseMs, resolve))
    if (cell.stopped) return
    try {
      await load(cell)
    } catch (again) {
      cell.loaded = false
      if (again instanceof BatonError) return
      poison(cell, again instanceof Error ? again.message : String(again))
    }
  }

  function poison(cell: Cell, reason: string): void {
    cell.poisoned = reason
    cell.work.reconcile([])
    options.onPoisoned?.(cell.address, reason)
  }

  function forget(cell: Cell): void {
    cell.stopped = true
    cell.work.reconcile([])
    cells.delete(cell.key)
    cell.mailbox.stop()
    for (const message of cell.waiting.splice(0)) {
      counters.waiting--
      message.reject(moved(cell.shard))
    }
  }

  function sweep(): void {
    if (stopped) return
    const now = env.monotonicMs()
    for (const cell of [...cells.values()]) {
      if (cell.waiting.length === 0 && !cell.work.busy() && !cell.poisoned && now - cell.usedMs > limits.idleMs) forget(cell)
    }
    sweepTimer = env.setTimer(SWEEP_MS, sweep)
  }

  return {
    deliver(to, command, from, deadlineMs) {
      const key = addressKey(to)
      // A living cell is of a shard owned here; only for the others must the shard be computed.
      const cell = cells.get(key)
      if (!cell || cell.stopped) {
        const shard = shardOf(to.id)
        if (stopped || !shards.has(shard)) return Promise.reject(moved(shard))
      }
      const definition = cell?.definition ?? options.definitions.get(to.kind)
      const method = definition?.methods[command.method]
      if (!definition || !method || (from.role !== 'conductor' && !method.from?.includes(from.role))) {
        counters.deadLetters++
        return Promise.reject(new BatonError('UnknownMethod', `${key} has no method ${command.method} for a ${from.role}`))
      }
      const wrong = method.check?.(command.args)
      if (wrong) return Promise.reject(new BatonError('BadRequest', `${to.kind}.${command.method}: ${wrong}`))
      return enqueue(cell ?? createCell(to, definition), command, from, false, deadlineMs)
    },
    owns: shard => shards.has(shard),
    owned: () => [...shards],
    async adopt(taken) {
      const addresses = await journal.awake(taken)
      for (const shard of taken) shards.add(shard)
      let resumed = 0
      let firstMs: number | null = null
      for (let i = 0; i < addresses.length; i += LOAD_CHUNK) {
        const fresh = addresses.slice(i, i + LOAD_CHUNK).filter(a => !cells.has(addressKey(a)))
        for (const loaded of await journal.load(fresh)) {
          const definition = options.definitions.get(loaded.actor.kind)
          // A message may have come meanwhile and brought the actor to life by itself.
          if (!definition || stopped || !shards.has(shardOf(loaded.actor.id)) || cells.has(addressKey(loaded.actor))) continue
          const cell = createCell(loaded.actor, definition)
          try {
            restore(cell, loaded)
            resumed++
            firstMs ??= env.monotonicMs()
          } catch (error) {
            poison(cell, error instanceof Error ? error.message : String(error))
          }
        }
      }
      return { actors: resumed, firstMs }
    },
    async drain(given) {
      for (const shard of given) shards.delete(shard)
      const leaving = new Set(given)
      for (const cell of [...cells.values()]) {
        if (!leaving.has(cell.shard)) continue
        // The command in hand is finished; `handle` refuses the rest of the inbox as it comes to it.
        cell.stopped = true
        cell.work.reconcile([])
        if (cell.waiting.length > 0) await new Promise<void>(resolve => (cell.onIdle = resolve))
        forget(cell)
      }
    },
    stats() {
      let busiest: Cell | null = null
      let oldestMs = 0
      const now = env.monotonicMs()
      const poisoned: string[] = []
      for (const cell of cells.values()) {
        if (cell.waiting.length > (busiest?.waiting.length ?? 0)) busiest = cell
        const first = cell.waiting[0]
        if (first) oldestMs = Math.max(oldestMs, now - first.queuedMs)
        if (cell.poisoned) poisoned.push(cell.key)
      }
      return {
        actors: cells.size,
        waiting: counters.waiting,
        oldestMs,
        busiest: busiest?.key ?? null,
        restarts: counters.restarts,
        deadLetters: counters.deadLetters,
        commands: counters.commands,
        poisoned,
      }
    },
    stop() {
      stopped = true
      sweepTimer.cancel()
      shards.clear()
      for (const cell of [...cells.values()]) forget(cell)
    },
  }
}
