/**
 * An instance: what somebody asked for, what it is now, and the one operation that may be changing it.
 *
 * The instance actor decides; it never acts. To act it names an operation (`task`), and its work is to have that
 * operation started. The operation lives in the same shard, does its steps, and reports back with `ended`. So an instance
 * changes in two moments only: when an operation is accepted and when it has ended, and both are events. A delete overtakes
 * whatever is under way: it waits as `next` while the running operation is asked to cancel.
 */
import type { InstanceBody, TaskState, VmState } from '../api.ts'
import type { PowerState } from '../hypervisor/driver.ts'
import { address } from '../kernel/address.ts'
import { anyOf, checkObject, integer, optional, record, text } from '../kernel/check.ts'
import { accept, type DecideContext, type Decision, defineActor, refuse, type Work, type WorkResult } from '../kernel/define.ts'
import type { Fault } from '../kernel/errors.ts'
import type { OperationArgs, OperationEnded } from '../operation/contract.ts'
import { INSTANCE_OPERATIONS, type InstanceOperation, SOFT_REBOOT_FROM } from './states.ts'

export type InstanceSpec = Pick<InstanceBody, 'name' | 'project' | 'flavor' | 'image' | 'metadata' | 'reservation'>

interface Task {
  readonly operation: string
  readonly kind: InstanceOperation
  readonly requestId: string
  readonly mode: 'soft' | 'hard' | null
}

/** Pause before an operation that could not be started is asked for again, and the longest such pause, ms. */
const START_BASE_MS = 500
const START_CAP_MS = 15_000

interface InstanceState {
  readonly spec: InstanceSpec | null
  readonly vmState: VmState
  readonly powerState: PowerState | null
  readonly host: string | null
  /** The claim that holds this instance's room on its host. */
  readonly claim: string | null
  /** Operations so far; also the number of the newest. */
  readonly operations: number
  /** Rank of the first command of the newest operation that was done. */
  readonly obeyed: number
  readonly task: Task | null
  /** Times the task's operation could not be started, and the cluster time before which it is not tried again, ms. */
  readonly startFailures: number
  readonly startAt: number
  readonly next: Task | null
  /** The newest task that has ended, so that a repeated request is answered like the first. */
  readonly last: Task | null
  readonly fault: (Fault & { readonly at: number }) | null
  readonly createdAt: number
  readonly updatedAt: number
  readonly launchedAt: number | null
  readonly deletedAt: number | null
}

type ActArgs = { readonly action: Exclude<InstanceOperation, 'build' | 'delete'>; readonly mode?: 'soft' | 'hard'; readonly requestId: string }

type InstanceCommand =
  | { readonly method: 'create'; readonly args: InstanceSpec & { readonly requestId: string } }
  | { readonly method: 'act'; readonly args: ActArgs }
  | { readonly method: 'delete'; readonly args: { readonly requestId: string } }
  /** An operation reports its end. Reported until taken, so it may come twice. */
  | { readonly method: 'ended'; readonly args: OperationEnded }
  /** A host says that this guest is there; the owner says whether it may stay. */
  | { readonly method: 'guestSeen'; readonly args: { readonly host: string; readonly power: PowerState; readonly order: number } }
  /** A host that should have this guest does not. */
  | { readonly method: 'guestMissing'; readonly args: { readonly host: string } }
  /** The runtime had to set an operation of this instance aside. */
  | { readonly method: 'broken'; readonly args: { readonly operation: string; readonly reason: string } }
  | { readonly method: 'get'; readonly args: unknown }
  | { readonly method: '@result'; readonly args: WorkResult }
  | { readonly method: '@timer'; readonly args: { readonly key: string } }

type InstanceEvent =
  | { readonly type: 'created'; readonly spec: InstanceSpec; readonly task: Task }
  | { readonly type: 'taskAccepted'; readonly task: Task }
  /** The task's operation could not be started. */
  | { readonly type: 'startFailed'; readonly notBefore: number }
  /** A delete arrived while another operation ran. */
  | { readonly type: 'deleteQueued'; readonly task: Task }
  | {
      readonly type: 'taskEnded'
      readonly operation: string
      readonly outcome: OperationEnded['outcome']
      readonly host: string | null
      readonly claim: string | null
      readonly fault: Fault | null
    }
  | { readonly type: 'powerObserved'; readonly power: PowerState; readonly vmState: VmState; readonly fault: Fault | null }
  | { readonly type: 'broke'; readonly fault: Fault }

function decide(state: InstanceState, command: InstanceCommand, context: DecideContext): Decision<InstanceState, InstanceEvent> {
  const { id } = context
  const body = (s: InstanceState) => bodyOf(s, id)
  if (command.method === 'create') return decideCreate(state, command.args, context)
  if (command.method === 'guestSeen') return decideGuestSeen(state, command.args, id)
  if (!state.spec) return refuse('NotFound', `there is no instance ${id}`)
  switch (command.method) {
    case 'get':
      return accept([], body)
    case 'act':
      return decideAct(state, command.args, id)
    case 'delete':
      return decideDelete(state, command.args.requestId, id)
    case 'ended': {
      const { operation, outcome, host, claim, fault } = command.args
      // Reported twice, or by an operation that is no longer ours to listen to.
      if (state.task?.operation !== operation) return accept([])
      return accept([{ type: 'taskEnded', operation, outcome, host, claim, fault }])
    }
    case 'guestMissing':
      return decideMissing(state, command.args.host)
    case 'broken':
      return decideBroken(state, command.args.operation, command.args.reason)
    case '@result':
      return decideResult(state, command.args, context)
    case '@timer':
      return accept([])
  }
}

function decideCreate(
  state: InstanceState,
  args: InstanceSpec & { requestId: string },
  { id }: DecideContext,
): Decision<InstanceState, InstanceEvent> {
  const { requestId, ...spec } = args
  const reply = (s: InstanceState) => bodyOf(s, id)
  if (!state.spec) return accept([{ type: 'created', spec, task: { operation: `${id}.1`, kind: 'build', requestId, mode: null } }], reply)
  const same = state.spec.name === spec.name && state.spec.flavor.id === spec.flavor.id && state.spec.image === spec.image
  return same ? accept([], reply) : refuse('Conflict', `instance ${id} was created already with other arguments; use another client token`)
}

function decideAct(state: InstanceState, { action, mode, requestId }: ActArgs, id: string): Decision<InstanceState, InstanceEvent> {
  const repeated = [state.task, state.last].find(t => t?.requestId === requestId)
  if (repeated) return accept([], () => ({ operation: repeated.operation }))
  if (state.vmState === 'deleted') return refuse('NotFound', `instance ${id} is deleted`)
  const allowed = action === 'reboot' && mode !== 'hard' ? SOFT_REBOOT_FROM : INSTANCE_OPERATIONS[action].from
  if (state.task || !allowed.includes(state.vmState)) {
    const now = state.task ? `${state.vmState} (${INSTANCE_OPERATIONS[state.task.kind].task})` : state.vmState
    return refuse('Conflict', `cannot ${action} instance ${id} while it is ${now}; it must be ${allowed.join(' or ')} with no task under way`, {
      allowed,
      vmState: state.vmState,
    })
  }
  if (!state.host) return refuse('Conflict', `cannot ${action} instance ${id}: it is on no host; delete it and create it again`)
  return accept([{ type: 'taskAccepted', task: { operation: `${id}.${state.operations + 1}`, kind: action, requestId, mode: mode ?? null } }], s => ({
    operation: s.task?.operation,
  }))
}

function decideDelete(state: InstanceState, requestId: string, id: string): Decision<InstanceState, InstanceEvent> {
  const deleting = state.next ?? (state.task?.kind === 'delete' ? state.task : null)
  if (deleting) {
    if (deleting.requestId === requestId) return accept([], () => ({ operation: deleting.operation }))
    return refuse('Conflict', `instance ${id} is being deleted already, by operation ${deleting.operation}`)
  }
  const { last } = state
  if (last?.requestId === requestId) return accept([], () => ({ operation: last.operation }))
  if (state.vmState === 'deleted') return refuse('NotFound', `instance ${id} is deleted`)
  const task: Task = { operation: `${id}.${state.operations + 1}`, kind: 'delete', requestId, mode: null }
  return accept([state.task ? { type: 'deleteQueued', task } : { type: 'taskAccepted', task }], () => ({ operation: task.operation }))
}

/** An operation that is over may break as it likes. */
function decideBroken(state: InstanceState, operation: string, reason: string): Decision<InstanceState, InstanceEvent> {
  return accept(state.task?.operation === operation ? [{ type: 'broke', fault: { code: 'Poisoned', message: reason } }] : [])
}

/** An operation that was never started ends by no deadline of its own, so it is asked for until it is. */
function decideResult(state: InstanceState, result: WorkResult, { now }: DecideContext): Decision<InstanceState, InstanceEvent> {
  if (result.ok || !state.task || result.key !== startKey(state, state.task)) return accept([])
  if (result.fault?.code === 'Poisoned') return decideBroken(state, state.task.operation, result.fault.message)
  return accept([{ type: 'startFailed', notBefore: now + Math.min(START_CAP_MS, START_BASE_MS * 2 ** Math.min(state.startFailures, 10)) }])
}

function decideGuestSeen(
  state: InstanceState,
  seen: { host: string; power: PowerState; order: number },
  id: string,
): Decision<InstanceState, InstanceEvent> {
  // A guest nobody knows is reported, never destroyed: it may belong to something older than this journal.
  if (!state.spec) return accept([], () => ({ known: false, keep: true }))
  // While an operation runs, the guest is the operation's business: it knows where it has put what.
  if (state.task || state.next) return accept([], () => ({ known: true, keep: true }))
  const keep = state.vmState !== 'deleted' && state.host === seen.host
  // A report from before the newest command that was obeyed tells of the past.
  const events = keep && seen.order >= state.obeyed ? observedPower(state, seen.power, id) : []
  return accept(events, () => ({ known: true, keep, order: commandOrder(state.operations + 1, 0) }))
}

/** The guest's power state as the host sees it, against what we believe. Nova's rule: a guest that ended by itself is stopped. */
function observedPower(state: InstanceState, power: PowerState, id: string): InstanceEvent[] {
  if (power === state.powerState || state.vmState === 'error') return []
  const ended = (power === 'shutdown' || power === 'crashed') && (state.vmState === 'active' || state.vmState === 'paused')
  const vmState: VmState = ended ? 'stopped' : power === 'running' && state.vmState !== 'active' ? 'active' : state.vmState
  const fault: Fault | null = power === 'crashed' ? { code: 'DriverFault', message: `the guest of ${id} crashed; start it again` } : null
  return [{ type: 'powerObserved', power, vmState, fault }]
}

function decideMissing(state: InstanceState, host: string): Decision<InstanceState, InstanceEvent> {
  if (state.task || state.next || state.host !== host || state.vmState === 'deleted' || state.vmState === 'error') return accept([])
  return accept([
    { type: 'broke', fault: { code: 'DriverFault', message: `the guest has vanished from host ${host}; delete the instance or rebuild it` } },
  ])
}

function evolve(state: InstanceState, event: InstanceEvent, at: number): InstanceState {
  switch (event.type) {
    case 'created':
      return { ...state, spec: event.spec, vmState: 'building', task: event.task, operations: 1, createdAt: at, updatedAt: at }
    case 'taskAccepted':
      return { ...state, task: event.task, operations: state.operations + 1, updatedAt: at }
    case 'deleteQueued':
      return { ...state, next: event.task, operations: state.operations + 1, updatedAt: at }
    case 'taskEnded':
      return evolveEnded(state, event, at)
    case 'startFailed':
      return { ...state, startFailures: state.startFailures + 1, startAt: event.notBefore }
    case 'powerObserved':
      return {
        ...state,
        powerState: event.power,
        vmState: event.vmState,
        updatedAt: at,
        fault: event.fault ? { ...event.fault, at } : state.fault,
      }
    case 'broke':
      // A delete that waited was promised: it goes on.
      return {
        ...state,
        vmState: 'error',
        fault: { ...event.fault, at },
        task: state.next,
        next: null,
        last: state.task ?? state.last,
        startFailures: 0,
        startAt: 0,
        updatedAt: at,
      }
  }
}

function evolveEnded(state: InstanceState, event: InstanceEvent & { type: 'taskEnded' }, at: number): InstanceState {
  const task = state.task
  if (!task) return state
  const base = {
    ...state,
    host: event.host,
    claim: event.claim,
    task: state.next,
    next: null,
    last: task,
    startFailures: 0,
    startAt: 0,
    updatedAt: at,
    fault: event.fault ? { ...event.fault, at } : event.outcome === 'done' ? null : state.fault,
  }
  if (event.outcome === 'done') {
    const { vmState, powerState } = INSTANCE_OPERATIONS[task.kind].done
    return {
      ...base,
      vmState,
      powerState,
      obeyed: commandOrder(Number(task.operation.slice(task.operation.lastIndexOf('.') + 1)), 0),
      launchedAt: task.kind === 'build' ? at : state.launchedAt,
      deletedAt: vmState === 'deleted' ? at : state.deletedAt,
    }
  }
  // What was undone is as before, except a build, which leaves nothing behind; what could not be undone needs a person.
  return event.outcome === 'undone' && task.kind !== 'build' ? base : { ...base, vmState: 'error' }
}

const startKey = (state: InstanceState, task: Task): string =>
  state.startFailures === 0 ? `start:${task.operation}` : `start:${task.operation}:${state.startFailures}`

function work(state: InstanceState, id: string): Work[] {
  const { task, next, spec } = state
  if (!task || !spec) return []
  const args: OperationArgs = { spec, host: state.host, claim: state.claim, mode: task.mode }
  const start: Work = {
    type: 'call',
    key: startKey(state, task),
    to: address('operation', task.operation),
    method: 'start',
    args: { kind: task.kind, subject: id, requestId: task.requestId, args },
    ...(state.startAt > 0 ? { notBefore: state.startAt } : {}),
  }
  if (!next) return [start]
  // Not all operations can be cancelled; those that cannot are waited for, and they end by their deadline.
  return [
    start,
    { type: 'call', key: `cancel:${task.operation}`, to: address('operation', task.operation), method: 'cancel', args: { overtaken: true } },
  ]
}

/** Rank of a hypervisor command: newer operations outrank older ones, later commands of one outrank its earlier ones. */
export const commandOrder = (operation: number, serial: number): number => operation * 1_000_000 + serial

function taskStateOf(state: InstanceState): TaskState {
  if (state.next) return 'deleting'
  if (!state.task) return null
  return state.task.kind === 'reboot' && state.task.mode === 'hard' ? 'rebooting_hard' : INSTANCE_OPERATIONS[state.task.kind].task
}

function bodyOf(state: InstanceState, id: string): InstanceBody | null {
  const { spec } = state
  if (!spec) return null
  return {
    id,
    ...spec,
    vmState: state.vmState,
    taskState: taskStateOf(state),
    powerState: state.powerState,
    host: state.host,
    createdAt: state.createdAt,
    updatedAt: state.updatedAt,
    launchedAt: state.launchedAt,
    deletedAt: state.deletedAt,
    fault: state.fault,
    operation: state.task?.operation ?? null,
  }
}

const requestId = text(128)

export const instanceActor = defineActor<InstanceState, InstanceCommand, InstanceEvent>({
  kind: 'instance',
  version: 1,
  methods: {
    create: {
      check: checkObject({ name: text(255), project: text(64), image: text(64), reservation: text(64), requestId, flavor: record, metadata: record }),
    },
    act: { check: checkObject({ action: anyOf('start', 'stop', 'reboot', 'pause', 'unpause'), mode: optional(anyOf('soft', 'hard')), requestId }) },
    delete: { check: checkObject({ requestId }) },
    ended: { check: checkObject({ operation: text(256), outcome: anyOf('done', 'undone', 'failed') }) },
    guestSeen: {
      check: checkObject({ host: text(128), power: anyOf('running', 'paused', 'shutdown', 'crashed'), order: integer(0, Number.MAX_SAFE_INTEGER) }),
    },
    guestMissing: { check: checkObject({ host: text(128) }) },
    broken: { check: checkObject({ operation: text(256), reason: text(4096) }) },
    get: {},
  },
  initial: () => ({
    spec: null,
    vmState: 'building',
    powerState: null,
    host: null,
    claim: null,
    operations: 0,
    obeyed: 0,
    task: null,
    startFailures: 0,
    startAt: 0,
    next: null,
    last: null,
    fault: null,
    createdAt: 0,
    updatedAt: 0,
    launchedAt: null,
    deletedAt: null,
  }),
  decide,
  evolve,
  work,
  view(state, id) {
    const body = bodyOf(state, id)
    if (!body) return null
    const columns = {
      name: body.name,
      project: body.project,
      vm_state: body.vmState,
      task_state: body.taskState,
      host: body.host,
      reservation: body.reservation,
      deleted: body.vmState === 'deleted',
      created_at: body.createdAt,
      updated_at: body.updatedAt,
    }
    return { table: 'instance', id, columns, body }
  },
  finished: state => state.vmState === 'deleted' && !state.task,
})
