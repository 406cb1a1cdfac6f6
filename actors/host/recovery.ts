/**
 * What is done about a host that was lost: an external command that fences it, if there is one, and the evacuation of what ran
 * there under the HA policy. All of it follows from the state, so it goes on wherever the host actor is loaded next.
 *
 * *Lost* is more than down. It was silent until its lease had run out for certain (`terms.ts`), and it was not lost together
 * with most others, which would rather be our own fault (`supervisors/hosts/host-detector.ts`). What its watchdog was armed with
 * (`policy.ts`) is then proved not to run, and may be evacuated; the rest of its guests may still run, and stay.
 * When it is fenced, by the command or by an operator's word, nothing runs there at all.
 *
 * At most `parallel` instances of one host are on their way at a time. Each instance is asked to evacuate, and asked again until it
 * says that it has gone or does not want to: every 2 s while it is on its way, less and less often while it cannot. A host that comes
 * back ends all that; evacuations under way go on, for their guests were stopped. A host that is lost again and again is given more
 * time to come back each time.
 */
import type { HostState } from '../api.ts'
import { address } from '../kernel/address.ts'
import type { Work, WorkResult } from '../kernel/define.ts'
import { minutes, seconds } from '../kernel/env.ts'
import type { Policy } from './policy.ts'

export interface RecoverySettings {
  /** Instances of one lost host that are evacuated at a time. */
  readonly parallel: number
  /** Whether there is a command that fences a host. */
  readonly fence: boolean
}

interface Asked {
  readonly tries: number
  /** Cluster time before which it is not asked again, ms. */
  readonly notBefore: number
  readonly stands: 'moving' | 'busy' | 'over'
}

export interface Recovery {
  /** Cluster time at which the host was found lost; null while it is not. */
  readonly lostAt: number | null
  /** `traceparent` of the verdict, where that is traced. */
  readonly verdict?: string
  /** Cluster times of this and earlier losses within the last hour. */
  readonly losses: readonly number[]
  readonly asked: Readonly<Record<string, Asked>>
  readonly fenceTries: number
  readonly fenceNotBefore: number
}

export const NO_RECOVERY: Recovery = { lostAt: null, losses: [], asked: {}, fenceTries: 0, fenceNotBefore: 0 }

export type RecoveryEvent =
  | { readonly type: 'lost'; readonly verdict?: string }
  | { readonly type: 'evacuationAsked'; readonly instance: string; readonly stands: Asked['stands']; readonly notBefore: number }
  | { readonly type: 'fenceFailed'; readonly notBefore: number }

/** Losses are remembered for so long, ms. */
const FLAPPING_MS = minutes(60)
/** Extra time a host is given at its second loss within the hour, and the longest, ms. The first is acted upon at once. */
const FLAP_BASE_MS = seconds(30)
const FLAP_CAP_MS = minutes(15)
const ASK_BASE_MS = seconds(1)
const ASK_CAP_MS = seconds(60)
/** One that is on its way holds a place that others wait for: its end is looked for soon, and then this often. */
const LOOK_BASE_MS = 250
const LOOK_CAP_MS = seconds(2)
const FENCE_BASE_MS = seconds(5)
const FENCE_CAP_MS = minutes(5)

const backoff = (baseMs: number, capMs: number, tries: number): number => Math.min(capMs, baseMs * 2 ** Math.min(tries, 20))

const pauseMs = (stands: Asked['stands'], tries: number): number =>
  stands === 'moving' ? Math.min(LOOK_CAP_MS, Math.round(LOOK_BASE_MS * 1.5 ** Math.min(tries, 20))) : backoff(ASK_BASE_MS, ASK_CAP_MS, tries)

export function evolveRecovery(recovery: Recovery, event: RecoveryEvent, at: number): Recovery {
  switch (event.type) {
    case 'lost': {
      const { verdict } = event
      const losses = [...recovery.losses.filter(loss => at - loss < FLAPPING_MS), at]
      return { ...NO_RECOVERY, lostAt: at, ...(verdict === undefined ? {} : { verdict }), losses }
    }
    case 'evacuationAsked': {
      const { instance, stands, notBefore } = event
      const tries = (recovery.asked[instance]?.tries ?? 0) + 1
      return { ...recovery, asked: { ...recovery.asked, [instance]: { tries, notBefore, stands } } }
    }
    case 'fenceFailed':
      return { ...recovery, fenceTries: recovery.fenceTries + 1, fenceNotBefore: event.notBefore }
  }
}

/** The host is back. */
export const returned = (recovery: Recovery): Recovery => ({ ...NO_RECOVERY, losses: recovery.losses })

export interface LostHost {
  readonly state: HostState
  readonly stateSince: number
  readonly policy: Policy
  readonly recovery: Recovery
}

/** Whether the guest of this instance is proved not to run on this host. */
export const provedStopped = ({ state, policy, recovery }: LostHost, instance: string | undefined): boolean =>
  state === 'fenced' || (recovery.lostAt !== null && instance !== undefined && policy.learned.includes(instance))

export function recoveryWork(host: LostHost, id: string, { parallel, fence }: RecoverySettings): Work[] {
  const { state, policy, recovery } = host
  const fenced = state === 'fenced'
  const since = recovery.lostAt ?? (fenced ? host.stateSince : null)
  if (since === null) return []
  const work: Work[] = []
  const verdict = recovery.verdict === undefined ? {} : { verdict: recovery.verdict }
  // A command that pulls the plug ends everything there, so it is worth it only where something is to be gained.
  if (fence && !fenced && policy.offered.length > 0) {
    const key = `fence:${since}:${recovery.fenceTries}`
    work.push({ type: 'call', key, to: address('fence', 'local'), method: 'fence', args: { host: id }, notBefore: recovery.fenceNotBefore })
  }
  const startAt = since + flapPauseMs(recovery)
  for (const instance of nextUp(fenced ? policy.offered : policy.learned, recovery.asked, parallel)) {
    const { tries = 0, notBefore = 0 } = recovery.asked[instance] ?? {}
    const key = `evacuate:${since}:${instance}:${tries}`
    work.push({
      type: 'call',
      key,
      to: address('instance', instance),
      method: 'hostLost',
      args: { host: id, ...verdict },
      notBefore: Math.max(notBefore, fenced ? 0 : startAt),
    })
  }
  return work
}

const flapPauseMs = ({ losses }: Recovery): number => (losses.length < 2 ? 0 : backoff(FLAP_BASE_MS, FLAP_CAP_MS, losses.length - 2))

/** Those on their way, and as many more as there is room for, the longest waiting first. */
function nextUp(instances: readonly string[], asked: Recovery['asked'], parallel: number): string[] {
  const open = instances.filter(instance => asked[instance]?.stands !== 'over')
  const moving = open.filter(instance => asked[instance]?.stands === 'moving')
  const waiting = open.filter(instance => asked[instance]?.stands !== 'moving')
  const order = (instance: string): number => asked[instance]?.notBefore ?? 0
  waiting.sort((a, b) => order(a) - order(b) || (a < b ? -1 : 1))
  return [...moving, ...waiting.slice(0, Math.max(0, parallel - moving.length))]
}

/** What an answer to a piece of `recoveryWork` means: `fenced`, an event, or nothing because it is of the past. */
export function recoveryResult(host: LostHost, { key, ok, value }: WorkResult, now: number): RecoveryEvent | 'fenced' | null {
  const { state, stateSince, recovery } = host
  const since = recovery.lostAt ?? (state === 'fenced' ? stateSince : null)
  const [what, at, ...rest] = key.split(':')
  if (since === null || at !== String(since)) return null
  if (what === 'fence') {
    if (rest[0] !== String(recovery.fenceTries) || state === 'fenced') return null
    return ok ? 'fenced' : { type: 'fenceFailed', notBefore: now + backoff(FENCE_BASE_MS, FENCE_CAP_MS, recovery.fenceTries) }
  }
  const [instance = '', tries] = rest
  const before = recovery.asked[instance]?.tries ?? 0
  if (what !== 'evacuate' || tries !== String(before)) return null
  const stands = ok ? standsOf(value) : 'busy'
  return { type: 'evacuationAsked', instance, stands, notBefore: now + pauseMs(stands, before) }
}

const standsOf = (value: unknown): Asked['stands'] => {
  const stands = typeof value === 'object' && value !== null && 'stands' in value ? value.stands : null
  return stands === 'moving' || stands === 'over' ? stands : 'busy'
}
