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
import type { ConfigureHost, HostBody, HostSettings, HostState } from '../api.ts'
import type { Inventory } from '../hypervisor/driver.ts'
import { type BucketMap, emptyMap, entries, get, remove, set } from '../kernel/bucket-map.ts'
import { anyOf, checkObject, integer, listOf, optional, record, text } from '../kernel/check.ts'
import { accept, type DecideContext, type Decision, defineActor, refuse, type WorkResult } from '../kernel/define.ts'
import { capacityOf, type HostDefaults, type HostPlacement, lacks, NOTHING, plus, type Ratios, type Resources } from '../placement/amounts.ts'
import { decideDelete } from './delete.ts'
import { closedBecause, DUTY_METHODS, type Duty, type DutyCommand, type DutyEvent, decideDuty, dutyWork, evolveDuty, ON_DUTY } from './duty.ts'
import { HOST_ROW_LIMIT } from './limits.ts'
import { isMarked, type Mark, marked } from './marks.ts'
import { armedEvents, evolvePolicy, NO_POLICY, offerEvents, type Policy, type PolicyEvent } from './policy.ts'
import {
  evolveRecovery,
  NO_RECOVERY,
  provedStopped,
  type Recovery,
  type RecoveryEvent,
  type RecoverySettings,
  recoveryResult,
  recoveryWork,
  returned,
} from './recovery.ts'
import { decideRestore, type RestoreArgs } from './restore.ts'
import { configured, configureProblem, DEFAULT_SETTINGS, placementOf } from './settings.ts'
import { bodyWith } from './shown.ts'

export interface Claim extends Resources {
  readonly instance: string
  /** The group that limits its members on one host. */
  readonly group?: string
}

/** A limit on the members of a group that one host may have. */
interface GroupLimit {
  readonly id: string
  readonly max: number
}

export interface HeldClaim extends Claim {
  /** Cluster time, ms. */
  readonly since: number
  /** Rank of the command that made it; a release of a lower rank is of the past. */
  readonly order?: number
}

export interface HostInfo extends Inventory {
  readonly driver: string
  readonly pid: number
  readonly version: string
}

export interface HostActorState extends Duty {
  readonly registered: boolean
  readonly info: HostInfo
  readonly state: HostState
  readonly stateSince: number
  /** What operators have said; absent in states of before there was anything to say. */
  readonly settings?: HostSettings
  readonly claims: BucketMap<HeldClaim>
  readonly released: BucketMap<Mark>
  readonly used: Resources
  /** Changes of what it has, offers and has promised; absent in states from before they were counted. */
  readonly generation?: number
  /** These two are absent in snapshots from before there was a policy. */
  readonly policy?: Policy
  readonly recovery?: Recovery
  readonly createdAt: number
  readonly updatedAt: number
}

interface LoseArgs {
  readonly known?: number
  /** `traceparent` of the verdict, where that is traced. */
  readonly verdict?: string
}

type HostCommand =
  /** The agent says what its machine has. Sent by the monitor when it first hears the host and when it has changed. */
  | { readonly method: 'register'; readonly args: HostInfo }
  /** The monitor's verdict about silence. */
  | { readonly method: 'observe'; readonly args: { readonly state: HostState } }
  | {
      readonly method: 'claim'
      readonly args: { readonly claim: string; readonly order: number; readonly group?: GroupLimit } & Omit<Claim, 'group'>
    }
  | { readonly method: 'release'; readonly args: { readonly claim: string; readonly order: number } }
  /** Holds room again that an instance has by its owner's word; makes a claim the size its owner says. */
  | { readonly method: 'restore'; readonly args: RestoreArgs }
  | { readonly method: 'configure'; readonly args: Omit<ConfigureHost, 'id'> }
  | DutyCommand
  /** Forgets a host that is gone for good. */
  | { readonly method: 'delete'; readonly args: unknown }
  /** An operator's word that nothing runs there any more: powered off, or cut off for good. */
  | { readonly method: 'fence'; readonly args: unknown }
  /** Refused unless it is fenced, or the lease under which this instance ran there has run out. */
  | { readonly method: 'requireFenced'; readonly args: { readonly instance?: string } }
  /** The monitor says which instances the host is to stop by itself, if it has looked, and with which offer it says to be armed; `policy.ts`. */
  | { readonly method: 'offer'; readonly args: { readonly wanted?: readonly string[]; readonly known: number } }
  /**
   * The monitor says that its lease has run out for certain, and that it is no fault of ours; `recovery.ts`. `known` is the offer with which it
   * last said to be armed, if it was heard here at all.
   */
  | { readonly method: 'lose'; readonly args: LoseArgs }
  | { readonly method: '@result'; readonly args: WorkResult }
  | { readonly method: '@timer'; readonly args: { readonly key: string } }
  | { readonly method: 'get'; readonly args: unknown }
  | { readonly method: 'claims'; readonly args: unknown }

export type HostEvent =
  | { readonly type: 'registered'; readonly info: HostInfo }
  | { readonly type: 'observed'; readonly state: HostState }
  | { readonly type: 'claimed'; readonly claim: string; readonly of: Claim; readonly order?: number }
  | { readonly type: 'released'; readonly claim: string; readonly order: number }
  | { readonly type: 'configured'; readonly settings: HostSettings }
  | PolicyEvent
  | RecoveryEvent
  | { readonly type: 'deleted' }
  | DutyEvent

const sameInfo = (a: HostInfo, b: HostInfo): boolean =>
  a.driver === b.driver &&
  a.pid === b.pid &&
  a.version === b.version &&
  a.vcpus === b.vcpus &&
  a.ramMb === b.ramMb &&
  a.diskGb === b.diskGb &&
  sameTexts(a.traits, b.traits)

const sameTexts = (a: readonly string[] = [], b: readonly string[] = []): boolean => a.length === b.length && a.every((text, i) => text === b[i])

const rank = integer(0, Number.MAX_SAFE_INTEGER)

const claimArgs = {
  claim: text(256),
  order: rank,
  instance: text(128),
  vcpus: integer(0, 1e6),
  ramMb: integer(0, 1e12),
  diskGb: integer(0, 1e12),
  custom: optional(record),
}

const NOTHING_RESERVED = { vcpus: 0, ramMb: 0, diskGb: 0 }

const NO_HELP: RecoverySettings = { parallel: 4, fence: false }

/** `reserved` and `ratios` hold where no operator has said otherwise. */
export function hostActor(ratios: Ratios, reserved: Resources = NOTHING_RESERVED, settings: RecoverySettings = NO_HELP) {
  const defaults: HostDefaults = { ratios, reserved }
  const offered = ({ info, settings, used }: HostActorState): HostPlacement => placementOf(info.traits, settings, used, defaults)
  const bodyOf = (state: HostActorState, id: string): HostBody => bodyWith(state, id, offered(state))

  function decide(state: HostActorState, command: HostCommand, { id, now }: DecideContext): Decision<HostActorState, HostEvent> {
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
        const { claim, order, instance, vcpus, ramMb, diskGb, custom, group } = command.args
        if (get(state.claims, claim)) return accept([])
        if (isMarked(state.released, claim, order, now))
          return refuse('StaleCommand', `claim ${claim} was released already; this copy of it came late`)
        if (!state.registered) return refuse('HostRefused', `host ${id} has never reported`)
        const closed = closedBecause(state)
        if (closed !== null) return refuse('HostRefused', `host ${id} ${closed}`)
        if (state.state !== 'up') return refuse('HostRefused', `host ${id} is ${state.state}`)
        const lacking = lacks(capacityOf(state.info, offered(state)), state.used, command.args)
        if (lacking) return refuse('HostRefused', `host ${id} has no room: ${lacking}`)
        if (group && membersOf(state, group.id, instance) >= group.max) {
          return refuse('HostRefused', `host ${id} has ${group.max} of at most ${group.max} members of server group ${group.id} already`)
        }
        const of = { instance, vcpus, ramMb, diskGb, ...(custom ? { custom } : {}), ...(group ? { group: group.id } : {}) }
        return accept([{ type: 'claimed', claim, of, order }])
      }
      case 'release': {
        const { claim, order } = command.args
        const held = get(state.claims, claim)
        // A copy of an earlier release, after which the room was claimed again, must not take it.
        const applies = held ? order >= (held.order ?? 0) : order > (get(state.released, claim)?.order ?? -1)
        return accept(applies ? [{ type: 'released', claim, order }] : [])
      }
      case 'restore':
        return decideRestore(state, command.args, id, now, capacityOf(state.info, offered(state)))
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
      case 'configure': {
        if (!state.registered) return refuse('NotFound', `there is no host ${id}`)
        const { generation = 0 } = state
        if (command.args.generation !== undefined && command.args.generation !== generation) {
          const message = `host ${id} has changed meanwhile: it is at generation ${generation}, not ${command.args.generation}; read it again`
          return refuse('Conflict', message, { generation })
        }
        const settings = configured(state.settings ?? DEFAULT_SETTINGS, command.args)
        const wrong = configureProblem(settings, state.info, state.used, command.args)
        if (wrong) return refuse(wrong.code, `host ${id}: ${wrong.message}`, wrong.details)
        return accept([{ type: 'configured', settings }], s => bodyOf(s, id))
      }
      case 'fence': {
        if (!state.registered) return refuse('NotFound', `there is no host ${id}`)
        if (state.state === 'fenced') return accept([], s => bodyOf(s, id))
        if (state.state !== 'down') {
          return refuse('Conflict', `host ${id} is ${state.state}; only a host that is down can be said to be fenced`, { allowed: ['down'] })
        }
        return accept([{ type: 'observed', state: 'fenced' }], s => bodyOf(s, id))
      }
      case 'requireFenced': {
        if (provedStopped(lostHost(state), command.args.instance)) return accept([])
        const help =
          state.state === 'down' ? 'if nothing runs there any more for certain, say so with `baton host fenced`' : 'move the instance instead'
        return refuse('HostRefused', `host ${id} is ${state.state} and not said to be fenced, so its guests may still run; ${help}`)
      }
      case 'offer':
        return accept(offerEvents(lostHost(state).policy, command.args.wanted ?? lostHost(state).policy.offered, command.args.known), s => {
          const { offer, offered } = lostHost(s).policy
          return { offer, instances: offered }
        })
      case 'lose':
        return accept(loseEvents(state, command.args), s => ({ lost: lostHost(s).recovery.lostAt !== null }))
      case '@result': {
        const result = recoveryResult(lostHost(state), command.args, now)
        if (result === null) return accept([])
        return accept([result === 'fenced' ? { type: 'observed', state: 'fenced' } : result])
      }
      case '@timer':
        return accept([])
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
      claim: { check: checkObject({ ...claimArgs, group: optional(checkObject({ id: text(128), max: integer(1, 1e6) })) }) },
      restore: { check: checkObject(claimArgs) },
      release: { check: checkObject({ claim: text(256), order: rank }) },
      ...DUTY_METHODS,
      delete: {},
      configure: { check: record },
      fence: {},
      requireFenced: { check: checkObject({ instance: optional(text(128)) }) },
      offer: { check: checkObject({ wanted: optional(listOf(text(128), HOST_ROW_LIMIT)), known: rank }) },
      lose: { check: checkObject({ known: optional(rank), verdict: optional(text(64)) }) },
      get: { reads: true },
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
      policy: NO_POLICY,
      recovery: NO_RECOVERY,
      createdAt: 0,
      updatedAt: 0,
    }),
    decide,
    evolve,
    work: (state, id) => [...dutyWork(state, id), ...recoveryWork(lostHost(state), id, settings)],
    view(state, id) {
      if (state.createdAt === 0) return null
      const columns = { state: state.state, enabled: closedBecause(state) === null, created_at: state.createdAt, updated_at: state.updatedAt }
      return { table: 'host', id, columns, body: bodyOf(state, id) }
    },
    finished: () => false,
  })
}

const lostHost = ({ state, stateSince, policy = NO_POLICY, recovery = NO_RECOVERY }: HostActorState) => ({ state, stateSince, policy, recovery })

function loseEvents(state: HostActorState, { known, verdict }: LoseArgs): HostEvent[] {
  const { policy, recovery } = lostHost(state)
  if (!state.registered || state.state === 'up' || recovery.lostAt !== null) return []
  // Its last word may have been that its watchdog had died, and may not have been written down.
  return [...(known === undefined ? [] : armedEvents(policy, known)), { type: 'lost', ...(verdict === undefined ? {} : { verdict }) }]
}

/** Events after which a reader of inventories, traits or claims has something of the past. */
const COUNTED: ReadonlySet<HostEvent['type']> = new Set<HostEvent['type']>(['registered', 'configured', 'claimed', 'released'])

const evolve = (state: HostActorState, event: HostEvent, at: number): HostActorState => {
  const next = evolved(state, event, at)
  return COUNTED.has(event.type) ? { ...next, generation: (state.generation ?? 0) + 1 } : next
}

function evolved(state: HostActorState, event: HostEvent, at: number): HostActorState {
  switch (event.type) {
    case 'registered': {
      const createdAt = state.registered ? state.createdAt : at
      return { ...state, registered: true, info: event.info, createdAt, stateSince: state.registered ? state.stateSince : at, updatedAt: at }
    }
    case 'observed': {
      const recovery = event.state === 'up' ? returned(lostHost(state).recovery) : lostHost(state).recovery
      return { ...state, state: event.state, stateSince: at, recovery, updatedAt: at }
    }
    case 'policyOffered':
    case 'policyLearned':
    case 'policyForgotten':
      return { ...state, policy: evolvePolicy(lostHost(state).policy, event), updatedAt: at }
    case 'lost':
    case 'evacuationAsked':
    case 'fenceFailed':
      return { ...state, recovery: evolveRecovery(lostHost(state).recovery, event, at), updatedAt: at }
    case 'claimed': {
      const before = get(state.claims, event.claim)
      const used = plus(before ? plus(state.used, before, -1) : state.used, event.of)
      const held = { ...event.of, since: before?.since ?? at, order: event.order ?? 0 }
      return { ...state, claims: set(state.claims, event.claim, held), used, updatedAt: at }
    }
    case 'released': {
      const held = get(state.claims, event.claim)
      const released = marked(state.released, event, held?.since ?? null, at)
      return held
        ? { ...state, claims: remove(state.claims, event.claim), released, used: plus(state.used, held, -1), updatedAt: at }
        : { ...state, released, updatedAt: at }
    }
    case 'configured':
      return { ...state, settings: event.settings, updatedAt: at }
    case 'deleted':
      // The row stays, and says so; what it was told is over.
      return { ...state, registered: false, state: 'gone', stateSince: at, ...ON_DUTY, updatedAt: at }
    default:
      return { ...evolveDuty(state, event), updatedAt: at }
  }
}

/** Other members of a group that hold room here. A member that moves has two claims, but never two here. */
function membersOf({ claims }: HostActorState, group: string, instance: string): number {
  return entries(claims).filter(([, held]) => held.group === group && held.instance !== instance).length
}
