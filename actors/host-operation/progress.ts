/** How far the emptying of a host is, and how its events move it. */
import type { InstanceAction } from '../api.ts'
import type { Fault } from '../kernel/errors.ts'
import type { Outcome } from '../operation/contract.ts'
import type { HostOperationArgs } from './contract.ts'
import type { Item } from './items.ts'

export interface Failed {
  readonly instance: string
  readonly reason: string
}

export interface HostOperationState extends HostOperationArgs {
  readonly phase: 'new' | 'moving' | 'reporting' | 'ended'
  readonly host: string
  /** Those that have their turn: at most `parallel`. */
  readonly active: readonly Item[]
  /** Those that wait for one, the next first. */
  readonly queue: readonly Item[]
  readonly failed: readonly Failed[]
  /** Those that have gone, with the times each has. */
  readonly moved: Readonly<Record<string, number>>
  /** Looks at the claims of the host; also numbers them. */
  readonly looks: number
  readonly lookAt: number
  readonly coldOnly: boolean
  readonly cancelRequested: boolean
  readonly outcome: Outcome | null
  readonly fault: Fault | null
  /** Reports of the end that were not taken. */
  readonly reports: number
  readonly startedAt: number
  readonly updatedAt: number
  readonly endedAt: number | null
  readonly deadlineAt: number
}

export type HostOperationEvent =
  | { readonly type: 'started'; readonly host: string; readonly args: HostOperationArgs; readonly deadlineAt: number }
  /** What holds room on the host and was not known yet. */
  | { readonly type: 'found'; readonly instances: readonly string[]; readonly lookAt: number }
  /** Time has come for one that waited. */
  | { readonly type: 'woken'; readonly until: number }
  | { readonly type: 'asking'; readonly instance: string; readonly action: InstanceAction; readonly coldOnly: boolean }
  | { readonly type: 'asked'; readonly instance: string; readonly notBefore: number }
  | { readonly type: 'stays'; readonly instance: string; readonly notBefore: number }
  | { readonly type: 'postponed'; readonly instance: string; readonly failed: boolean; readonly notBefore: number }
  | { readonly type: 'left'; readonly instance: string }
  | { readonly type: 'failed'; readonly instance: string; readonly reason: string }
  | { readonly type: 'cancelRequested' }
  | { readonly type: 'ended'; readonly outcome: Outcome; readonly fault: Fault | null }
  | { readonly type: 'reportFailed'; readonly notBefore: number }
  | { readonly type: 'reported' }

export const INITIAL: HostOperationState = {
  phase: 'new',
  kind: 'drain',
  parallel: 1,
  cold: false,
  requestId: '',
  host: '',
  active: [],
  queue: [],
  failed: [],
  moved: {},
  looks: 0,
  lookAt: 0,
  coldOnly: false,
  cancelRequested: false,
  outcome: null,
  fault: null,
  reports: 0,
  startedAt: 0,
  updatedAt: 0,
  endedAt: null,
  deadlineAt: 0,
}

const fresh = (instance: string): Item => ({ instance, stage: 'look', action: null, attempts: 0, looks: 0, notBefore: 0 })

const change = (state: HostOperationState, instance: string, to: Partial<Item>): HostOperationState => ({
  ...state,
  active: state.active.map(item => (item.instance === instance ? { ...item, ...to } : item)),
})

const without = (state: HostOperationState, instance: string): HostOperationState => ({
  ...state,
  active: state.active.filter(item => item.instance !== instance),
})

/** Gives free places to those whose time has come. After a cancel nobody gets one. */
function filled(state: HostOperationState, at: number): HostOperationState {
  if (state.phase !== 'moving' || state.cancelRequested || state.active.length >= state.parallel) return state
  const free = state.parallel - state.active.length
  const ready = state.queue.filter(item => item.notBefore <= at).slice(0, free)
  if (ready.length === 0) return state
  const begun = new Set(ready.map(item => item.instance))
  return { ...state, active: [...state.active, ...ready], queue: state.queue.filter(item => !begun.has(item.instance)) }
}

export const evolve = (state: HostOperationState, event: HostOperationEvent, at: number): HostOperationState => ({
  // A timer may be early by the clock of the next conductor; whom it was set for has his turn.
  ...filled(after(state, event, at), event.type === 'woken' ? Math.max(at, event.until) : at),
  updatedAt: at,
})

function after(state: HostOperationState, event: HostOperationEvent, at: number): HostOperationState {
  switch (event.type) {
    case 'started':
      return { ...state, ...event.args, phase: 'moving', host: event.host, deadlineAt: event.deadlineAt, startedAt: at }
    case 'found':
      return { ...state, queue: [...state.queue, ...event.instances.map(fresh)], looks: state.looks + 1, lookAt: event.lookAt }
    case 'woken':
      return state
    case 'asking':
      return { ...change(state, event.instance, { stage: 'ask', action: event.action }), coldOnly: event.coldOnly }
    case 'asked':
      return change(state, event.instance, { stage: 'look', looks: 0, notBefore: event.notBefore })
    case 'stays':
      return stays(state, event.instance, event.notBefore)
    case 'postponed': {
      const item = state.active.find(({ instance }) => instance === event.instance)
      const later = { ...fresh(event.instance), attempts: (item?.attempts ?? 0) + (event.failed ? 1 : 0), notBefore: event.notBefore }
      return { ...without(state, event.instance), queue: [...state.queue, later] }
    }
    case 'left': {
      const moved = { ...state.moved, [event.instance]: (state.moved[event.instance] ?? 0) + 1 }
      return { ...without(state, event.instance), moved }
    }
    case 'failed':
      return { ...without(state, event.instance), failed: [...state.failed, { instance: event.instance, reason: event.reason }] }
    case 'cancelRequested':
      return { ...state, cancelRequested: true }
    case 'ended':
      return { ...state, phase: 'reporting', outcome: event.outcome, fault: event.fault, endedAt: at }
    case 'reportFailed':
      return { ...state, reports: state.reports + 1, lookAt: event.notBefore }
    case 'reported':
      return { ...state, phase: 'ended' }
  }
}

function stays(state: HostOperationState, instance: string, notBefore: number): HostOperationState {
  const item = state.active.find(each => each.instance === instance)
  return change(state, instance, { looks: (item?.looks ?? 0) + 1, notBefore })
}
