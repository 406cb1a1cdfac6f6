/**
 * An operation actor in a test's hand. Every event goes to a journal of JSON text, and after each one the actor is killed and
 * folded again from that journal: it must stand where it stood and ask for the very same work.
 */
import { isDeepStrictEqual } from 'node:util'
import type { OperationBody } from '../../actors/api.ts'
import { addressKey } from '../../actors/kernel/address.ts'
import type { CallWork, Work } from '../../actors/kernel/define.ts'
import type { ErrorCode, Fault } from '../../actors/kernel/errors.ts'
import { catalogue } from '../../actors/operation/catalogue/index.ts'
import type { OperationArgs, OperationEnded } from '../../actors/operation/contract.ts'
import { operationActor } from '../../actors/operation/operation.ts'
import type { OperationSpec } from '../../actors/operation/step.ts'
import { SPEC } from './instance.ts'

export const ID = 'i1.7'
export const ARGS: OperationArgs = { spec: SPEC, host: 'h1', claim: 'i1.1', mode: null }
export const NOWHERE: OperationArgs = { ...ARGS, host: null, claim: null }

export interface Run {
  /** Cluster time, ms. */
  now: number
  body(): OperationBody
  work(): readonly Work[]
  /** The command the operation waits for, or the report at its end. */
  call(): CallWork
  /** `step method target` of every command so far, the current one included. */
  readonly said: readonly string[]
  /** Ranks of the commands in `said`. */
  readonly orders: readonly number[]
  phase(): string
  answer(value?: unknown): void
  refuse(code: ErrorCode, message?: string): void
  /** Delivers a timer at the time it asks for; throws when the operation asks for no such timer. */
  fire(key: string): void
  /** The timer of the current attempt. */
  timeout(): void
  cancel(overtaken?: boolean): { ok: boolean; fault?: Fault }
  /** A command as it is, whatever the operation makes of it. */
  send(method: string, args: unknown): { ok: boolean; fault?: Fault; events: number }
  reported(): OperationEnded
}

const json = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

/** An operation not started yet. */
export function newRun(specs: ReadonlyMap<string, OperationSpec> = catalogue()): Run {
  const actor = operationActor(specs)
  type State = ReturnType<typeof actor.initial>
  type Event = Parameters<typeof actor.evolve>[1]
  const journal: { text: string; at: number }[] = []
  const said: string[] = []
  const orders: number[] = []
  let state: State = actor.initial(ID)
  let lastKey = ''

  const fold = (s: State, entry: { text: string; at: number }): State => actor.evolve(s, JSON.parse(entry.text) as Event, entry.at)

  function crash(): void {
    const again = journal.reduce(fold, actor.initial(ID))
    if (!isDeepStrictEqual(json(again), json(state))) throw new Error('the state after a crash differs')
    if (!isDeepStrictEqual(json(actor.work(again, ID)), json(actor.work(state, ID)))) throw new Error('the work after a crash differs')
    state = again
  }

  function note(): void {
    const call = actor.work(state, ID).find(w => w.type === 'call')
    if (call?.type !== 'call' || call.key === lastKey) return
    lastKey = call.key
    said.push(`${call.method} ${addressKey(call.to)}`)
    const order = (call.args as { order?: number }).order
    if (order !== undefined) orders.push(order)
  }

  const run: Run = {
    now: 1_000_000,
    said,
    orders,
    work: () => actor.work(state, ID),
    phase: () => state.phase,
    body() {
      const row = actor.view(state, ID)
      if (!row) throw new Error('the operation has not begun')
      return row.body as OperationBody
    },
    call() {
      const call = actor.work(state, ID).find(w => w.type === 'call')
      if (call?.type !== 'call') throw new Error('the operation waits for no answer')
      return call
    },
    send(method, args) {
      const wrong = actor.methods[method]?.check?.(args)
      if (wrong) throw new Error(`${method}: ${wrong}`)
      const decision = actor.decide(state, { method, args } as Parameters<typeof actor.decide>[1], {
        id: ID,
        now: run.now,
        from: { role: 'conductor', node: 'c1' },
      })
      if (!decision.ok) return { ok: false, fault: decision.fault, events: 0 }
      for (const event of decision.events) {
        const entry = { text: JSON.stringify(event), at: run.now }
        journal.push(entry)
        state = fold(state, entry)
        crash()
        note()
      }
      return { ok: true, events: decision.events.length }
    },
    answer(value = null) {
      run.send('@result', { key: run.call().key, ok: true, value })
    },
    refuse(code, message = 'refused') {
      run.send('@result', { key: run.call().key, ok: false, fault: { code, message } })
    },
    fire(key) {
      const timer = run.work().find(w => w.key === key)
      if (timer?.type !== 'timer') throw new Error(`there is no timer ${key}`)
      run.now = Math.max(run.now, timer.at)
      run.send('@timer', { key })
    },
    timeout() {
      const key = run.work().find(w => w.key.startsWith('timeout:'))?.key ?? 'timeout'
      run.fire(key)
    },
    cancel: (overtaken = false) => run.send('cancel', overtaken ? { overtaken: true } : {}),
    reported() {
      const call = run.call()
      if (call.method !== 'ended') throw new Error(`the operation is at ${call.method}, not at its end`)
      return call.args as OperationEnded
    },
  }
  return run
}

/** A started operation of this kind. */
export function started(kind: string, args: OperationArgs = kind === 'build' ? NOWHERE : ARGS, specs?: ReadonlyMap<string, OperationSpec>): Run {
  const run = newRun(specs)
  run.send('start', { kind, subject: 'i1', requestId: 'req-1', args })
  return run
}

/** What a willing cluster answers: three hosts to a pick, nothing else needs a value. */
export const goodAnswer = (call: CallWork): unknown => (call.method === 'pick' ? { hosts: ['h1', 'h2', 'h3'] } : null)

/** Answers well until the named command is due, or the end is to be reported. */
export function advance(run: Run, until: string): void {
  for (let i = 0; i < 50; i++) {
    const call = run.call()
    if (call.method === until || call.method === 'ended') return
    run.answer(goodAnswer(call))
  }
  throw new Error('it does not come to an end')
}
