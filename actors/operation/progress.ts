/**
 * Where an operation stands, and how its events move it. What moves it is decided in `operation.ts`; here is only what each
 * event means, so that whoever reads the journal arrives at the same place.
 */
import type { Progress, StepRecord } from '../api.ts'
import type { Fault } from '../kernel/errors.ts'
import type { Requester } from '../kernel/requester.ts'
import type { OperationArgs, Outcome } from './contract.ts'
import type { Found } from './step.ts'

const STEP_RECORDS = 64

export type Phase = 'new' | 'doing' | 'undoing' | 'reporting' | 'ended'

export interface OperationState {
  readonly phase: Phase
  readonly kind: string
  readonly subject: string
  readonly requestId: string
  readonly by?: Requester
  readonly args: OperationArgs
  readonly found: Found
  /** The step now to be done or undone. */
  readonly cursor: string
  readonly attempt: number
  readonly serial: number
  /** Cluster time before which the current command is not sent. */
  readonly notBefore: number
  /** While undoing: the step to undo down to, and whether to go forward again from it, with these findings. */
  readonly turn: { readonly to: string; readonly resume: boolean; readonly found: Found } | null
  readonly irreversible: boolean
  readonly cancelRequested: boolean
  readonly outcome: Outcome | null
  readonly fault: Fault | null
  readonly steps: readonly StepRecord[]
  readonly startedAt: number
  readonly updatedAt: number
  readonly endedAt: number | null
  readonly deadlineAt: number
}

/** `next` is the step to go on with, null at the end of the list. */
export type OperationEvent =
  | {
      readonly type: 'started'
      readonly kind: string
      readonly subject: string
      readonly requestId: string
      readonly by?: Requester
      readonly args: OperationArgs
      readonly deadlineAt: number
      readonly next: string | null
    }
  | { readonly type: 'stepDone'; readonly found: Found; readonly irreversible: boolean; readonly next: string | null }
  | { readonly type: 'stepRetried'; readonly fault: Fault; readonly notBefore: number }
  /** It is still under way, and asked about again. */
  | { readonly type: 'stepProgressed'; readonly progress: Progress }
  /** Somebody wants the step over at any price. */
  | { readonly type: 'forced'; readonly found: Found }
  | {
      readonly type: 'turnedBack'
      readonly fault: Fault
      readonly to: string
      readonly resume: boolean
      readonly found: Found
      readonly next: string | null
      readonly cancel: boolean
      /** The step it turns back from may have been done all the same, and cannot be taken back. */
      readonly irreversible?: boolean
    }
  | { readonly type: 'stepUndone'; readonly next: string | null }
  /** A cancel came while it was undoing in order to try again: it will not try again. */
  | { readonly type: 'resumeDropped'; readonly fault: Fault; readonly to: string; readonly next: string | null }
  | { readonly type: 'expired'; readonly fault: Fault }
  /** The subject could not take the report. */
  | { readonly type: 'reportFailed'; readonly notBefore: number }
  | { readonly type: 'reported' }

const NO_ARGS: OperationArgs = {
  spec: { name: '', project: '', flavor: { id: '', name: '', vcpus: 0, ramMb: 0, diskGb: 0 }, image: '', metadata: {}, reservation: '' },
  host: null,
  claim: null,
  mode: null,
}

export const INITIAL: OperationState = {
  phase: 'new',
  kind: '',
  subject: '',
  requestId: '',
  args: NO_ARGS,
  found: {},
  cursor: '',
  attempt: 1,
  serial: 0,
  notBefore: 0,
  turn: null,
  irreversible: false,
  cancelRequested: false,
  outcome: null,
  fault: null,
  steps: [],
  startedAt: 0,
  updatedAt: 0,
  endedAt: null,
  deadlineAt: 0,
}

const opened = (state: OperationState, name: string, direction: 'do' | 'undo', at: number): readonly StepRecord[] => [
  ...state.steps.slice(-(STEP_RECORDS - 1)),
  { name, direction, state: 'running', attempt: 1, startedAt: at, endedAt: null, fault: null },
]

const closed = (steps: readonly StepRecord[], change: Partial<StepRecord>): readonly StepRecord[] => {
  const last = steps.at(-1)
  return last ? [...steps.slice(0, -1), { ...last, ...change }] : steps
}

/** Moves on to `name`; the command before it is over. */
const enter = (state: OperationState, phase: 'doing' | 'undoing', name: string, at: number): OperationState => ({
  ...state,
  phase,
  cursor: name,
  attempt: 1,
  notBefore: at,
  serial: state.serial + 1,
  updatedAt: at,
  steps: opened(state, name, phase === 'doing' ? 'do' : 'undo', at),
})

const conclude = (state: OperationState, outcome: Outcome, at: number): OperationState => ({
  ...state,
  phase: 'reporting',
  outcome,
  attempt: 1,
  serial: state.serial + 1,
  endedAt: at,
  updatedAt: at,
})

/** Everything is undone down to where it was to be: forward again from there, or the end. */
function turned(state: OperationState, at: number): OperationState {
  const { turn } = state
  if (turn?.resume) return enter({ ...state, found: { ...state.found, ...turn.found }, turn: null, fault: null }, 'doing', turn.to, at)
  return conclude({ ...state, turn: null }, state.irreversible ? 'failed' : 'undone', at)
}

export function evolve(state: OperationState, event: OperationEvent, at: number): OperationState {
  switch (event.type) {
    case 'started': {
      const { kind, subject, requestId, by, args, deadlineAt, next } = event
      const asked = { kind, subject, requestId, ...(by ? { by } : {}), args, deadlineAt }
      const begun: OperationState = { ...state, ...asked, startedAt: at, phase: 'doing' }
      return next === null ? conclude(begun, 'done', at) : enter(begun, 'doing', next, at)
    }
    case 'stepDone': {
      const done: OperationState = {
        ...state,
        found: { ...state.found, ...event.found },
        irreversible: state.irreversible || event.irreversible,
        steps: closed(state.steps, { state: 'done', endedAt: at }),
      }
      return event.next === null ? conclude(done, 'done', at) : enter(done, 'doing', event.next, at)
    }
    case 'stepRetried': {
      const attempt = state.attempt + 1
      return {
        ...state,
        attempt,
        notBefore: event.notBefore,
        serial: state.serial + 1,
        updatedAt: at,
        steps: closed(state.steps, { attempt, fault: event.fault }),
      }
    }
    case 'stepProgressed':
      // What it said before it was slow to answer is forgotten: it goes on well.
      return {
        ...state,
        attempt: 1,
        notBefore: at,
        serial: state.serial + 1,
        updatedAt: at,
        steps: closed(state.steps, { attempt: 1, fault: null, progress: event.progress }),
      }
    case 'forced':
      return { ...state, found: { ...state.found, ...event.found }, notBefore: at, serial: state.serial + 1, updatedAt: at }
    case 'turnedBack': {
      const { fault, to, resume, found, next, cancel } = event
      const back: OperationState = {
        ...state,
        fault,
        turn: { to, resume, found },
        cancelRequested: state.cancelRequested || cancel,
        irreversible: state.irreversible || event.irreversible === true,
        steps: closed(state.steps, { state: 'failed', endedAt: at, fault }),
      }
      return next === null ? turned(back, at) : enter(back, 'undoing', next, at)
    }
    case 'stepUndone': {
      const undone: OperationState = { ...state, steps: closed(state.steps, { state: 'done', endedAt: at }) }
      return event.next === null ? turned(undone, at) : enter(undone, 'undoing', event.next, at)
    }
    case 'resumeDropped':
      return { ...state, fault: event.fault, cancelRequested: true, turn: { to: event.to, resume: false, found: {} }, updatedAt: at }
    case 'expired':
      return conclude(
        { ...state, fault: event.fault, steps: closed(state.steps, { state: 'failed', endedAt: at, fault: event.fault }) },
        'failed',
        at,
      )
    case 'reportFailed':
      return { ...state, attempt: state.attempt + 1, notBefore: event.notBefore, serial: state.serial + 1, updatedAt: at }
    case 'reported':
      return { ...state, phase: 'ended', serial: state.serial + 1, updatedAt: at }
  }
}
