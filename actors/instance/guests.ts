/** What an instance makes of the reports about its guest. */
import type { VmState } from '../api.ts'
import type { PowerState } from '../hypervisor/driver.ts'
import { accept, type DecideContext, type Decision } from '../kernel/define.ts'
import type { Fault } from '../kernel/errors.ts'
import { restartEvents } from './ha.ts'
import { commandOrder, type InstanceEvent, type InstanceState } from './model.ts'

type D = Decision<InstanceState, InstanceEvent>

/** States that follow the guest's power. In the others the guest is what it is on purpose, whatever its power. */
const FOLLOWS: ReadonlySet<VmState> = new Set(['active', 'stopped', 'paused', 'suspended'])
/** States in which there need not be a guest on the host. */
const MAY_MISS: ReadonlySet<VmState> = new Set(['deleted', 'error'])

export interface GuestSeen {
  readonly host: string
  readonly power: PowerState
  readonly order: number
  /** It is off because the watchdog of its host has stopped it when the lease ran out. */
  readonly lapsed?: boolean
}

export function decideGuestSeen(state: InstanceState, seen: GuestSeen, { id, now }: Pick<DecideContext, 'id' | 'now'>): D {
  // A guest nobody knows is reported, never destroyed: it may belong to something older than this journal.
  if (!state.spec) return accept([], () => ({ known: false, keep: true }))
  // While an operation runs, the guest is the operation's business: it knows where it has put what.
  if (state.task || state.next) return accept([], () => ({ known: true, keep: true }))
  const here = state.host === seen.host
  const keep = state.vmState !== 'deleted' && (here || state.origin?.host === seen.host)
  // A report from before the newest command that was obeyed tells of the past.
  const events = keep && here && seen.order >= state.obeyed ? observedPower(state, seen, id, now) : []
  return accept(events, () => ({ known: true, keep, order: commandOrder(state.operations + 1, 0) }))
}

/** The guest's power state as the host sees it, against what we believe. Nova's rule: a guest that ended by itself is stopped. */
function observedPower(state: InstanceState, { power, host, lapsed = false }: GuestSeen, id: string, now: number): InstanceEvent[] {
  if (state.vmState === 'error') return []
  // Off, and known to be, but called active: it is to come back, or it fell while a resize waited to be confirmed.
  const fell = state.vmState === 'active' && isOff(power)
  if (power === state.powerState && (!fell || state.due?.ha)) return []
  if (power === 'crashed' || lapsed) {
    const why = lapsed ? `the watchdog of ${host} stopped it, because its lease had run out` : 'it crashed'
    const restart = restartEvents(state, { power, lapsed, message: `the guest of ${id} is off: ${why}` }, now)
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
    case 'paused':
      return vmState
    case 'suspended':
      return vmState === 'active' ? 'suspended' : vmState
    // What is suspended is off, and its memory is on disk all the same.
    case 'shutdown':
    case 'crashed':
      return vmState === 'suspended' ? vmState : 'stopped'
  }
}

export function decideMissing(state: InstanceState, host: string, now: number): D {
  if (state.task || state.next || state.host !== host || MAY_MISS.has(state.vmState)) return accept([])
  const restart = restartEvents(state, { power: null, lapsed: false, message: `the guest has vanished from host ${host}` }, now)
  // One that is to come back already is not counted again.
  if (restart) return accept(state.due?.ha ? [] : restart)
  const message = `the guest has vanished from host ${host}; delete the instance or rebuild it`
  return accept([{ type: 'broke', fault: { code: 'DriverFault', message } }])
}
