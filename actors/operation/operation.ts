/**
 * The interpreter of operations: one durable actor per operation, walking its list of steps forward, and backward when
 * something fails.
 *
 * Where it stands (`phase`, `cursor`) is state, and changes only by events. The command to send follows from where it
 * stands, as work; so whoever loads this actor after a crash sends the same command again, with the same rank, and the
 * receiver does it once. `serial` numbers the commands: it grows whenever the operation moves, and an answer to an
 * earlier command is recognised by its key and ignored.
 */
import type { OperationBody } from '../api.ts'
import { commandOrder } from '../instance/instance.ts'
import { address } from '../kernel/address.ts'
import { checkObject, optional, record, text } from '../kernel/check.ts'
import { type ActorDefinition, accept, type DecideContext, type Decision, defineActor, refuse, type Work, type WorkResult } from '../kernel/define.ts'
import type { Fault } from '../kernel/errors.ts'
import { checkRequester, type Requester } from '../kernel/requester.ts'
import type { RequestContext } from '../kernel/tracing.ts'
import type { OperationArgs, OperationEnded } from './contract.ts'
import { evolve, INITIAL, type OperationEvent, type OperationState } from './progress.ts'
import { operationRow } from './row.ts'
import { END, type Found, type OnFault, type OperationSpec, type Step, type StepContext } from './step.ts'
import { operationTrace } from './trace.ts'

/** Part of the deadline kept for undoing: forward steps must be over by then. */
const UNDO_SHARE = 0.25
const RETRY_BASE_MS = 500
const RETRY_CAP_MS = 15_000

type OperationCommand =
  | {
      readonly method: 'start'
      readonly args: {
        readonly kind: string
        readonly subject: string
        readonly requestId: string
        readonly by?: Requester
        readonly args: OperationArgs
      }
    }
  | { readonly method: 'cancel'; readonly args: { readonly overtaken?: boolean } }
  /** Somebody wants the step under way over at any price. */
  | { readonly method: 'force'; readonly args: unknown }
  | { readonly method: 'get'; readonly args: unknown }
  /** What its subject was told, or is to be told. */
  | { readonly method: 'outcome'; readonly args: unknown }
  | { readonly method: '@result'; readonly args: WorkResult }
  | { readonly method: '@timer'; readonly args: { readonly key: string } }

const named = (spec: OperationSpec, name: string): number => spec.steps.findIndex(s => s.name === name)

function contextOf(state: OperationState, id: string, found: Found = state.found): StepContext {
  const number = Number(id.slice(id.lastIndexOf('.') + 1))
  return { operation: id, subject: state.subject, args: state.args, found, order: commandOrder(number, state.serial) }
}

/** The first step from index `from` on that has something to do. */
function forward(spec: OperationSpec, c: StepContext, from: number): string | null {
  return spec.steps.slice(from).find(s => s.do(c) !== null)?.name ?? null
}

/** The last step from index `from` down to `to` that has something to undo. */
function backward(spec: OperationSpec, c: StepContext, from: number, to: number): string | null {
  for (let i = from; i >= to; i--) if (spec.steps[i]?.undo?.(c)) return spec.steps[i]?.name ?? null
  return null
}

const retryPauseMs = ({ attempt }: OperationState): number => Math.min(RETRY_CAP_MS, RETRY_BASE_MS * 2 ** Math.min(attempt - 1, 10))

/** Cluster time by which forward steps must be over. */
const forwardUntil = (state: OperationState): number => state.deadlineAt - (state.deadlineAt - state.startedAt) * UNDO_SHARE

/** What every operation reads of its instance. */
const operationArgs = checkObject({ spec: checkObject({ flavor: checkObject({ id: text(256) }) }) })

export function operationActor(catalogue: ReadonlyMap<string, OperationSpec>): ActorDefinition<OperationState, OperationCommand, OperationEvent> {
  type D = Decision<OperationState, OperationEvent>
  const specOf = (state: OperationState): OperationSpec => {
    const spec = catalogue.get(state.kind)
    if (!spec) throw new Error(`no operation is called ${state.kind}`)
    return spec
  }
  const currentStep = (state: OperationState): Step => {
    const step = specOf(state).steps[named(specOf(state), state.cursor)]
    if (!step) throw new Error(`operation ${state.kind} has no step ${state.cursor}`)
    return step
  }

  function decide(state: OperationState, command: OperationCommand, context: DecideContext): D {
    const { id, now } = context
    const reply = (s: OperationState) => bodyOf(s, id)
    switch (command.method) {
      case 'start': {
        if (state.phase !== 'new') return accept([])
        const { kind, subject, requestId, by, args } = command.args
        const spec = catalogue.get(kind)
        if (!spec) return refuse('BadRequest', `no operation is called ${kind}`)
        const next = forward(spec, contextOf({ ...state, subject, args }, id), 0)
        return accept([{ type: 'started', kind, subject, requestId, ...(by ? { by } : {}), args, deadlineAt: now + spec.deadlineMs, next }])
      }
      case 'get':
        return state.phase === 'new' ? refuse('NotFound', `there is no operation ${id}`) : accept([], reply)
      case 'outcome':
        if (state.phase !== 'ended') return refuse(state.phase === 'new' ? 'NotFound' : 'Conflict', `operation ${id} has not ended`)
        return accept([], s => endedOf(s, id, specOf(s)))
      case 'cancel':
        return decideCancel(state, command.args.overtaken === true, id)
      case 'force':
        return decideForce(state, id)
      case '@timer':
        return decideTimer(state, command.args.key, context)
      case '@result':
        return decideResult(state, command.args, context)
    }
  }

  function decideCancel(state: OperationState, overtaken: boolean, id: string): D {
    const reply = (s: OperationState) => bodyOf(s, id)
    // The subject that wants it cancelled is also having it started: the cancel has overtaken the start, and comes again.
    if (state.phase === 'new') return refuse(overtaken ? 'Unavailable' : 'NotFound', `there is no operation ${id}`)
    if (state.phase === 'reporting' || state.phase === 'ended') {
      return overtaken ? accept([]) : refuse('Conflict', `operation ${id} has ended: ${state.outcome}`)
    }
    if (state.phase === 'doing' && currentStep(state).forwardOnly) {
      return refuse('Conflict', `operation ${id} is past the point from which a ${state.kind} can be undone; it goes on to its end`)
    }
    if (!specOf(state).cancellable) return refuse('Conflict', `a ${state.kind} cannot be cancelled; it ends by itself before its deadline`)
    const fault: Fault = { code: 'Cancelled', message: overtaken ? 'overtaken by a delete' : 'cancelled by request' }
    if (state.phase === 'doing') return accept([turnBack(state, id, fault, { to: firstStep(state), resume: false, found: {}, cancel: true })], reply)
    if (!state.turn?.resume) return accept([], reply)
    const to = firstStep(state)
    return accept([{ type: 'resumeDropped', fault, to, next: state.cursor }], reply)
  }

  function decideForce(state: OperationState, id: string): D {
    if (state.phase === 'new') return refuse('NotFound', `there is no operation ${id}`)
    const found = state.phase === 'doing' ? currentStep(state).force?.(contextOf(state, id)) : undefined
    if (!found) {
      const now = state.outcome ?? `at ${state.phase === 'undoing' ? 'the undo of ' : ''}step ${state.cursor}`
      const able = catalogue.get(state.kind)?.steps.flatMap(s => (s.force ? s.name : [])) ?? []
      const help = able.length > 0 ? `it can be forced at step ${able.join(' or ')}` : `a ${state.kind} cannot be forced`
      return refuse('Conflict', `operation ${id} is ${now}; ${help}`)
    }
    return accept([{ type: 'forced', found }], s => bodyOf(s, id))
  }

  const firstStep = (state: OperationState): string => specOf(state).steps[0]?.name ?? ''

  function turnBack(
    state: OperationState,
    id: string,
    fault: Fault,
    how: { to: string; resume: boolean; found: Found; cancel: boolean },
  ): OperationEvent {
    const spec = specOf(state)
    const next = backward(spec, contextOf(state, id), named(spec, state.cursor), named(spec, how.to))
    // Nobody has answered, so it may have been done.
    const irreversible = currentStep(state).irreversible === true && fault.code === 'DeadlineExceeded'
    return { type: 'turnedBack', fault, next, ...how, ...(irreversible ? { irreversible } : {}) }
  }

  function decideTimer(state: OperationState, key: string, { id, now }: DecideContext): D {
    const running = state.phase === 'doing' || state.phase === 'undoing'
    if (key === 'deadline' && running) {
      const seconds = Math.round((state.deadlineAt - state.startedAt) / 1000)
      const message = `not finished by its deadline, ${seconds} s after it was accepted, at step ${state.cursor}`
      return accept([{ type: 'expired', fault: state.fault ?? { code: 'DeadlineExceeded', message } }])
    }
    if (key === 'forward' && state.phase === 'doing' && !currentStep(state).forwardOnly) {
      const fault: Fault = { code: 'DeadlineExceeded', message: `step ${state.cursor} was not done in time; undoing` }
      return accept([turnBack(state, id, fault, { to: firstStep(state), resume: false, found: {}, cancel: false })])
    }
    if (key === `timeout:${state.serial}` && running) {
      const step = currentStep(state)
      return decideFault(state, { code: 'DeadlineExceeded', message: `step ${step.name}: no answer within ${step.timeoutMs / 1000} s` }, id, now)
    }
    return accept([])
  }

  function decideResult(state: OperationState, result: WorkResult, { id, now }: DecideContext): D {
    if (state.phase === 'reporting') return decideReport(state, result, now)
    if (result.key !== `${state.phase}:${state.serial}`) return accept([])
    if (!result.ok) return decideFault(state, result.fault ?? { code: 'Internal', message: 'no reason was given' }, id, now)
    const spec = specOf(state)
    const step = currentStep(state)
    const index = named(spec, step.name)
    const context = contextOf(state, id)
    if (state.phase === 'doing') {
      const progress = step.again?.(context, result.value) ?? null
      if (progress) return accept([{ type: 'stepProgressed', progress }])
      const found = step.save?.(context, result.value) ?? {}
      const next = forward(spec, contextOf(state, id, { ...state.found, ...found }), index + 1)
      return accept([{ type: 'stepDone', found, irreversible: step.irreversible ?? false, next }])
    }
    return accept([stepUndone(state, id)])
  }

  function stepUndone(state: OperationState, id: string): OperationEvent {
    const spec = specOf(state)
    const index = named(spec, state.cursor)
    return { type: 'stepUndone', next: backward(spec, contextOf(state, id), index - 1, named(spec, state.turn?.to ?? '')) }
  }

  /** The subject waits for this report and for nothing else, so it is given until it is taken, or there is nobody to take it. */
  function decideReport(state: OperationState, { key, ok, fault }: WorkResult, now: number): D {
    if (key !== `report:${state.serial}`) return accept([])
    return accept([ok || fault?.code === 'NotFound' ? { type: 'reported' } : { type: 'reportFailed', notBefore: now + retryPauseMs(state) }])
  }

  function decideFault(state: OperationState, fault: Fault, id: string, now: number): D {
    const retryAt = now + retryPauseMs(state)
    // An undo is tried until the deadline: giving up on it would leave something behind.
    if (state.phase === 'undoing') {
      // What a driver cannot take back it cannot have done either.
      if (fault.code === 'DriverUnsupported') return accept([stepUndone(state, id)])
      return accept([{ type: 'stepRetried', fault, notBefore: retryAt }])
    }
    const step = currentStep(state)
    const verdict: OnFault = step.onFault?.(contextOf(state, id), fault, state.attempt) ?? {
      next: fault.code === 'DriverUnsupported' ? 'giveUp' : 'retry',
    }
    switch (verdict.next) {
      case 'goBack':
        return accept([turnBack(state, id, fault, { to: verdict.to, resume: true, found: verdict.found, cancel: false })])
      case 'skip': {
        const spec = specOf(state)
        return accept([{ type: 'stepDone', found: {}, irreversible: false, next: forward(spec, contextOf(state, id), named(spec, step.name) + 1) }])
      }
      case 'retry':
        if (step.forwardOnly || state.attempt < step.attempts) return accept([{ type: 'stepRetried', fault, notBefore: retryAt }])
        break
      case 'giveUp':
        if (step.forwardOnly) return accept([{ type: 'stepRetried', fault, notBefore: retryAt }])
        break
      case 'turnBack':
        break
    }
    const why = verdict.next === 'giveUp' ? (verdict.fault ?? fault) : fault
    return accept([turnBack(state, id, why, { to: firstStep(state), resume: false, found: {}, cancel: false })])
  }

  function work(state: OperationState, id: string): Work[] {
    if (state.phase === 'new' || state.phase === 'ended') return []
    const trace = operationTrace(id, state.by?.trace, state.phase === 'reporting' ? [] : state.steps)
    const context: RequestContext = { requestId: state.requestId, ...(trace === undefined ? {} : { trace }) }
    if (state.phase === 'reporting') {
      const report = {
        to: address(state.args.subjectKind ?? 'instance', state.subject),
        method: 'ended',
        args: endedOf(state, id, specOf(state)),
        context,
      }
      return [{ type: 'call', key: `report:${state.serial}`, ...report, ...(state.attempt > 1 ? { notBefore: state.notBefore } : {}) }]
    }
    const step = currentStep(state)
    const c = contextOf(state, id)
    const request = state.phase === 'doing' ? step.do(c) : step.undo?.(c)
    const timeoutAt = Math.min(state.notBefore + step.timeoutMs, state.deadlineAt)
    const items: Work[] = [
      { type: 'timer', key: `timeout:${state.serial}`, at: timeoutAt },
      { type: 'timer', key: 'deadline', at: state.deadlineAt },
    ]
    if (state.phase === 'doing' && !step.forwardOnly) items.push({ type: 'timer', key: 'forward', at: forwardUntil(state) })
    if (request)
      items.push({ type: 'call', key: `${state.phase}:${state.serial}`, ...request, notBefore: state.notBefore, deadlineAt: timeoutAt, context })
    return items
  }

  return defineActor<OperationState, OperationCommand, OperationEvent>({
    kind: 'operation',
    version: 1,
    methods: {
      start: { check: checkObject({ kind: text(64), subject: text(128), requestId: text(128), by: optional(checkRequester), args: operationArgs }) },
      cancel: { check: record },
      force: {},
      get: { reads: true },
      outcome: {},
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

  function bodyOf(state: OperationState, id: string): OperationBody | null {
    if (state.phase === 'new') return null
    const { kind, subject, requestId, by, steps, startedAt, deadlineAt, cancelRequested, fault, phase, outcome } = state
    // For nobody has it ended before its subject knows: who sees the end of a delete finds the instance gone.
    const endedAt = phase === 'ended' ? state.endedAt : null
    const goesBack = phase === 'undoing' || (outcome !== null && outcome !== 'done')
    const status = phase === 'ended' && outcome ? outcome : goesBack ? 'undoing' : 'running'
    const spec = catalogue.get(kind)
    const plan = spec?.steps.map(s => s.name) ?? []
    const move = spec?.move?.(state)
    const oldFlavor = state.args.spec.flavor.id
    const flavors = { oldFlavor, newFlavor: state.args.change?.flavor?.id ?? oldFlavor }
    const whose = { requestId, ...(by ? { by } : {}), project: state.args.spec.project }
    const body: OperationBody = { id, kind, subject, ...whose, status, steps, plan, startedAt, endedAt, deadlineAt, cancelRequested, fault }
    return move ? { ...body, move: { ...move, ...flavors } } : body
  }
}

/** What the subject is told. Undone means that host and claim are as they were before. */
function endedOf(state: OperationState, id: string, spec: OperationSpec): OperationEnded {
  const outcome = state.outcome ?? 'failed'
  const { host, claim, origin } =
    outcome === 'undone'
      ? state.args
      : spec.leaves({ operation: id, args: state.args, found: state.found, at: outcome === 'done' ? END : state.cursor })
  return { operation: id, outcome, host, claim, ...(origin ? { origin } : {}), fault: outcome === 'done' ? null : state.fault }
}
