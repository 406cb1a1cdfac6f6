/**
 * An instance: what somebody asked for, what it is now, and the one operation that may be changing it.
 *
 * The instance actor decides; it never acts. To act it names an operation (`task`), and its work is to have that
 * operation started. The operation lives in the same shard, does its steps, and reports back with `ended`. So an instance
 * changes in two moments only: when an operation is accepted and when it has ended, and both are events. A delete overtakes
 * whatever is under way: it waits as `next` while the running operation is asked to cancel. What is to begin by itself one
 * day (`due`) is a timer among its work.
 */

import { HA_POLICIES, type HaPolicy } from '../api.ts'
import { UNKNOWN_GUESTS, VANISHED_GUESTS } from '../host/policies.ts'
import type { Devices } from '../hypervisor/driver.ts'
import { POWER_STATES } from '../hypervisor/driver.ts'
import { address, addressKey } from '../kernel/address.ts'
import { anyOf, checkObject, flag, integer, listOf, optional, record, text } from '../kernel/check.ts'
import { accept, type DecideContext, type Decision, defineActor, refuse, type Work, type WorkResult } from '../kernel/define.ts'
import type { Fault } from '../kernel/errors.ts'
import { checkRequester } from '../kernel/requester.ts'
import type { OperationArgs, OperationEnded } from '../operation/contract.ts'
import { HOLDS, settledBy, settleWork } from '../project/holding.ts'
import { decideDecline } from './answers.ts'
import { checkDisk, checkInterface } from './devices.ts'
import { evolve } from './evolve.ts'
import { groupReport, owesReport, reported } from './group-report.ts'
import { decideGuestSeen, decideMissing, decideRoom, type MissingGuest, type SeenGuest } from './guests.ts'
import { decideHostLost, decideSetHa, type LostFrom } from './ha.ts'
import { bodyOf, INITIAL, type InstanceEvent, type InstanceSpec, type InstanceState, needsOf, type Task } from './model.ts'
import {
  type ActArgs,
  type CreateArgs,
  type DeleteArgs,
  decideAbandon,
  decideAct,
  decideCreate,
  decideDelete,
  decideDue,
  decideHolds,
  decideLock,
  decidePassword,
  decideReset,
  decideUnlock,
  decideUpdate,
  dueKey,
  type UpdateArgs,
} from './requests.ts'
import { ACTIONS, type InstanceOperation, isToRun } from './states.ts'

export type { InstanceSpec } from './model.ts'
export { commandOrder } from './model.ts'

/** Pause before an operation that could not be started is asked for again, and the longest such pause, ms. */
const START_BASE_MS = 500
const START_CAP_MS = 15_000

type InstanceCommand =
  | { readonly method: 'create'; readonly args: CreateArgs }
  | { readonly method: 'act'; readonly args: ActArgs }
  | { readonly method: 'delete'; readonly args: DeleteArgs }
  /** Somebody is about to hear that this request was refused. */
  | { readonly method: 'decline'; readonly args: { readonly requestId: string; readonly fault: Fault } }
  /** Take back a create. */
  | { readonly method: 'abandon'; readonly args: { readonly quota: number; readonly requestId: string } }
  /** What it holds of its project's quotas: asked by the project, or by whoever compares. */
  | { readonly method: 'holds'; readonly args: { readonly project: string; readonly number?: number } }
  | { readonly method: 'lock'; readonly args: { readonly reason?: string } }
  | { readonly method: 'unlock'; readonly args: unknown }
  | { readonly method: 'update'; readonly args: UpdateArgs }
  /** Its guest leaves its password, encrypted: said by the host it is on. */
  | { readonly method: 'leavePassword'; readonly args: { readonly password: string } }
  | { readonly method: 'reset'; readonly args: { readonly state: 'active' | 'error' } }
  /** An operation reports its end. Reported until taken, so it may come twice. */
  | { readonly method: 'ended'; readonly args: OperationEnded }
  /** A host says that this guest is there; the owner says whether it may stay. */
  | { readonly method: 'guestSeen'; readonly args: SeenGuest }
  /** A host that should have this guest does not. */
  | { readonly method: 'guestMissing'; readonly args: MissingGuest }
  /** Which claims it holds; the truth about room is compared with this. */
  | { readonly method: 'room'; readonly args: unknown }
  /** What is to be done when its guest no longer runs though it should. */
  | { readonly method: 'setHa'; readonly args: { readonly policy: HaPolicy } }
  /** A host actor says that its host was lost, and that this guest is proved not to run there any more. */
  | { readonly method: 'hostLost'; readonly args: LostFrom }
  /** The runtime had to set an operation of this instance aside. */
  | { readonly method: 'broken'; readonly args: { readonly operation: string; readonly reason: string } }
  | { readonly method: 'get'; readonly args: unknown }
  | { readonly method: '@result'; readonly args: WorkResult }
  | { readonly method: '@timer'; readonly args: { readonly key: string } }

type D = Decision<InstanceState, InstanceEvent>

function decide(state: InstanceState, command: InstanceCommand, context: DecideContext): D {
  const { id } = context
  if (command.method === 'create') return decideCreate(state, command.args, context)
  if (command.method === 'guestSeen') return decideGuestSeen(state, command.args, context)
  if (command.method === 'room') return decideRoom(state)
  if (command.method === 'holds') return decideHolds(state, command.args)
  if (command.method === 'abandon') return decideAbandon(state, command.args, id)
  if (!state.spec) return refuse('NotFound', `there is no instance ${id}`)
  switch (command.method) {
    case 'get':
      return accept([], s => bodyOf(s, id))
    case 'act':
      return decideAct(state, command.args, id)
    case 'delete':
      return decideDelete(state, command.args, id)
    case 'decline':
      return decideDecline(state, command.args)
    case 'lock':
      return decideLock(state, command.args.reason ?? null, id)
    case 'unlock':
      return decideUnlock(state, id)
    case 'update':
      return decideUpdate(state, command.args, id)
    case 'leavePassword':
      return decidePassword(state, command.args.password, context)
    case 'reset':
      return decideReset(state, command.args.state, id)
    case 'ended':
      return decideEnded(state, command.args)
    case 'guestMissing':
      return decideMissing(state, command.args, context)
    case 'setHa':
      return decideSetHa(state, command.args.policy, id)
    case 'hostLost':
      return decideHostLost(state, command.args, id)
    case 'broken':
      return decideBroken(state, command.args.operation, command.args.reason)
    case '@result':
      return decideResult(state, command.args, context)
    case '@timer':
      return decideDue(state, command.args.key, id)
  }
}

function decideEnded(state: InstanceState, { operation, outcome, host, claim, origin, fault }: OperationEnded): D {
  // Reported twice, or by an operation that is no longer ours to listen to.
  if (state.task?.operation !== operation) return accept([])
  return accept([{ type: 'taskEnded', operation, outcome, host, claim, ...(origin ? { origin } : {}), fault }])
}

/** An operation that is over may break as it likes. */
function decideBroken(state: InstanceState, operation: string, reason: string): D {
  return accept(state.task?.operation === operation ? [{ type: 'broke', fault: { code: 'Poisoned', message: reason } }] : [])
}

/** An operation that was never started ends by no deadline of its own, so it is asked for until it is. */
function decideResult(state: InstanceState, result: WorkResult, { now }: DecideContext): D {
  const report = reported(state, result, now)
  if (report) return accept([report])
  const settled = settledBy(state.holding, needsOf(state), result, now)
  if (settled) return accept(settled)
  if (result.ok || !state.task || result.key !== startKey(state, state.task)) return accept([])
  if (result.fault?.code === 'Poisoned') return decideBroken(state, state.task.operation, result.fault.message)
  return accept([{ type: 'startFailed', notBefore: now + Math.min(START_CAP_MS, START_BASE_MS * 2 ** Math.min(state.startFailures, 10)) }])
}

const startKey = (state: InstanceState, task: Task): string =>
  state.startFailures === 0 ? `start:${task.operation}` : `start:${task.operation}:${state.startFailures}`

/** Operations that leave the guest as it was, or undo to it, and must know whether that is running. */
const RETURNS: ReadonlySet<InstanceOperation> = new Set(['rescue', 'rebuild', 'resize', 'migrate', 'revert-resize', 'evacuate'])

function argsOf(state: InstanceState, spec: InstanceSpec, task: Task): OperationArgs {
  const { host, claim, origin } = state
  return {
    spec,
    host,
    claim,
    mode: task.mode,
    ...(origin ? { origin: { host: origin.host, claim: origin.claim } } : {}),
    ...(task.change ? { change: task.change } : {}),
    ...(hasDevices(state.devices) ? { devices: state.devices } : {}),
    ...(task.wanted === undefined ? {} : { wanted: task.wanted }),
    ...(task.blockMigration === undefined ? {} : { blockMigration: task.blockMigration }),
    ...(RETURNS.has(task.kind) ? { running: isToRun(state) } : {}),
  }
}

const hasDevices = (devices: Devices | undefined): boolean => devices !== undefined && devices.disks.length + devices.interfaces.length > 0

function work(state: InstanceState, id: string): Work[] {
  const { task, next, spec, due, holding } = state
  if (!spec) return []
  if (!task) {
    const timer: Work[] = due ? [{ type: 'timer', key: dueKey(due), at: due.at }] : []
    return [...timer, ...groupReport(state, id), ...settleWork(holding, needsOf(state), spec.project, addressKey(address('instance', id)))]
  }
  const start: Work = {
    type: 'call',
    key: startKey(state, task),
    to: address('operation', task.operation),
    method: 'start',
    args: { kind: task.kind, subject: id, requestId: task.requestId, ...(task.by ? { by: task.by } : {}), args: argsOf(state, spec, task) },
    ...(state.startAt > 0 ? { notBefore: state.startAt } : {}),
    context: { requestId: task.requestId, ...(task.by?.trace === undefined ? {} : { trace: task.by.trace }) },
  }
  const report = groupReport(state, id)
  if (!next) return [start, ...report]
  // Not all operations can be cancelled; those that cannot are waited for, and they end by their deadline.
  return [
    start,
    ...report,
    { type: 'call', key: `cancel:${task.operation}`, to: address('operation', task.operation), method: 'cancel', args: { overtaken: true } },
  ]
}

const requestId = text(128)
/** Longest message of a fault that is kept, characters. */
const FAULT_TEXT = 4096
const by = optional(checkRequester)
const ha = optional(anyOf(...HA_POLICIES))
const quota = optional(integer(1, Number.MAX_SAFE_INTEGER))
const INTEGER_MS = integer(0, Number.MAX_SAFE_INTEGER)

export const instanceActor = defineActor<InstanceState, InstanceCommand, InstanceEvent>({
  kind: 'instance',
  version: 1,
  methods: {
    create: {
      check: checkObject({
        name: text(255),
        project: text(64),
        image: text(64),
        reservation: text(64),
        requestId,
        by,
        user: optional(text(64)),
        flavor: record,
        metadata: record,
        placement: optional(record),
        about: optional(record),
        agent: optional(record),
        tags: optional(listOf(text(60), 50)),
        ha,
        quota,
      }),
    },
    act: {
      check: checkObject({
        action: anyOf(...ACTIONS),
        mode: optional(anyOf('soft', 'hard')),
        change: optional(
          checkObject({
            ...{ image: optional(text(64)), flavor: optional(record), snapshot: optional(record) },
            ...{ about: optional(record), guest: optional(record) },
          }),
        ),
        host: optional(text(128)),
        disk: optional(checkDisk),
        interface: optional(checkInterface),
        blockMigration: optional(value => (value === 'auto' ? null : flag(value))),
        leaving: optional(text(128)),
        // `followUp` is made by conductors, from their settings.
        followUp: optional(record),
        requestId,
        by,
        quota,
      }),
    },
    abandon: { check: checkObject({ requestId, quota: integer(1, Number.MAX_SAFE_INTEGER) }) },
    holds: HOLDS,
    delete: { check: checkObject({ requestId, by, reclaimMs: optional(INTEGER_MS) }) },
    decline: { check: checkObject({ requestId, fault: checkObject({ code: text(64), message: text(FAULT_TEXT) }) }) },
    lock: { check: checkObject({ reason: optional(text(255)) }) },
    unlock: {},
    update: {
      check: checkObject({
        requestId,
        name: optional(text(255)),
        metadata: optional(record),
        setMetadata: optional(record),
        unsetMetadata: optional(listOf(text(255), 128)),
        tags: optional(listOf(text(60), 50)),
        addTags: optional(listOf(text(60), 50)),
        removeTags: optional(listOf(text(60), 50)),
        about: optional(record),
        disk: optional(checkObject({ id: text(64), deleteOnTermination: flag })),
      }),
    },
    leavePassword: { check: checkObject({ password: text(1024) }), from: ['compute'] },
    reset: { check: checkObject({ state: anyOf('active', 'error') }) },
    ended: { check: checkObject({ operation: text(256), outcome: anyOf('done', 'undone', 'failed') }) },
    guestSeen: {
      check: checkObject({
        host: text(128),
        power: anyOf(...POWER_STATES),
        order: integer(0, Number.MAX_SAFE_INTEGER),
        lapsed: optional(flag),
        unknown: optional(anyOf(...UNKNOWN_GUESTS)),
        verdict: optional(text(64)),
      }),
    },
    setHa: { check: checkObject({ policy: anyOf(...HA_POLICIES) }) },
    hostLost: { check: checkObject({ host: text(128), verdict: optional(text(64)) }) },
    guestMissing: {
      check: checkObject({ host: text(128), asOf: optional(INTEGER_MS), vanished: optional(anyOf(...VANISHED_GUESTS)), verdict: optional(text(64)) }),
    },
    room: {},
    broken: { check: checkObject({ operation: text(256), reason: text(4096) }) },
    get: { reads: true },
  },
  initial: () => INITIAL,
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
  // An id that was given up before anything was made of it, or what is gone, was given back, and has told its group.
  finished: state =>
    state.spec ? state.vmState === 'deleted' && !state.task && !owesReport(state) && !state.holding?.amounts : state.holding !== null,
})
