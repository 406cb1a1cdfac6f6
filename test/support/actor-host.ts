/** An actor host over the memory database, with a small actor of its own and a hand on everything the host depends on. */
import { address } from '../../actors/kernel/address.ts'
import { type AnyActor, accept, defineActor, refuse, type Sender, type Work } from '../../actors/kernel/define.ts'
import type { BatonError } from '../../actors/kernel/errors.ts'
import type { Append, Incarnation, Journal } from '../../actors/kernel/ports.ts'
import { createMemoryDatabase, type MemoryDatabase } from '../../persistence/memory.ts'
import { type ActorHost, type ActorHostOptions, createActorHost } from '../../supervisors/hosting/actor-host.ts'
import { createActorSystem } from '../../supervisors/hosting/actor-system.ts'
import type { Bench } from './simulated.ts'

export const CONDUCTOR: Sender = { role: 'conductor', node: 'c1' }

interface State {
  readonly sum: number
  readonly wanted: readonly string[]
  readonly heard: readonly string[]
  readonly done: boolean
  readonly spoilt?: boolean
}

type Command =
  | { readonly method: 'add'; readonly args: { readonly n: number } }
  | { readonly method: 'want'; readonly args: { readonly key: string } }
  | { readonly method: 'get'; readonly args: unknown }
  | { readonly method: 'refuse'; readonly args: unknown }
  /** A defect in `decide`, as often as the test says. */
  | { readonly method: 'boom'; readonly args: unknown }
  /** A defect in the reply, and one in the view, of which the state knows. */
  | { readonly method: 'badReply' | 'badView'; readonly args: unknown }
  | { readonly method: 'finish'; readonly args: unknown }
  | { readonly method: '@result'; readonly args: { readonly key: string } }
  | { readonly method: '@timer'; readonly args: { readonly key: string } }

type Event =
  | { readonly type: 'added'; readonly n: number }
  | { readonly type: 'wanted' | 'heard'; readonly key: string }
  | { readonly type: 'finished' | 'spoilt' }

/** Wants `timer-…` as a timer in one second, everything else as a call. */
const workOf = (key: string): Work =>
  key.startsWith('timer-') ? { type: 'timer', key, at: 0 } : { type: 'call', key, to: address('compute', 'h1'), method: key, args: {} }

export function counterActor(defects: { left: number }): AnyActor {
  return defineActor<State, Command, Event>({
    kind: 'counter',
    version: 1,
    methods: {
      add: { check: args => (typeof (args as { n?: unknown } | null)?.n === 'number' ? null : 'n must be a number'), from: ['gateway'] },
      want: {},
      get: { reads: true },
      refuse: {},
      boom: {},
      badReply: {},
      badView: {},
      finish: {},
    },
    initial: () => ({ sum: 0, wanted: [], heard: [], done: false }),
    decide(state, command) {
      switch (command.method) {
        case 'add':
          return accept([{ type: 'added', n: command.args.n }], s => s.sum)
        case 'want':
          return accept([{ type: 'wanted', key: command.args.key }])
        case 'get':
          return accept([], s => s)
        case 'refuse':
          return refuse('Conflict', `it is ${state.sum}`)
        case 'boom':
          if (defects.left-- > 0) throw new TypeError('a planted defect')
          return accept([], s => s.sum)
        case 'badReply':
          return accept([{ type: 'added', n: 1 }], () => {
            throw new TypeError('a planted defect in a reply')
          })
        case 'badView':
          return accept([{ type: 'spoilt' }])
        case 'finish':
          return accept([{ type: 'finished' }])
        case '@result':
        case '@timer':
          return accept([{ type: 'heard', key: command.args.key }])
      }
    },
    evolve(state, event) {
      switch (event.type) {
        case 'added':
          return { ...state, sum: state.sum + event.n }
        case 'wanted':
          return { ...state, wanted: [...state.wanted, event.key] }
        case 'heard':
          return { ...state, wanted: state.wanted.filter(key => key !== event.key), heard: [...state.heard, event.key] }
        case 'spoilt':
          return { ...state, spoilt: true }
        case 'finished':
          return { ...state, done: true }
      }
    },
    work: state => state.wanted.map(workOf),
    view(state, id) {
      if (state.spoilt) throw new TypeError('a planted defect in a view')
      return { table: 'flavor', id, columns: { name: id, deleted: false, created_at: 0, updated_at: 0 }, body: { id, sum: state.sum } }
    },
    finished: state => state.done,
  })
}

export interface Hosted {
  readonly host: ActorHost
  readonly database: MemoryDatabase
  readonly incarnation: Incarnation
  /** What happened, in order: `append counter/a 1`, `call x`, `fenced`, `poisoned counter/a`, `committed counter/a`. */
  readonly trace: string[]
  readonly defects: { left: number }
  readonly control: {
    /** Rejects the next append with this. */
    refuseAppend: BatonError | null
    /** Appends wait here while it is not null. */
    held: (() => void)[] | null
  }
  /** Calls of actors that wait for an answer. */
  readonly calls: { readonly method: string; resolve(value: unknown): void; reject(error: BatonError): void }[]
  send(id: string, method: string, args?: unknown, deadlineMs?: number): Promise<unknown>
  stop(): void
}

export const LIMITS = { inbox: 5, total: 20, idleMs: 10_000, snapshotEvery: 3 }
export const RESTART = { limit: 3, periodMs: 60_000, backoffBaseMs: 100, backoffCapMs: 1000 }
const ALL = Array.from({ length: 256 }, (_, shard) => shard)

export function newDatabase(bench: Bench): MemoryDatabase {
  return createMemoryDatabase({ now: bench.now, delay: fn => void bench.loop.schedule(1, fn) })
}

/** A conductor's worth of actors that serves all shards, or none yet with `adopt: false`. */
export async function hosted(
  bench: Bench,
  more: { database?: MemoryDatabase; adopt?: boolean; limits?: Partial<typeof LIMITS>; definitions?: readonly AnyActor[]; node?: string } = {},
): Promise<Hosted> {
  const database = more.database ?? newDatabase(bench)
  const node = more.node ?? 'c1'
  const me = { nodeId: node, endpoint: `sim://${node}`, pid: 1, version: '0', host: 'h', machine: { boot: node, uptimeMs: 0 } }
  // Nobody else is there who could say how much time has passed.
  const join = database.membership.join(me, true)
  const { incarnation } = await bench.value(join)
  await bench.value(database.membership.claim(incarnation, ALL))
  const inner = database.journal(incarnation)
  const trace: string[] = []
  const control: Hosted['control'] = { refuseAppend: null, held: null }
  const calls: { method: string; resolve(value: unknown): void; reject(error: BatonError): void }[] = []
  const defects = { left: 0 }

  async function append(entry: Append): Promise<void> {
    const refusal = control.refuseAppend
    control.refuseAppend = null
    if (refusal) throw refusal
    if (control.held) await new Promise<void>(resolve => control.held?.push(resolve))
    await inner.append(entry)
    trace.push(`append ${entry.actor.kind}/${entry.actor.id} ${entry.events.map(e => e.seq).join(' ')}`)
  }

  const confirm = async (): Promise<void> => {
    await inner.confirm()
    trace.push('confirm')
  }

  const journal: Journal = { append, confirm, load: actors => inner.load(actors), awake: shards => inner.awake(shards) }
  const definitions = [counterActor(defects), ...(more.definitions ?? [])]
  const options: ActorHostOptions = {
    env: bench.env,
    system: createActorSystem(`${node}-${incarnation}`),
    journal,
    definitions: new Map(definitions.map(d => [d.kind, d])),
    now: bench.now,
    self: CONDUCTOR,
    call: (_to, method) =>
      new Promise((resolve, reject) => {
        trace.push(`call ${method}`)
        calls.push({ method, resolve, reject })
      }),
    limits: { ...LIMITS, ...more.limits },
    restart: RESTART,
    onCommitted: actor => trace.push(`committed ${actor.kind}/${actor.id}`),
    onFenced: () => trace.push('fenced'),
    onPoisoned: actor => trace.push(`poisoned ${actor.kind}/${actor.id}`),
  }
  const host = createActorHost(options)
  if (more.adopt !== false) await bench.value(host.adopt(ALL))
  return {
    host,
    database,
    incarnation,
    trace,
    defects,
    control,
    calls,
    send: (id, method, args = {}, deadlineMs) => host.deliver(address('counter', id), { method, args }, CONDUCTOR, deadlineMs),
    stop() {
      host.stop()
      options.system.stop()
    },
  }
}

export { ALL as ALL_SHARDS }
