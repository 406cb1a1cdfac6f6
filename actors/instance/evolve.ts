/** What each event makes of an instance. What it becomes when an operation has ended stands in the table of `states.ts`. */
import { NO_DEVICES } from '../hypervisor/driver.ts'
import { evolveHolding } from '../project/holding.ts'
import { aboutAfter } from './about.ts'
import { answeredAfter } from './answers.ts'
import { toldAfter } from './group-report.ts'
import { recentRestarts } from './ha.ts'
import { commandOrder, type FlavorSize, type InstanceEvent, type InstanceSpec, type InstanceState, type Origin, type Task } from './model.ts'
import { INSTANCE_OPERATIONS, isToRun, rowOf, settle } from './states.ts'

/** A copy of an update may come late, but not behind so many others. */
const UPDATES_KNOWN = 32
/** Pause before what begins by itself is tried again when it could not be done, ms. */
const DUE_AGAIN_MS = 60_000

type Ended = InstanceEvent & { type: 'taskEnded' }

export function evolve(state: InstanceState, event: InstanceEvent, at: number): InstanceState {
  switch (event.type) {
    case 'created': {
      const { name, flavor, image } = event.spec
      const asked = { name, flavor: flavor.id, image }
      const { spec, task, tags = [] } = event
      return { ...state, spec, asked, tags, vmState: 'building', task, operations: 1, createdAt: at, updatedAt: at }
    }
    case 'taskAccepted': {
      const counts = event.task.ha && event.task.kind !== 'evacuate'
      const restarts = counts ? [...recentRestarts(state, at), at] : (state.restarts ?? [])
      const { about } = event.task.change ?? {}
      const spec = about && state.spec ? { ...state.spec, about: aboutAfter(state.spec.about ?? {}, about) } : state.spec
      return { ...state, spec, task: event.task, operations: state.operations + 1, answers: answeredAfter(state, event), restarts, updatedAt: at }
    }
    case 'deleteQueued':
      return { ...state, next: event.task, operations: state.operations + 1, answers: answeredAfter(state, event), updatedAt: at }
    case 'declined':
      return { ...state, answers: answeredAfter(state, event) }
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
        ...over(state, at),
        vmState: 'error',
        fault: { ...event.fault, at },
        task: promised(state, 'error', state.host),
        due: wantedByPeople(state),
      }
    case 'restartDue':
      return { ...state, due: event.due, powerState: event.power ?? state.powerState, fault: { ...event.fault, at }, updatedAt: at }
    case 'locked':
      return { ...state, locked: { reason: event.reason }, updatedAt: at }
    case 'unlocked':
      return { ...state, locked: null, updatedAt: at }
    case 'updated':
      return {
        ...state,
        spec: state.spec && { ...state.spec, ...event.spec },
        tags: event.tags ?? state.tags,
        devices: event.devices ?? state.devices,
        due: event.spec.ha === 'none' ? wantedByPeople(state) : state.due,
        updates: event.requestId === undefined ? (state.updates ?? []) : [...(state.updates ?? []), event.requestId].slice(-UPDATES_KNOWN),
        updatedAt: at,
      }
    case 'held':
    case 'settleFailed':
      return { ...state, holding: evolveHolding(state.holding, event) }
    case 'stateReset':
      return { ...state, vmState: event.vmState, fault: event.vmState === 'active' ? null : state.fault, updatedAt: at }
    case 'groupTold':
    case 'groupNotTold':
      return { ...state, told: toldAfter(state.told, event) }
  }
}

const wantedByPeople = ({ due }: InstanceState): InstanceState['due'] => (due?.ha ? null : due)

/** The task is over. */
const over = (state: InstanceState, at: number): InstanceState => ({
  ...state,
  task: null,
  next: null,
  last: state.task ?? state.last,
  startFailures: 0,
  startAt: 0,
  updatedAt: at,
})

/** The delete that waited. What cannot be deleted softly any more (a build that was undone) is deleted for good. */
function promised({ next }: InstanceState, vmState: InstanceState['vmState'], host: string | null): Task | null {
  if (next?.kind !== 'soft-delete') return next
  const softly = host !== null && INSTANCE_OPERATIONS['soft-delete'].from.includes(vmState)
  return softly ? next : { operation: next.operation, kind: 'delete', requestId: next.requestId, ...(next.by ? { by: next.by } : {}), mode: null }
}

function evolveEnded(state: InstanceState, event: Ended, at: number): InstanceState {
  const { task, spec } = state
  if (!task || !spec) return state
  const { outcome } = event
  const settled = settle(rowOf(task.kind, task.mode)[outcome], state)
  const base: InstanceState = {
    ...over(state, at),
    ...settled,
    host: event.host,
    claim: event.claim,
    origin: originAfter(state, event, task, spec),
    task: promised(state, settled.vmState, event.host),
    spec: { ...spec, flavor: flavorOn(event.host, state, task, spec) },
    fault: event.fault ? { ...event.fault, at } : outcome === 'done' ? null : state.fault,
  }
  // What its driver cannot do it will not be able to in a minute: an instance whose disk is local stays shelved on its host.
  const inVain = event.fault?.code === 'DriverUnsupported' && !state.due?.ha
  if (outcome !== 'done') return { ...base, due: state.due && !inVain ? { ...state.due, at: at + DUE_AGAIN_MS } : null }
  const { followUp, change } = task
  return {
    ...base,
    devices: settled.vmState === 'deleted' ? NO_DEVICES : (change?.devices ?? state.devices),
    spec: { ...(base.spec ?? spec), image: task.kind === 'rebuild' ? (change?.image ?? spec.image) : spec.image },
    kept: settled.vmState === 'resized' ? { vmState: state.vmState, powerState: state.powerState } : null,
    due: followUp ? { kind: followUp.kind, at: at + followUp.afterMs } : null,
    obeyed: isLeftAlone(task, state) ? state.obeyed : commandOrder(Number(task.operation.slice(task.operation.lastIndexOf('.') + 1)), 0),
    launchedAt: task.kind === 'build' ? at : state.launchedAt,
    deletedAt: settled.vmState === 'deleted' ? at : state.deletedAt,
  }
}

/** Whether the guest where the instance now is was given no command: then its own rank stays an older one. */
const isLeftAlone = ({ kind, mode }: Task, state: InstanceState): boolean =>
  rowOf(kind, mode).done.powerState === 'same' || (kind === 'revert-resize' && !isToRun(state))

/** Room was claimed with the size the instance has on that host: the old one where it was, the new one where it goes. */
function flavorOn(host: string | null, { host: here, origin }: InstanceState, task: Task, spec: InstanceSpec): FlavorSize {
  if (host === null || host === here) return spec.flavor
  return host === origin?.host ? origin.flavor : (task.change?.flavor ?? spec.flavor)
}

function originAfter(state: InstanceState, { origin }: Ended, task: Task, spec: InstanceSpec): Origin | null {
  return origin ? { host: origin.host, claim: origin.claim, flavor: flavorOn(origin.host, state, task, spec) } : null
}
