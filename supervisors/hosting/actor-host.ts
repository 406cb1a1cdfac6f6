/**
 * The durable actors of this node: which are alive, which shards they may be of, and what is let go when it is idle. What
 * happens within one of them is the business of `cell.ts`.
 */
import { type Address, addressKey, shardOf } from '../../actors/kernel/address.ts'
import type { ActorEvent, AnyActor, Command, Sender, ViewRow } from '../../actors/kernel/define.ts'
import type { Env, Timer } from '../../actors/kernel/env.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import type { Journal } from '../../actors/kernel/ports.ts'
import { isStorable } from '../../actors/kernel/storable.ts'
import type { ActorSystem } from './actor-system.ts'
import { type Cell, type CellContext, createCell } from './cell.ts'
import { createLoader } from './loader.ts'
import type { RestartPolicy } from './restart.ts'

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
  onCommitted?(actor: Address, row: ViewRow | null, events: readonly ActorEvent[]): void
  /** The journal says this conductor was declared dead. */
  onFenced(error: BatonError): void
  onPoisoned?(actor: Address, reason: string): void
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
  /** Has an actor's view row written again. Rejects `Moved` when its shard is not served here. */
  rewrite(to: Address): Promise<unknown>
  /** Forgets that an actor was set aside, and loads it anew. */
  revive(to: Address): Promise<unknown>
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
const UNSTORABLE = 'the id or a text holds a NUL character or half a surrogate pair, or the arguments are nested too deeply'
const SWEEP_MS = 5000

export function createActorHost(options: ActorHostOptions): ActorHost {
  const { env, journal, limits } = options
  const cells = new Map<string, Cell>()
  const shards = new Set<number>()
  const counters = { restarts: 0, deadLetters: 0, commands: 0, waiting: 0 }
  let stopped = false
  let sweepTimer: Timer = env.setTimer(SWEEP_MS, sweep)

  function moved(shard: number): BatonError {
    return new BatonError('Moved', `shard ${shard} is not served by ${options.self.node}`)
  }

  const context: CellContext = {
    ...options,
    load: createLoader(journal),
    snapshotEvery: limits.snapshotEvery,
    counters,
  }

  function spawn(to: Address, definition: AnyActor): Cell {
    const cell = createCell(context, to, definition)
    cells.set(cell.key, cell)
    return cell
  }

  /** The living actor of this address, made if need be. */
  function served(to: Address): Cell {
    const definition = options.definitions.get(to.kind)
    if (stopped || !shards.has(shardOf(to.id))) throw moved(shardOf(to.id))
    if (!definition) throw new BatonError('NotFound', `there are no actors of kind ${to.kind}`)
    return cells.get(addressKey(to)) ?? spawn(to, definition)
  }

  function forget(cell: Cell): void {
    if (cells.get(cell.key) === cell) cells.delete(cell.key)
    cell.drop()
  }

  function sweep(): void {
    if (stopped) return
    const before = env.monotonicMs() - limits.idleMs
    for (const cell of [...cells.values()]) if (cell.idleSince(before)) forget(cell)
    sweepTimer = env.setTimer(SWEEP_MS, sweep)
  }

  return {
    deliver(to, command, from, deadlineMs) {
      const key = addressKey(to)
      // A living cell is of a shard owned here; only for the others must the shard be computed.
      const cell = cells.get(key)
      if (!cell || cell.retired()) {
        const shard = shardOf(to.id)
        if (stopped || !shards.has(shard)) return Promise.reject(moved(shard))
      }
      const definition = cell?.definition ?? options.definitions.get(to.kind)
      // Every object has a `toString`; only what is its own is a method.
      const method = definition && Object.hasOwn(definition.methods, command.method) ? definition.methods[command.method] : undefined
      if (!definition || !method || (from.role !== 'conductor' && !method.from?.includes(from.role))) {
        counters.deadLetters++
        return Promise.reject(new BatonError('UnknownMethod', `${key} has no method ${command.method} for a ${from.role}`))
      }
      const wrong = method.check?.(command.args) ?? (isStorable([to.id, command.args]) ? null : UNSTORABLE)
      if (wrong) return Promise.reject(new BatonError('BadRequest', `${to.kind}.${command.method}: ${wrong}`))
      const waiting = cell?.waiting() ?? 0
      if (waiting >= limits.inbox || counters.waiting >= limits.total) {
        const message = `${waiting} commands wait for ${key}, ${counters.waiting} on ${options.self.node}`
        return Promise.reject(new BatonError('Overloaded', message, { retryAfterMs: 250 }))
      }
      return (cell ?? spawn(to, definition)).deliver(command, from, deadlineMs ?? Number.POSITIVE_INFINITY)
    },
    rewrite: async to => served(to).rewrite(),
    async revive(to) {
      const old = cells.get(addressKey(to))
      if (old?.poisoned() != null) forget(old)
      return served(to).rewrite()
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
          const cell = spawn(loaded.actor, definition)
          try {
            cell.restore(loaded)
            resumed++
            firstMs ??= env.monotonicMs()
          } catch (error) {
            cell.poison(error instanceof Error ? error.message : String(error))
          }
        }
      }
      return { actors: resumed, firstMs }
    },
    async drain(given) {
      for (const shard of given) shards.delete(shard)
      const left = new Set(given)
      const leaving = [...cells.values()].filter(cell => left.has(cell.shard))
      // All at once, so that none takes anything new while another finishes.
      await Promise.all(leaving.map(cell => cell.retire().then(() => forget(cell))))
    },
    stats() {
      let busiest: Cell | null = null
      let oldestMs = 0
      const now = env.monotonicMs()
      const poisoned: string[] = []
      for (const cell of cells.values()) {
        if (cell.waiting() > (busiest?.waiting() ?? 0)) busiest = cell
        oldestMs = Math.max(oldestMs, now - (cell.oldestMs() ?? now))
        if (cell.poisoned() !== null) poisoned.push(cell.key)
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
