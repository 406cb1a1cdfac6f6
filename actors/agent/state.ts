/** What an agent's record knows, and what each event makes of it. Pure. */
import { type Believed, believe, NOTHING_HEARD } from '../guest/believed.ts'
import type { BackupSchedule, GuestBody } from '../guest/body.ts'
import type { BackupKind } from '../guest/contract.ts'
import type { AgentReport } from '../guest/report.ts'
import type { Change } from '../instance/model.ts'
import type { Json } from '../kernel/define.ts'
import type { Fault } from '../kernel/errors.ts'
import type { Requester } from '../kernel/requester.ts'
import { asked, type Commands, ended } from './commands.ts'

/** A life of a gateway. */
export interface Door {
  readonly node: string
  readonly life: number
}

export interface Task {
  readonly operation: string
  readonly kind: 'guest-backup' | 'guest-restore'
  readonly requestId: string
  readonly by?: Requester
  readonly change: Change
}

export interface AgentRecord extends Believed {
  readonly phase: 'absent' | 'enrolled' | 'deleted'
  readonly name: string
  readonly project: string
  readonly key: string
  readonly keys: number
  readonly silentMs: number | null
  /** Where its session is; null when it has none. */
  readonly door: Door | null
  /** Number of its newest session, and when that began. */
  readonly session: number
  readonly sessionAt: number
  /** Gateways that have not been told yet that its session there is over. */
  readonly leaving: readonly { readonly node: string; readonly session: number; readonly at: number }[]
  readonly commands: Commands
  /** Operations so far, the one under way, and the newest that has ended. */
  readonly operations: number
  readonly task: Task | null
  readonly lastTask: Pick<Task, 'operation' | 'requestId'> | null
  readonly schedule: BackupSchedule | null
  readonly dueAt: number
  readonly scheduled: number
  readonly lastBackup: GuestBody['lastBackup']
  readonly createdAt: number
}

export type AgentEvent =
  | {
      readonly type: 'enrolled'
      readonly name: string
      readonly project: string
      readonly key: string
      readonly silentMs: number | null
    }
  | { readonly type: 'keyRotated'; readonly key: string }
  | { readonly type: 'deleted' }
  | { readonly type: 'attached'; readonly door: Door }
  | { readonly type: 'reported'; readonly report: AgentReport }
  /** Its gateway has gone, and it has not come to another. */
  | { readonly type: 'doorLost'; readonly message: string }
  /** A gateway knows that the session is over, or there is nobody to be told. */
  | { readonly type: 'left'; readonly node: string }
  | {
      readonly type: 'commanded'
      readonly command: string
      readonly method: string
      readonly args: Readonly<Record<string, Json>>
      readonly deadlineAt: number
    }
  | { readonly type: 'commandAsked'; readonly command: string }
  | { readonly type: 'commandEnded'; readonly command: string; readonly value?: Json; readonly fault?: Fault }
  | { readonly type: 'operationBegun'; readonly task: Task }
  | { readonly type: 'operationEnded'; readonly operation: string }
  | { readonly type: 'scheduleSet'; readonly schedule: BackupSchedule | null }
  /** `task`: null when it had to be left out. */
  | { readonly type: 'backupDue'; readonly task: Task | null }
  | { readonly type: 'backedUp'; readonly backup: string; readonly kind: BackupKind }

export const INITIAL: AgentRecord = {
  ...NOTHING_HEARD,
  ...{ phase: 'absent', name: '', project: '', key: '', keys: 0, silentMs: null, door: null, session: 0, sessionAt: 0, leaving: [] },
  ...{ commands: [], operations: 0, task: null, lastTask: null, schedule: null, dueAt: 0, scheduled: 0, lastBackup: null, createdAt: 0 },
}

/** Nobody is heard there any more, and its gateway is to know so. */
function leave(state: AgentRecord, message: string, at: number): AgentRecord {
  const { door, session, leaving } = state
  const told = door ? [...leaving.filter(({ node }) => node !== door.node), { node: door.node, session, at }] : leaving
  const agent = state.agent === 'never' ? 'never' : 'unknown'
  return { ...state, door: null, leaving: told, agent, message, updatedAt: at }
}

export function evolve(state: AgentRecord, event: AgentEvent, at: number): AgentRecord {
  switch (event.type) {
    case 'enrolled': {
      const { name, project, key, silentMs } = event
      return { ...INITIAL, phase: 'enrolled', name, project, key, keys: 1, silentMs, createdAt: at, updatedAt: at }
    }
    case 'keyRotated':
      return { ...leave(state, 'its key was replaced; it has not come with the new one', at), key: event.key, keys: state.keys + 1 }
    case 'deleted': {
      const gone = leave(state, 'it was deleted', at)
      return { ...gone, phase: 'deleted', commands: [], task: null, schedule: null }
    }
    case 'attached': {
      // What an earlier session said last is over; what is believed stays until the new one has spoken.
      const leaving = state.leaving.filter(({ node }) => node !== event.door.node)
      return { ...state, door: event.door, leaving, session: state.session + 1, sessionAt: at, updatedAt: at }
    }
    case 'reported':
      return believe(state, event.report, at)
    case 'doorLost':
      return { ...state, door: null, agent: state.agent === 'never' ? 'never' : 'unknown', message: event.message, updatedAt: at }
    case 'left':
      return { ...state, leaving: state.leaving.filter(({ node }) => node !== event.node) }
    case 'commanded': {
      const { command: id, method, args, deadlineAt } = event
      const open = { id, method, args, state: 'open', value: null, fault: null, askedAt: at, deadlineAt, endedAt: null, attempt: 1 } as const
      return { ...state, commands: [...state.commands, open], updatedAt: at }
    }
    case 'commandAsked':
      return { ...state, commands: asked(state.commands, event.command) }
    case 'commandEnded':
      return { ...state, commands: ended(state.commands, event.command, event, at), updatedAt: at }
    case 'operationBegun':
      return { ...state, operations: state.operations + 1, task: event.task, updatedAt: at }
    case 'operationEnded': {
      const lastTask = state.task && { operation: state.task.operation, requestId: state.task.requestId }
      return { ...state, task: null, lastTask: lastTask ?? state.lastTask, updatedAt: at }
    }
    case 'scheduleSet':
      return { ...state, schedule: event.schedule, dueAt: event.schedule ? at + event.schedule.everyMs : 0, updatedAt: at }
    case 'backupDue': {
      const next = { ...state, scheduled: state.scheduled + 1, dueAt: at + (state.schedule?.everyMs ?? 0) }
      return event.task ? { ...next, operations: state.operations + 1, task: event.task, updatedAt: at } : next
    }
    case 'backedUp':
      return { ...state, lastBackup: { id: event.backup, kind: event.kind, at }, updatedAt: at }
  }
}
