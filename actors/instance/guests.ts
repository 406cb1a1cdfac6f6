/** What an instance makes of the reports about its guest. */
import type { VmState } from '../api.ts'
import type { ReconcilePolicy } from '../host/policies.ts'
import type { PowerState } from '../hypervisor/driver.ts'
import { accept, type DecideContext, type Decision } from '../kernel/define.ts'
import type { Fault } from '../kernel/errors.ts'
import { byVerdict } from '../operation/trace.ts'
import { restartEvents } from './ha.ts'
import { commandOrder, type InstanceEvent, type InstanceState, sizeOf } from './model.ts'
import { nextId, refusal } from './requests.ts'
import { rowOf } from './states.ts'

type D = Decision<InstanceState, InstanceEvent>

/** States that follow the guest's power. In the others the guest is what it is on purpose, whatever its power. */
const FOLLOWS: ReadonlySet<VmState> = new Set(['active', 'stopped', 'paused', 'suspended'])
/** States in which there need not be a guest on the host. */
const MAY_MISS: ReadonlySet<VmState> = new Set(['deleted', 'error'])

export interface SeenGuest {
  readonly host: string
  readonly power: PowerState
  readonly order: number
  /** It is off because the watchdog of its host has stopped it when the lease ran out. */
  readonly lapsed?: boolean
  /** The policy about guests that no instance owns. */
  readonly unknown?: ReconcilePolicy['unknownGuests']
  /** `traceparent` of the look that found it, where that is traced. */
  readonly verdict?: string
}

export interface MissingGuest {
  readonly host: string
  /** When the instance had last changed, as the sender knew it: what has changed since may have its guest. Cluster time, ms. */
  readonly asOf?: number
  readonly vanished?: ReconcilePolicy['vanishedGuests']
  /** `traceparent` of the look that missed it, where that is traced. */
  readonly verdict?: string
}

/** The owner's word about a guest. `order` outranks all that was said about it so far, and nothing that will be. */
export interface GuestVerdict {
  readonly known: boolean
  readonly keep: boolean
  /** It is kept for a revert, and must not run. */
  readonly stop?: boolean
  readonly order?: number
  /** The instance was deleted: its disk goes too, wherever it is. */
  readonly isGone?: boolean
}

/** Which room an instance holds, by its owner's word. */
export interface Holdings {
  /** An operation is under way: it knows what it has claimed. */
  readonly changing: boolean
  readonly claims: readonly {
    readonly host: string
    readonly claim: string
    readonly vcpus: number
    readonly ramMb: number
    readonly diskGb: number
  }[]
  /** Outranks what its operations have said so far, and nothing that a later one will. */
  readonly order: number
}

const RUNS: ReadonlySet<PowerState> = new Set(['running', 'paused'])

const orderNow = (state: InstanceState): number => commandOrder(state.operations + 1, 0)

const verdict = (events: readonly InstanceEvent[], said: GuestVerdict): D => accept(events, () => said)

export function decideGuestSeen(state: InstanceState, seen: SeenGuest, { id, now }: Pick<DecideContext, 'id' | 'now'>): D {
  // It may belong to something older than this journal.
  if (!state.spec)
    return verdict([], seen.unknown === 'destroy' ? { known: false, keep: false, order: seen.order + 1 } : { known: false, keep: true })
  // While an operation runs, the guest is the operation's business: it knows where it has put what.
  if (state.task || state.next) return verdict([], { known: true, keep: true })
  const here = state.host === seen.host
  const kept = state.vmState !== 'deleted' && state.origin?.host === seen.host
  const keep = kept || (state.vmState !== 'deleted' && here)
  // A report from before the newest command that was obeyed tells of the past.
  const events = keep && here && seen.order >= state.obeyed ? observedPower(state, seen, id, now) : []
  const stop = kept && !here && RUNS.has(seen.power) ? { stop: true } : {}
  const isGone = state.vmState === 'deleted' ? { isGone: true } : {}
  return verdict(events, { known: true, keep, ...stop, ...isGone, order: orderNow(state) })
}

/** The guest's power state as the host sees it, against what we believe. Nova's rule: a guest that ended by itself is stopped. */
function observedPower(state: InstanceState, { power, host, lapsed = false, verdict }: SeenGuest, id: string, now: number): InstanceEvent[] {
  if (state.vmState === 'error') return []
  // Off, and known to be, but called active: it is to come back, or it fell while a resize waited to be confirmed.
  const fell = state.vmState === 'active' && isOff(power)
  if (power === state.powerState && (!fell || state.due?.ha)) return []
  if (power === 'crashed' || lapsed) {
    const why = lapsed ? `the watchdog of ${host} stopped it, because its lease had run out` : 'it crashed'
    const restart = restartEvents(state, { power, lapsed, message: `the guest of ${id} is off: ${why}`, verdict }, now)
    if (restart) return restart
  }
  const vmState = FOLLOWS.has(state.vmState) ? following(state.vmState, power) : state.vmState
  const fault: Fault | null = power === 'crashed' ? { code: 'DriverFault', message: `the guest of ${id} crashed; start it again` } : null
  return [{ type: 'powerObserved', power, vmState, fault }]
}

const isOff = (power: PowerState): boolean => power === 'shutdown' || power === 'crashed'

function following(vmState: VmState, power: PowerState): VmState {
  switch (power) {
    case 'running':
      return 'active'
    // A pause that was given up may have been carried out all the same: what is called so can be unpaused.
    case 'paused':
    case 'suspended':
      return vmState === 'active' ? power : vmState
    // What is suspended is off, and its memory is on disk all the same.
    case 'shutdown':
    case 'crashed':
      return vmState === 'suspended' ? vmState : 'stopped'
  }
}

export function decideRoom(state: InstanceState): D {
  const { spec, host, claim, origin } = state
  const first = spec && host && claim ? [{ host, claim, ...sizeOf(spec.flavor) }] : []
  const second = origin ? [{ host: origin.host, claim: origin.claim, ...sizeOf(origin.flavor) }] : []
  const claims = state.vmState === 'deleted' ? [] : [...first, ...second]
  const holdings: Holdings = { changing: state.task !== null || state.next !== null, claims, order: orderNow(state) }
  return accept([], () => holdings)
}

export function decideMissing(
  state: InstanceState,
  { host, vanished = 'error', asOf, verdict }: MissingGuest,
  { id, now }: Pick<DecideContext, 'id' | 'now'>,
): D {
  if (asOf !== undefined && state.updatedAt > asOf) return accept([])
  if (state.task || state.next || state.host !== host || MAY_MISS.has(state.vmState)) return accept([])
  const restart = restartEvents(state, { power: null, lapsed: false, message: `the guest has vanished from host ${host}`, verdict }, now)
  // One that is to come back already is not counted again.
  if (restart) return accept(state.due?.ha ? [] : restart)
  if (vanished === 'ignore') return accept([])
  if (vanished === 'rebuild' && !refusal(state, 'rebuild', rowOf('rebuild'), id)) {
    const operation = nextId(state, id)
    const task = { operation, kind: 'rebuild', requestId: `req-vanished-${operation}`, mode: null } as const
    return accept([{ type: 'taskAccepted', task: { ...task, ...byVerdict(operation, verdict) } }])
  }
  const message = `the guest has vanished from host ${host}; delete the instance or rebuild it`
  return accept([{ type: 'broke', fault: { code: 'DriverFault', message } }])
}
