/**
 * A compute host as the cluster sees it: what it has, what of it is claimed, and whether it may be used.
 *
 * The host actor is the single writer of its host's allocations. A claim is one event that names the operation it is for
 * and the instance it will belong to; the claim's id is the operation's id, so claiming twice is claiming once and a
 * release of what is not held is fine. Two builds that race for the last room meet here, one after the other.
 *
 * A claim may be sent more than once and a copy of it may come late, even after the release. So a release leaves a mark
 * with its rank for as long as such a copy can live, and a claim of no higher rank is refused.
 */
import type { HostBody, HostState } from '../api.ts'
import type { Inventory } from '../hypervisor/driver.ts'
import { type BucketMap, emptyMap, entries, get, remove, set } from '../kernel/bucket-map.ts'
import { anyOf, checkObject, integer, optional, record, text } from '../kernel/check.ts'
import { accept, type DecideContext, type Decision, defineActor, refuse, type WorkResult } from '../kernel/define.ts'
import {
  closedBecause,
  DUTY_METHODS,
  type Duty,
  type DutyCommand,
  type DutyEvent,
  decideDuty,
  dutyWork,
  evolveDuty,
  modeOf,
  ON_DUTY,
  shownReason,
} from './duty.ts'

export interface Resources {
  readonly vcpus: number
  readonly ramMb: number
  readonly diskGb: number
}

export interface Claim extends Resources {
  readonly instance: string
}

interface HeldClaim extends Claim {
  /** Cluster time, ms. */
  readonly since: number
}

interface Mark {
  readonly order: number
  readonly at: number
}

/** A claim is not executed after its step's deadline (30 s); a release marks claims younger than this, ms. */
const MARK_MS = 60_000
const MARKS_SWEEP = 100

export interface Ratios {
  readonly vcpu: number
  readonly ram: number
  readonly disk: number
}

export interface HostInfo extends Inventory {
  readonly driver: string
  readonly pid: number
  readonly version: string
}

interface HostActorState extends Duty {
  readonly registered: boolean
  readonly info: HostInfo
  readonly state: HostState
  readonly stateSince: number
  readonly claims: BucketMap<HeldClaim>
  readonly released: BucketMap<Mark>
  readonly used: Resources
  readonly createdAt: number
  readonly updatedAt: number
}

type HostCommand =
  /** The agent says what its machine has. Sent by the monitor when it first hears the host and when it has changed. */
  | { readonly method: 'register'; readonly args: HostInfo }
  /** The monitor's verdict about silence. */
  | { readonly method: 'observe'; readonly args: { readonly state: HostState } }
  | { readonly method: 'claim'; readonly args: { readonly claim: string; readonly order: number } & Claim }
  | { readonly method: 'release'; readonly args: { readonly claim: string; readonly order: number } }
  | DutyCommand
  /** Forgets a host that is gone for good. */
  | { readonly method: 'delete'; readonly args: unknown }
  /** An operator's word that nothing runs there any more: powered off, or cut off for good. */
  | { readonly method: 'fence'; readonly args: unknown }
  /** Refused unless it is fenced. */
  | { readonly method: 'requireFenced'; readonly args: unknown }
  | { readonly method: 'get'; readonly args: unknown }
  | { readonly method: 'claims'; readonly args: unknown }
  /** The answers to its work come back too; it needs none of them. */
  | { readonly method: '@result'; readonly args: WorkResult }

type HostEvent =
  | { readonly type: 'registered'; readonly info: HostInfo }
  | { readonly type: 'observed'; readonly state: HostState }
  | { readonly type: 'claimed'; readonly claim: string; readonly of: Claim }
  | { readonly type: 'released'; readonly claim: string; readonly order: number }
  | { readonly type: 'deleted' }
  | DutyEvent

const NOTHING: Resources = { vcpus: 0, ramMb: 0, diskGb: 0 }

const plus = (a: Resources, b: Resources, sign: 1 | -1): Resources => ({
  vcpus: a.vcpus + sign * b.vcpus,
  ramMb: a.ramMb + sign * b.ramMb,
  diskGb: a.diskGb + sign * b.diskGb,
})

/** Names the first resource that does not fit, with its numbers, or null. */
export function lacks(capacity: Resources, used: Resources, wanted: Resources, ratios: Ratios): string | null {
  const rows = [
    ['vcpus', capacity.vcpus * ratios.vcpu, used.vcpus, wanted.vcpus],
    ['ram (MB)', capacity.ramMb * ratios.ram, used.ramMb, wanted.ramMb],
    ['disk (GB)', capacity.diskGb * ratios.disk, used.diskGb, wanted.diskGb],
  ] as const
  for (const [name, total, taken, want] of rows) {
    if (taken + want > total) return `${name}: ${want} wanted, ${Math.max(0, total - taken)} free of ${total}`
  }
  return null
}

const sameInfo = (a: HostInfo, b: HostInfo): boolean =>
  a.driver === b.driver && a.pid === b.pid && a.version === b.version && a.vcpus === b.vcpus && a.ramMb === b.ramMb && a.diskGb === b.diskGb

const rank = integer(0, Number.MAX_SAFE_INTEGER)

export function hostActor(ratios: Ratios) {
  function decide(state: HostActorState, command: HostCommand, { id }: DecideContext): Decision<HostActorState, HostEvent> {
    switch (command.method) {
      case 'register': {
        const events: HostEvent[] = []
        if (!state.registered || !sameInfo(state.info, command.args)) events.push({ type: 'registered', info: command.args })
        if (state.state !== 'up') events.push({ type: 'observed', state: 'up' })
        return accept(events)
      }
      case 'observe':
        // Silence says less than an operator has said; only its own return ends a fence.
        if (state.state === 'fenced' || state.state === 'gone') return accept([])
        return accept(state.registered && state.state !== command.args.state ? [{ type: 'observed', state: command.args.state }] : [])
      case 'claim': {
        const { claim, order, instance, vcpus, ramMb, diskGb } = command.args
        if (get(state.claims, claim)) return accept([])
        if (order <= (get(state.released, claim)?.order ?? -1))
          return refuse('StaleCommand', `claim ${claim} was released already; this copy of it came late`)
        if (!state.registered) return refuse('HostRefused', `host ${id} has never reported`)
        const closed = closedBecause(state)
        if (closed !== null) return refuse('HostRefused', `host ${id} ${closed}`)
        if (state.state !== 'up') return refuse('HostRefused', `host ${id} is ${state.state}`)
        const lacking = lacks(state.info, state.used, command.args, ratios)
        if (lacking) return refuse('HostRefused', `host ${id} has no room: ${lacking}`)
        return accept([{ type: 'claimed', claim, of: { instance, vcpus, ramMb, diskGb } }])
      }
      case 'release': {
        const { claim, order } = command.args
        const known = get(state.claims, claim) || order > (get(state.released, claim)?.order ?? -1)
        return accept(known ? [{ type: 'released', claim, order }] : [])
      }
      case 'setEnabled':
      case 'empty':
      case 'open':
      case 'endMaintenance':
        if (!state.registered) return refuse('NotFound', `there is no host ${id}`)
        return decideDuty(state, id, state.state, command, (s: HostActorState) => bodyOf(s, id))
      case 'ended':
        return decideDuty(state, id, state.state, command, (s: HostActorState) => bodyOf(s, id))
      case 'delete':
        return decideDelete(state, id)
      case '@result':
        return accept([])
      case 'fence': {
        if (!state.registered) return refuse('NotFound', `there is no host ${id}`)
        if (state.state === 'fenced') return accept([], s => bodyOf(s, id))
        if (state.state !== 'down') {
          return refuse('Conflict', `host ${id} is ${state.state}; only a host that is down can be said to be fenced`, { allowed: ['down'] })
        }
        return accept([{ type: 'observed', state: 'fenced' }], s => bodyOf(s, id))
      }
      case 'requireFenced': {
        if (state.state === 'fenced') return accept([])
        const help =
          state.state === 'down' ? 'if nothing runs there any more for certain, say so with `baton host fenced`' : 'move the instance instead'
        return refuse('HostRefused', `host ${id} is ${state.state} and not said to be fenced, so its guests may still run; ${help}`)
      }
      case 'get':
        return state.registered ? accept([], s => bodyOf(s, id)) : refuse('NotFound', `there is no host ${id}`)
      case 'claims':
        return accept([], s => Object.fromEntries(entries(s.claims)))
    }
  }

  return defineActor<HostActorState, HostCommand, HostEvent>({
    kind: 'host',
    version: 1,
    methods: {
      register: {
        check: checkObject({ driver: text(64), pid: integer(0, 2 ** 31), vcpus: integer(0, 1e6), ramMb: integer(0, 1e12), diskGb: integer(0, 1e12) }),
      },
      observe: { check: checkObject({ state: anyOf('up', 'suspect', 'down', 'fenced', 'gone') }) },
      claim: {
        check: checkObject({
          claim: text(256),
          order: rank,
          instance: text(128),
          vcpus: integer(0, 1e6),
          ramMb: integer(0, 1e12),
          diskGb: integer(0, 1e12),
        }),
      },
      release: { check: checkObject({ claim: text(256), order: rank }) },
      ...DUTY_METHODS,
      delete: {},
      fence: {},
      requireFenced: {},
      get: {},
      claims: { check: optional(record) },
    },
    initial: () => ({
      registered: false,
      info: { driver: '', pid: 0, version: '', vcpus: 0, ramMb: 0, diskGb: 0 },
      state: 'up',
      stateSince: 0,
      ...ON_DUTY,
      claims: emptyMap,
      released: emptyMap,
      used: NOTHING,
      createdAt: 0,
      updatedAt: 0,
    }),
    decide,
    evolve,
    work: (state, id) => dutyWork(state, id),
    view(state, id) {
      if (state.createdAt === 0) return null
      const columns = { state: state.state, enabled: closedBecause(state) === null, created_at: state.createdAt, updated_at: state.updatedAt }
      return { table: 'host', id, columns, body: bodyOf(state, id) }
    },
    finished: () => false,
  })
}

function evolve(state: HostActorState, event: HostEvent, at: number): HostActorState {
  switch (event.type) {
    case 'registered': {
      const createdAt = state.registered ? state.createdAt : at
      return { ...state, registered: true, info: event.info, createdAt, stateSince: state.registered ? state.stateSince : at, updatedAt: at }
    }
    case 'observed':
      return { ...state, state: event.state, stateSince: at, updatedAt: at }
    case 'claimed':
      return { ...state, claims: set(state.claims, event.claim, { ...event.of, since: at }), used: plus(state.used, event.of, 1), updatedAt: at }
    case 'released': {
      const held = get(state.claims, event.claim)
      const released = marks(state.released, event, held, at)
      return held
        ? { ...state, claims: remove(state.claims, event.claim), released, used: plus(state.used, held, -1), updatedAt: at }
        : { ...state, released, updatedAt: at }
    }
    case 'deleted':
      // The row stays, and says so; what it was told is over.
      return { ...state, registered: false, state: 'gone', stateSince: at, ...ON_DUTY, updatedAt: at }
    default:
      return { ...evolveDuty(state, event), updatedAt: at }
  }
}

/** Only what runs nothing and is promised to nobody. */
function decideDelete(state: HostActorState, id: string): Decision<HostActorState, HostEvent> {
  if (!state.registered) return refuse('NotFound', `there is no host ${id}`)
  if (state.state !== 'down' && state.state !== 'fenced') {
    const help = 'stop its agent first, and wait until it is down'
    return refuse('Conflict', `host ${id} is ${state.state}; only a host that is down or fenced can be deleted: ${help}`, {
      allowed: ['down', 'fenced'],
    })
  }
  if (state.task) return refuse('Conflict', `host ${id} is being emptied by operation ${state.task.operation}; cancel that first`)
  const { size } = state.claims
  if (size > 0) return refuse('Conflict', `host ${id} holds room for ${size} instances; evacuate or delete them first`, { claims: size })
  return accept([{ type: 'deleted' }])
}

/** This release's mark, when a copy of its claim may still be under way; and one look in so many for those that matter no more. */
function marks(released: BucketMap<Mark>, event: HostEvent & { type: 'released' }, held: HeldClaim | undefined, at: number): BucketMap<Mark> {
  // A release that comes late itself takes back nothing of what a later one has said.
  const order = Math.max(event.order, get(released, event.claim)?.order ?? -1)
  const marked = !held || at - held.since < MARK_MS ? set(released, event.claim, { order, at }) : released
  if (marked.size % MARKS_SWEEP !== 0) return marked
  return entries(marked).reduce((kept, [claim, mark]) => (at - mark.at < MARK_MS ? kept : remove(kept, claim)), marked)
}

function bodyOf(state: HostActorState, id: string): HostBody {
  return {
    id,
    state: state.state,
    enabled: closedBecause(state) === null,
    disabledReason: shownReason(state),
    mode: modeOf(state),
    operation: state.task?.operation ?? null,
    driver: state.info.driver,
    vcpus: state.info.vcpus,
    ramMb: state.info.ramMb,
    diskGb: state.info.diskGb,
    vcpusUsed: state.used.vcpus,
    ramMbUsed: state.used.ramMb,
    diskGbUsed: state.used.diskGb,
    claims: state.claims.size,
    pid: state.info.pid,
    version: state.info.version,
    createdAt: state.createdAt,
    stateSince: state.stateSince,
  }
}
