/**
 * Emptying a host: a drain, the way into maintenance, or the evacuation of a host that has died. One durable actor per operation, with
 * the id `<host>.<number>`, so that it lives in the shard of its host, and is a row among the operations.
 *
 * What is on the host it learns from the claims the host's actor holds: whoever holds room there is still there. So it looks at the claims,
 * has each instance moved, looks again, and is done when there are none. How each one stands it learns by asking the instance again and again,
 * and not from a report of it: an answer to a question that follows from the state cannot be lost in a crash, and instances need
 * to know nothing of drains. What to do about an instance stands in `items.ts`.
 *
 * Cancel begins nothing new, and ends when what was begun has ended. What was moved stays moved.
 */
import type { InstanceBody, OperationBody, StepRecord } from '../api.ts'
import { address } from '../kernel/address.ts'
import { anyOf, checkObject, flag, integer, optional, record, text } from '../kernel/check.ts'
import { accept, type DecideContext, type Decision, defineActor, refuse, type Work, type WorkResult } from '../kernel/define.ts'
import type { Fault } from '../kernel/errors.ts'
import { checkRequester } from '../kernel/requester.ts'
import { operationRow } from '../operation/row.ts'
import { operationTrace } from '../operation/trace.ts'
import { HOST_OPERATION_KINDS, type HostOperationArgs, type HostOperationEnded } from './contract.ts'
import { again, type Item, judge, type Verdict } from './items.ts'
import { evolve, type HostOperationEvent, type HostOperationState, INITIAL } from './progress.ts'

/** A host may hold many instances, and moves take as long as they take, ms. */
const DEADLINE_MS = 24 * 3_600_000
/** Pauses between looks at an instance that moves: the first, and the longest, ms. */
const LOOK_BASE_MS = 150
const LOOK_CAP_MS = 2000
/** Pause before an instance that was busy, or whose move came to nothing, has its turn again, ms. */
const LATER_MS = 2000
const REPORT_AGAIN_MS = 2000
/** Instances named in the reason of a failure. */
const NAMED = 10
const WAKE = 'wake:'
/** Times an instance may be found to hold room here after it has gone. */
const RETURNS = 3

type HostOperationCommand =
  | { readonly method: 'start'; readonly args: HostOperationArgs & { readonly host: string } }
  | { readonly method: 'cancel'; readonly args: { readonly overtaken?: boolean } }
  | { readonly method: 'get'; readonly args: unknown }
  | { readonly method: '@result'; readonly args: WorkResult }
  | { readonly method: '@timer'; readonly args: { readonly key: string } }

type D = Decision<HostOperationState, HostOperationEvent>

function decide(state: HostOperationState, command: HostOperationCommand, { id, now }: DecideContext): D {
  switch (command.method) {
    case 'start': {
      if (state.phase !== 'new') return accept([])
      const { host, ...args } = command.args
      return accept([{ type: 'started', host, args, deadlineAt: now + DEADLINE_MS }])
    }
    case 'get':
      return state.phase === 'new' ? refuse('NotFound', `there is no operation ${id}`) : accept([], s => bodyOf(s, id))
    case 'cancel':
      return decideCancel(state, command.args.overtaken === true, id)
    case '@timer':
      if (command.args.key === 'deadline' && state.phase === 'moving') return accept([ending(state, 'DeadlineExceeded')])
      return accept(
        state.phase === 'moving' && command.args.key.startsWith(WAKE) ? [{ type: 'woken', until: Number(command.args.key.slice(WAKE.length)) }] : [],
      )
    case '@result':
      return decideResult(state, command.args, now)
  }
}

function decideCancel(state: HostOperationState, overtaken: boolean, id: string): D {
  const reply = (s: HostOperationState) => bodyOf(s, id)
  if (state.phase === 'new') return refuse(overtaken ? 'Unavailable' : 'NotFound', `there is no operation ${id}`)
  if (state.phase !== 'moving') return overtaken ? accept([]) : refuse('Conflict', `operation ${id} has ended: ${state.outcome}`)
  if (state.cancelRequested) return accept([], reply)
  return accept([{ type: 'cancelRequested' }, ...(state.active.length === 0 ? [ending(state, 'Cancelled')] : [])], reply)
}

function decideResult(state: HostOperationState, result: WorkResult, now: number): D {
  if (state.phase === 'reporting') {
    if (result.key !== `report:${state.reports}`) return accept([])
    return accept([
      result.ok || result.fault?.code === 'NotFound' ? { type: 'reported' } : { type: 'reportFailed', notBefore: now + REPORT_AGAIN_MS },
    ])
  }
  if (state.phase !== 'moving') return accept([])
  if (result.key === `claims:${state.looks}`) return accept(decideClaims(state, result, now))
  const item = state.active.find(each => keyOf(each) === result.key)
  if (!item) return accept([])
  const event = decideItem(state, item, result, now)
  const stays = event.type === 'stays' || event.type === 'asking' || event.type === 'asked'
  const last = !stays && state.cancelRequested && state.active.length === 1
  return accept(last ? [event, ending(evolve(state, event, now), 'Cancelled')] : [event])
}

/** Who holds room here and is not known, or has come back; and the end, when nobody is left but those that cannot be moved. */
function decideClaims(state: HostOperationState, { ok, value }: WorkResult, now: number): HostOperationEvent[] {
  if (!ok) return [{ type: 'found', instances: [], lookAt: now + LATER_MS }]
  const claims = Object.values(value as Record<string, { readonly instance: string }>)
  const known = new Set(state.failed.map(({ instance }) => instance))
  const open = [...new Set(claims.map(claim => claim.instance))].filter(instance => !known.has(instance))
  const stuck = open.filter(instance => (state.moved[instance] ?? 0) >= RETURNS)
  const failures: HostOperationEvent[] = stuck.map(instance => ({ type: 'failed', instance, reason: 'it is not here, but its room is still held' }))
  const instances = open.filter(instance => !stuck.includes(instance))
  if (instances.length > 0) return [...failures, { type: 'found', instances, lookAt: now + LOOK_BASE_MS }]
  const last = failures.reduce((s, event) => evolve(s, event, now), state)
  return [...failures, last.failed.length === 0 ? { type: 'ended', outcome: 'done', fault: null } : ending(last, 'Conflict')]
}

function decideItem(state: HostOperationState, item: Item, { ok, value, fault }: WorkResult, now: number): HostOperationEvent {
  const { instance } = item
  if (item.stage === 'ask') {
    if (ok) return { type: 'asked', instance, notBefore: now + LOOK_BASE_MS }
    return eventOf(item, fault?.code === 'NotFound' ? { next: 'left' } : again(item, fault ?? null), state, now)
  }
  if (!ok && fault?.code !== 'NotFound') return eventOf(item, again(item, fault ?? null), state, now)
  return eventOf(item, judge(state, item, ok ? (value as InstanceBody) : null), state, now)
}

function eventOf({ instance, looks, attempts }: Item, verdict: Verdict, state: HostOperationState, now: number): HostOperationEvent {
  switch (verdict.next) {
    case 'left':
      return { type: 'left', instance }
    case 'failed':
      return { type: 'failed', instance, reason: verdict.reason }
    case 'stay':
      return { type: 'stays', instance, notBefore: now + Math.min(LOOK_CAP_MS, LOOK_BASE_MS * 1.5 ** Math.min(looks, 20)) }
    case 'later':
      return { type: 'postponed', instance, failed: verdict.failed, notBefore: now + LATER_MS * (attempts + 1) }
    case 'ask':
      // What was begun before a cancel goes on; what was only looked at does not begin.
      if (state.cancelRequested) return { type: 'postponed', instance, failed: false, notBefore: now }
      return { type: 'asking', instance, action: verdict.action, coldOnly: verdict.coldOnly || state.coldOnly }
  }
}

const WHY = { Cancelled: 'cancelled by request', DeadlineExceeded: 'not finished by its deadline', Conflict: 'not all could be moved' } as const

function ending(state: HostOperationState, code: keyof typeof WHY): HostOperationEvent {
  const { total, moved } = countsOf(state)
  const names = state.failed.slice(0, NAMED).map(({ instance, reason }) => `${instance}: ${reason}`)
  const more = state.failed.length > NAMED ? ` (and ${state.failed.length - NAMED} more)` : ''
  const failures = names.length > 0 ? `; ${state.failed.length} could not be moved: ${names.join('; ')}${more}` : ''
  const fault: Fault = { code, message: `${WHY[code]}: ${moved} of ${total} instances moved${failures}` }
  return { type: 'ended', outcome: code === 'Cancelled' ? 'undone' : 'failed', fault }
}

const keyOf = ({ stage, instance, attempts, looks, action }: Item): string => `${stage}:${instance}:${attempts}:${action ?? ''}:${looks}`

/** The request under which an instance is asked to move: of its own for every attempt and way. */
const requestOf = (id: string, { attempts, action }: Item): string =>
  `req-${`${id}-${action}-${attempts}`.replaceAll(/[^0-9a-zA-Z-]/g, '-').slice(-60)}`

function itemWork(state: HostOperationState, item: Item, id: string): Work {
  const to = address('instance', item.instance)
  // Looks are many and tell nothing; what the trace has is what was begun.
  if (item.stage === 'look')
    return { type: 'call', key: keyOf(item), to, method: 'get', args: {}, notBefore: item.notBefore, context: { requestId: state.requestId } }
  const requestId = requestOf(id, item)
  const followUp = item.action === 'migrate' ? { followUp: { kind: 'confirm-resize', afterMs: 0 } } : {}
  const trace = operationTrace(id, state.by?.trace, [moveOf(state)])
  const traced = trace === undefined ? {} : { trace }
  const by = state.by ? { by: { ...state.by, ...traced } } : {}
  const args = { action: item.action, leaving: state.host, requestId, ...by, ...followUp }
  return { type: 'call', key: keyOf(item), to, method: 'act', args, context: { requestId, ...traced } }
}

function work(state: HostOperationState, id: string): Work[] {
  if (state.phase === 'new' || state.phase === 'ended') return []
  const host = address('host', state.host)
  if (state.phase === 'reporting') {
    const { outcome } = state
    const args: HostOperationEnded = { operation: id, outcome: outcome ?? 'failed', reason: reasonOf(state, id) }
    return [{ type: 'call', key: `report:${state.reports}`, to: host, method: 'ended', args, notBefore: state.lookAt }]
  }
  const items: Work[] = [{ type: 'timer', key: 'deadline', at: state.deadlineAt }, ...state.active.map(item => itemWork(state, item, id))]
  if (state.cancelRequested) return items
  if (state.active.length === 0 && state.queue.length === 0)
    items.push({ type: 'call', key: `claims:${state.looks}`, to: host, method: 'claims', args: {}, notBefore: state.lookAt })
  if (state.active.length < state.parallel && state.queue.length > 0) {
    const at = Math.min(...state.queue.map(item => item.notBefore))
    items.push({ type: 'timer', key: `${WAKE}${at}`, at })
  }
  return items
}

/** What the host says of itself from now on. */
const reasonOf = ({ outcome, failed }: HostOperationState, id: string): string =>
  outcome === 'done' ? `drained by operation ${id}` : `operation ${id} could not move ${failed.length} of its instances`

function countsOf({ active, queue, failed, moved }: HostOperationState) {
  const left = active.length + queue.length
  // Who has gone and holds room again counts once.
  const again = [...active, ...queue, ...failed].filter(({ instance }) => Object.hasOwn(moved, instance)).length
  const gone = Object.keys(moved).length - again
  return { total: gone + failed.length + left, moved: gone, failed: failed.length, left }
}

/** Its one step. */
function moveOf(state: HostOperationState): StepRecord {
  const { outcome, startedAt, endedAt, fault } = state
  const how = outcome === null ? 'running' : outcome === 'done' ? 'done' : 'failed'
  return { name: 'move', direction: 'do', state: how, attempt: 1, startedAt, endedAt, fault, progress: countsOf(state) }
}

function bodyOf(state: HostOperationState, id: string): OperationBody | null {
  if (state.phase === 'new') return null
  const { kind, host, requestId, by, startedAt, deadlineAt, cancelRequested, fault, outcome, phase } = state
  // As of every operation: its end is seen when its subject knows.
  const endedAt = phase === 'ended' ? state.endedAt : null
  const status = phase === 'ended' && outcome ? outcome : 'running'
  const whose = { requestId, ...(by ? { by } : {}) }
  return { id, kind, subject: host, ...whose, status, steps: [moveOf(state)], plan: ['move'], startedAt, endedAt, deadlineAt, cancelRequested, fault }
}

export const hostOperationActor = defineActor<HostOperationState, HostOperationCommand, HostOperationEvent>({
  kind: 'host-operation',
  version: 1,
  methods: {
    start: {
      check: checkObject({
        kind: anyOf(...HOST_OPERATION_KINDS),
        host: text(255),
        parallel: integer(1, 100),
        cold: flag,
        requestId: text(128),
        by: optional(checkRequester),
      }),
    },
    cancel: { check: record },
    get: { reads: true },
  },
  initial: () => INITIAL,
  decide,
  evolve,
  work,
  view(state, id) {
    const body = bodyOf(state, id)
    if (!body) return null
    return operationRow(id, body, state.phase !== 'ended', state.updatedAt)
  },
  finished: state => state.phase === 'ended',
})
