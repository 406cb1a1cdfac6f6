/**
 * What an operator wants of a host, beside whether it is up: that it takes instances, takes none, is emptied of them, or is left alone
 * for maintenance. The host's actor holds it, because it takes the claims; emptying is done by an actor of its own
 * (`host-operation/`), which the host has started, and which reports its end.
 */
import type { HostMode } from '../api.ts'
import { HOST_OPERATION_KINDS, type HostOperationArgs, type HostOperationEnded } from '../host-operation/contract.ts'
import { address } from '../kernel/address.ts'
import { anyOf, checkObject, flag, integer, optional, text } from '../kernel/check.ts'
import { accept, type Decision, type MethodSpec, refuse, type Work } from '../kernel/define.ts'
import { checkRequester } from '../kernel/requester.ts'
import type { RequestContext } from '../kernel/tracing.ts'

export interface Duty {
  readonly enabled: boolean
  readonly disabledReason: string | null
  // Absent in snapshots of before there were drains.
  readonly maintenance?: boolean
  /** The operation that is emptying it. */
  readonly task?: (HostOperationArgs & { readonly operation: string; readonly cancelled: boolean }) | null
  /** Operations so far; also the number of the newest. */
  readonly operations?: number
  /** The newest that has ended, so that a repeated request is answered like the first. */
  readonly last?: { readonly operation: string; readonly requestId: string } | null
}

export const ON_DUTY = { enabled: true, disabledReason: null, maintenance: false, task: null } as const satisfies Duty

export type DutyCommand =
  | { readonly method: 'setEnabled'; readonly args: { readonly enabled: boolean; readonly reason?: string } }
  | { readonly method: 'empty'; readonly args: HostOperationArgs }
  /** Cancels what is emptying it, ends maintenance, enables it. */
  | { readonly method: 'open'; readonly args: unknown }
  /** Ends maintenance, or the way into it, and nothing else. */
  | { readonly method: 'endMaintenance'; readonly args: unknown }
  /** Reported until taken, so it may come twice. */
  | { readonly method: 'ended'; readonly args: HostOperationEnded }

export type DutyEvent =
  | { readonly type: 'enabledSet'; readonly enabled: boolean; readonly reason: string | null }
  | { readonly type: 'emptying'; readonly task: HostOperationArgs & { readonly operation: string } }
  | { readonly type: 'emptyingCancelled' }
  | { readonly type: 'emptied'; readonly operation: string; readonly outcome: HostOperationEnded['outcome']; readonly reason: string }
  | { readonly type: 'opened' }
  | { readonly type: 'maintenanceEnded' }

export const DUTY_METHODS: Readonly<Record<DutyCommand['method'], MethodSpec>> = {
  setEnabled: { check: checkObject({ enabled: flag, reason: optional(text(255)) }) },
  empty: {
    check: checkObject({
      kind: anyOf(...HOST_OPERATION_KINDS),
      parallel: integer(1, 100),
      cold: flag,
      requestId: text(128),
      by: optional(checkRequester),
    }),
  },
  open: {},
  endMaintenance: {},
  ended: { check: checkObject({ operation: text(256), outcome: anyOf('done', 'undone', 'failed'), reason: text(4096, 0) }) },
}

export function modeOf({ enabled, maintenance, task }: Duty): HostMode {
  if (task && task.kind !== 'evacuate-host') return 'draining'
  return maintenance ? 'maintenance' : enabled ? 'enabled' : 'disabled'
}

/** Why it takes no new instances, said of the host; null when it does. */
export function closedBecause(duty: Duty): string | null {
  switch (modeOf(duty)) {
    case 'enabled':
      return null
    case 'draining':
      return `is being drained by operation ${duty.task?.operation}`
    case 'maintenance':
      return 'is in maintenance'
    case 'disabled':
      return `is disabled${duty.disabledReason ? `: ${duty.disabledReason}` : ''}`
  }
}

/** The same as people are shown it: an operator's own words where there are any. */
export const shownReason = (duty: Duty): string | null => (modeOf(duty) === 'disabled' ? duty.disabledReason : closedBecause(duty))

export function decideDuty<S>(duty: Duty, host: string, state: string, command: DutyCommand, body: (s: S) => unknown): Decision<S, DutyEvent> {
  const { task } = duty
  switch (command.method) {
    case 'setEnabled': {
      const { enabled, reason = null } = command.args
      if (enabled && task) return refuse('Conflict', `host ${host} is being emptied by operation ${task.operation}; cancel that first`)
      if (enabled && duty.maintenance)
        return refuse('Conflict', `host ${host} is in maintenance; end that with \`baton host maintenance ${host} off\``)
      return accept([{ type: 'enabledSet', enabled, reason }], body)
    }
    case 'empty': {
      const asked = command.args
      const repeated = [task, duty.last].find(t => t?.requestId === asked.requestId)
      if (repeated) return accept([], () => ({ operation: repeated.operation }))
      if (task) return refuse('Conflict', `host ${host} is being emptied already, by operation ${task.operation}`, { operation: task.operation })
      if (asked.kind === 'evacuate-host' && state !== 'fenced') {
        const help = state === 'down' ? 'if nothing runs there any more for certain, say so with `baton host fenced`' : 'drain it instead'
        return refuse('Conflict', `host ${host} is ${state} and not said to be fenced, so its guests may still run; ${help}`, { allowed: ['fenced'] })
      }
      if (asked.kind !== 'evacuate-host' && state !== 'up' && state !== 'suspect') {
        const help = 'say that it is fenced and evacuate it'
        return refuse('Conflict', `host ${host} is ${state}, so nothing can be moved off it; ${help}`, { allowed: ['up'] })
      }
      const operation = `${host}.${(duty.operations ?? 0) + 1}`
      return accept([{ type: 'emptying', task: { ...asked, operation } }], () => ({ operation }))
    }
    case 'open': {
      const cancel: DutyEvent[] = task && !task.cancelled ? [{ type: 'emptyingCancelled' }] : []
      const open: DutyEvent[] = duty.enabled && !duty.maintenance ? [] : [{ type: 'opened' }]
      return accept([...cancel, ...open], body)
    }
    case 'endMaintenance': {
      const cancel: DutyEvent[] = task?.kind === 'maintenance' && !task.cancelled ? [{ type: 'emptyingCancelled' }] : []
      return accept([...cancel, ...(duty.maintenance ? [{ type: 'maintenanceEnded' } as const] : [])], body)
    }
    case 'ended': {
      const { operation, outcome, reason } = command.args
      return accept(task?.operation === operation ? [{ type: 'emptied', operation, outcome, reason }] : [])
    }
  }
}

export function evolveDuty<S extends Duty>(duty: S, event: DutyEvent): S {
  switch (event.type) {
    case 'enabledSet':
      return { ...duty, enabled: event.enabled, disabledReason: event.reason }
    case 'emptying':
      return { ...duty, task: { ...event.task, cancelled: false }, operations: (duty.operations ?? 0) + 1 }
    case 'emptyingCancelled':
      return duty.task ? { ...duty, task: { ...duty.task, cancelled: true } } : duty
    case 'opened':
      return { ...duty, enabled: true, disabledReason: null, maintenance: false }
    case 'maintenanceEnded':
      return { ...duty, maintenance: false }
    case 'emptied':
      return emptied(duty, event)
  }
}

/** Who is empty stays closed, or its instances would be back at once; so does who could not be emptied. What was cancelled is as before. */
function emptied<S extends Duty>(duty: S, { operation, outcome, reason }: DutyEvent & { type: 'emptied' }): S {
  const { task } = duty
  const over: S = { ...duty, task: null, last: { operation, requestId: task?.requestId ?? '' } }
  if (!task || task.kind === 'evacuate-host' || outcome === 'undone') return over
  if (task.kind === 'maintenance' && outcome === 'done') return { ...over, maintenance: true }
  return { ...over, enabled: false, disabledReason: reason }
}

/** Having it begun, and cancelled. */
export function dutyWork({ task }: Duty, host: string): Work[] {
  if (!task) return []
  const { operation, cancelled, ...args } = task
  const to = address('host-operation', operation)
  const context: RequestContext = { requestId: args.requestId, ...(args.by?.trace === undefined ? {} : { trace: args.by.trace }) }
  const start: Work = { type: 'call', key: `start:${operation}`, to, method: 'start', args: { host, ...args }, context }
  return cancelled ? [start, { type: 'call', key: `cancel:${operation}`, to, method: 'cancel', args: { overtaken: true } }] : [start]
}
