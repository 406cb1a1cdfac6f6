/**
 * High availability of one instance: what its policy makes of a guest that crashed, vanished or was stopped by the watchdog of
 * its host, and of a host that was lost.
 *
 * Only what should run is started: who shut the guest down from within, meant it. A guest is started again on its host by a
 * hard reboot, one that has vanished by a rebuild, the first time at once and then less and less often; after `RESTART_LIMIT` times within an
 * hour the instance is in error, because what crashes so often will not be mended by one more start.
 */
import type { HaPolicy } from '../api.ts'
import type { PowerState } from '../hypervisor/driver.ts'
import { accept, type Decision, refuse } from '../kernel/define.ts'
import { minutes, seconds } from '../kernel/env.ts'
import type { Fault } from '../kernel/errors.ts'
import { byVerdict } from '../operation/trace.ts'
import { bodyOf, type Due, type InstanceEvent, type InstanceState } from './model.ts'
import { nextId, refusal } from './requests.ts'
import { rowOf } from './states.ts'

type D = Decision<InstanceState, InstanceEvent>

const RESTART_LIMIT = 5
const RESTART_PERIOD_MS = minutes(60)
const RESTART_BASE_MS = seconds(5)
const RESTART_CAP_MS = minutes(5)

const policyOf = (state: InstanceState): HaPolicy => state.spec?.ha ?? 'none'

export const recentRestarts = ({ restarts = [] }: InstanceState, now: number): number[] => restarts.filter(at => now - at < RESTART_PERIOD_MS)

export function decideSetHa(state: InstanceState, policy: HaPolicy, id: string): D {
  if (state.vmState === 'deleted') return refuse('NotFound', `instance ${id} is deleted`)
  return accept(policyOf(state) === policy ? [] : [{ type: 'updated', spec: { ha: policy } }], s => bodyOf(s, id))
}

export interface LostFrom {
  readonly host: string
  /** `traceparent` of the verdict, where that is traced. */
  readonly verdict?: string
}

/** The host of this instance was lost, and its guest there is proved not to run, says the host's actor; `stands` says what is done about it. */
export function decideHostLost(state: InstanceState, { host, verdict }: LostFrom, id: string): D {
  const answer = (stands: 'moving' | 'busy' | 'over'): D => accept([], () => ({ stands }))
  if (state.task?.kind === 'evacuate') return answer('moving')
  if (state.host !== host || policyOf(state) !== 'evacuate' || state.vmState === 'deleted') return answer('over')
  // Whatever is under way ends by its deadline; then this is asked again.
  if (state.task || state.next) return answer('busy')
  if (state.vmState !== 'active' || refusal(state, 'evacuate', rowOf('evacuate'), id)) return answer('over')
  const operation = nextId(state, id)
  const task = { operation, kind: 'evacuate', requestId: `req-ha-${operation}`, mode: null, ha: true } as const
  return accept([{ type: 'taskAccepted', task: { ...task, ...byVerdict(operation, verdict) } }], () => ({ stands: 'moving' }))
}

export interface Fallen {
  readonly power: PowerState | null
  /** Whether the watchdog of its host has stopped it: no fault of the guest, so it does not count. */
  readonly lapsed: boolean
  readonly message: string
  /** `traceparent` of what found it, where that is traced. */
  readonly verdict?: string | undefined
}

/** What the policy wants done about a guest that should run and does not; null when it is to be left so. */
export function restartEvents(state: InstanceState, { power, lapsed, message, verdict }: Fallen, now: number): InstanceEvent[] | null {
  if (policyOf(state) === 'none' || state.vmState !== 'active' || state.origin) return null
  const recent = recentRestarts(state, now)
  if (!lapsed && recent.length >= RESTART_LIMIT) {
    const enough = `${message}; it was started again ${recent.length} times within an hour, so it is left as it is: see its console, then start it`
    return [{ type: 'broke', fault: { code: 'DriverFault', message: enough } }]
  }
  const pauseMs = lapsed || recent.length === 0 ? 0 : Math.min(RESTART_CAP_MS, RESTART_BASE_MS * 2 ** (recent.length - 1))
  const common = { at: now + pauseMs, ha: true, ...(verdict === undefined ? {} : { verdict }) } as const
  const due: Due = power === null ? { kind: 'rebuild', ...common } : { kind: 'reboot', mode: 'hard', ...common }
  const fault: Fault = { code: 'DriverFault', message: `${message}; its HA policy starts it again` }
  return [{ type: 'restartDue', due, power, fault }]
}
