/**
 * A server group: instances that are to be together or apart. Policy and rule are fixed when it is created; an instance names its
 * group when it is created, tells it so itself, and stays a member for life.
 *
 * The rule is kept here, by one writer: before a member claims room anywhere the scheduler asks to have it admitted to the best
 * of its candidates, and whoever is admitted counts from then on. So two members that are built at the same moment see each
 * other. What a member still holds when its operation is over, its own actor reports (`settled`); that ends what was admitted.
 * Members per host of an anti-affinity group are counted once more by the host itself when the claim arrives.
 *
 * A project may have only so many (`server_groups`), so it holds its share of the quota until it is deleted.
 *
 * Orders are those of commands (`commandOrder`): a copy of an older request that comes late changes nothing.
 */
import { address, addressKey } from '../kernel/address.ts'
import { type BucketMap, emptyMap, entries, get, remove, set } from '../kernel/bucket-map.ts'
import { anyOf, checkObject, flag, integer, listOf, optional, text } from '../kernel/check.ts'
import { accept, type DecideContext, type Decision, defineActor, refuse, type WorkResult } from '../kernel/define.ts'
import type { Amounts } from '../kernel/quota.ts'
import { asked, evolveHolding, HOLDS, type Holding, type HoldingEvent, isPast, settledBy, settleWork, taking } from '../project/holding.ts'
import { GROUP_POLICIES, type GroupBody, type GroupPolicy } from './bodies.ts'
import { breaks, type GroupView } from './rules.ts'

/** Longer than any copy of a message is under way, ms; and the marks of former members are looked through once in so many. */
const MARK_MS = 60_000
const MARKS_SWEEP = 100
/** Hosts a scheduler offers for one member. */
const MAX_CANDIDATES = 1000
export const MAX_MEMBERS = 10_000

interface Member {
  /** Where it holds room: none, one, or two while it moves. */
  readonly hosts: readonly string[]
  /** Where it was admitted last; null when that is over. */
  readonly admitted: { readonly host: string; readonly order: number } | null
  /** Rank of the newest report. */
  readonly order: number
}

interface GroupState {
  readonly status: 'absent' | 'present' | 'deleted'
  readonly name: string
  readonly project: string
  readonly policy: GroupPolicy
  readonly max: number
  readonly members: BucketMap<Member>
  /** Former members and when they went, for as long as a copy of what they said may come late. Cluster time, ms. */
  readonly gone: BucketMap<number>
  /** Absent in groups of before there were quotas. */
  readonly holding?: Holding | null
  readonly createdAt: number
  readonly updatedAt: number
}

type GroupCommand =
  | {
      readonly method: 'create'
      readonly args: {
        readonly name: string
        readonly project: string
        readonly policy: GroupPolicy
        readonly maxServerPerHost?: number
        /** The reservation that was made for it. */
        readonly quota?: number
      }
    }
  /** Its project asks what it holds; a reservation it has not taken by now it never will. */
  | { readonly method: 'holds'; readonly args: { readonly project: string; readonly number?: number } }
  | { readonly method: '@result'; readonly args: WorkResult }
  /** How the group looks to one of its members; null when there is nothing to obey. `leaving`: a host that no longer counts. */
  | { readonly method: 'view'; readonly args: { readonly instance: string; readonly leaving?: string } }
  /** The first of these hosts that keeps the rule. Refused as `HostRefused` when none does. */
  | {
      readonly method: 'admit'
      readonly args: { readonly instance: string; readonly order: number; readonly hosts: readonly string[]; readonly leaving?: string }
    }
  /** A member exists, or an operation of it is over: it holds room on these hosts. */
  | {
      readonly method: 'settled'
      readonly args: { readonly instance: string; readonly order: number; readonly hosts: readonly string[]; readonly gone: boolean }
    }
  | { readonly method: 'get'; readonly args: unknown }
  | { readonly method: 'delete'; readonly args: unknown }

type GroupEvent =
  | { readonly type: 'created'; readonly name: string; readonly project: string; readonly policy: GroupPolicy; readonly max: number }
  | { readonly type: 'admitted'; readonly instance: string; readonly host: string; readonly order: number }
  | { readonly type: 'settled'; readonly instance: string; readonly order: number; readonly hosts: readonly string[]; readonly gone: boolean }
  | { readonly type: 'deleted' }
  | HoldingEvent

type D = Decision<GroupState, GroupEvent>

/** What counts against its project. */
export const GROUP_SHARE: Amounts = { server_groups: 1 }

const needsOf = ({ status }: GroupState): Amounts | null => (status === 'present' ? GROUP_SHARE : null)

const STRANGER: Member = { hosts: [], admitted: null, order: -1 }

/** Hosts on which a member counts. */
const placesOf = ({ hosts, admitted }: Member): readonly string[] => (admitted && !hosts.includes(admitted.host) ? [...hosts, admitted.host] : hosts)

function viewFor(state: GroupState, id: string, instance: string, leaving: string | undefined): GroupView {
  const others: Record<string, number> = {}
  for (const [other, member] of entries(state.members)) {
    if (other === instance) continue
    for (const host of placesOf(member)) if (host !== leaving) others[host] = (others[host] ?? 0) + 1
  }
  return { id, policy: state.policy, max: state.max, others }
}

function decide(state: GroupState, command: GroupCommand, { id, now }: DecideContext): D {
  const reply = (s: GroupState) => bodyOf(s, id)
  switch (command.method) {
    case 'create':
      return decideCreate(state, command.args, id)
    case 'holds': {
      const { project, number } = command.args
      if (state.status !== 'absent' && state.project !== project) return accept([], () => ({ held: null }))
      return accept(number === undefined ? [] : asked(state.holding ?? null, number), s => ({ held: s.holding?.amounts ?? null }))
    }
    case '@result':
      return accept(settledBy(state.holding ?? null, needsOf(state), command.args, now) ?? [])
    case 'view':
      return accept([], s => (s.status === 'present' ? viewFor(s, id, command.args.instance, command.args.leaving) : null))
    case 'admit':
      return decideAdmit(state, command.args, id)
    case 'settled': {
      const { instance, order, hosts, gone } = command.args
      const known = get(state.members, instance)
      if (state.status !== 'present' || get(state.gone, instance) !== undefined || (known && order <= known.order)) return accept([])
      return accept([{ type: 'settled', instance, order, hosts, gone }])
    }
  }
  if (state.status !== 'present') return refuse('NotFound', `there is no server group ${id}; \`baton group list\` shows those there are`)
  switch (command.method) {
    case 'get':
      return accept([], reply)
    case 'delete':
      return accept([{ type: 'deleted' }])
  }
}

function decideCreate(state: GroupState, args: Extract<GroupCommand, { method: 'create' }>['args'], id: string): D {
  const { name, project, policy, maxServerPerHost, quota } = args
  const holding = state.holding ?? null
  if (maxServerPerHost !== undefined && policy !== 'anti-affinity') {
    return refuse('BadRequest', `only an anti-affinity group takes the rule max_server_per_host; ${policy} has no limit to set`)
  }
  const max = maxServerPerHost ?? 1
  const taken = taking(holding, quota, GROUP_SHARE)
  if (state.status === 'absent') {
    if (quota !== undefined && isPast(holding, quota)) return refuse('StaleCommand', `server group ${id} was given up meanwhile`)
    return accept([{ type: 'created', name, project, policy, max }, ...taken], s => bodyOf(s, id))
  }
  const same = state.status === 'present' && state.name === name && state.policy === policy && state.max === max
  return same ? accept(taken, s => bodyOf(s, id)) : refuse('Conflict', `server group ${id} exists already with other rules`)
}

function decideAdmit(state: GroupState, args: Extract<GroupCommand, { method: 'admit' }>['args'], id: string): D {
  const { instance, order, hosts, leaving } = args
  const [first] = hosts
  // A group that was deleted holds nobody.
  if (state.status !== 'present') return accept([], () => ({ host: first }))
  if (get(state.gone, instance) !== undefined) return refuse('StaleCommand', `instance ${instance} has left group ${id} for good`)
  const member = get(state.members, instance) ?? STRANGER
  const before = member.admitted
  if (before?.order === order) return accept([], () => ({ host: before.host }))
  if (order <= Math.max(member.order, before?.order ?? -1)) return refuse('StaleCommand', `${instance} has asked group ${id} again since`)
  const view = viewFor(state, id, instance, leaving)
  const host = hosts.find(candidate => breaks(view, candidate) === null)
  if (host === undefined) return refuse('HostRefused', breaks(view, first ?? '') ?? `no host was named to group ${id}`)
  return accept([{ type: 'admitted', instance, host, order }], () => ({ host }))
}

function evolve(state: GroupState, event: GroupEvent, at: number): GroupState {
  const { members } = state
  switch (event.type) {
    case 'created': {
      const { name, project, policy, max } = event
      return { ...state, status: 'present', name, project, policy, max, createdAt: at, updatedAt: at }
    }
    case 'admitted': {
      const member = get(members, event.instance) ?? STRANGER
      return { ...state, members: set(members, event.instance, { ...member, admitted: { host: event.host, order: event.order } }), updatedAt: at }
    }
    case 'settled': {
      const { instance, order, hosts, gone } = event
      if (gone) return { ...state, members: remove(members, instance), gone: marks(set(state.gone, instance, at), at), updatedAt: at }
      // What a newer operation was admitted to since still counts.
      const admitted = get(members, instance)?.admitted ?? null
      return {
        ...state,
        members: set(members, instance, { hosts, admitted: admitted && admitted.order > order ? admitted : null, order }),
        updatedAt: at,
      }
    }
    case 'deleted':
      return { ...state, status: 'deleted', members: emptyMap, gone: emptyMap, updatedAt: at }
    case 'held':
    case 'settleFailed':
      return { ...state, holding: evolveHolding(state.holding ?? null, event) }
  }
}

function marks(gone: BucketMap<number>, at: number): BucketMap<number> {
  if (gone.size % MARKS_SWEEP !== 0) return gone
  return entries(gone).reduce((kept, [instance, since]) => (at - since < MARK_MS ? kept : remove(kept, instance)), gone)
}

const bodyOf = (state: GroupState, id: string): GroupBody => ({
  id,
  name: state.name,
  project: state.project,
  policy: state.policy,
  maxServerPerHost: state.policy === 'anti-affinity' ? state.max : null,
  members: entries(state.members)
    .map(([instance]) => instance)
    .sort(),
  createdAt: state.createdAt,
})

const instance = text(128)
const order = integer(0, Number.MAX_SAFE_INTEGER)
const hosts = listOf(text(128), MAX_CANDIDATES)

export const groupActor = defineActor<GroupState, GroupCommand, GroupEvent>({
  kind: 'group',
  version: 1,
  methods: {
    create: {
      check: checkObject({
        name: text(255),
        project: text(64),
        policy: anyOf(...GROUP_POLICIES),
        maxServerPerHost: optional(integer(1, MAX_MEMBERS)),
        quota: optional(integer(1, Number.MAX_SAFE_INTEGER)),
      }),
    },
    holds: HOLDS,
    view: { check: checkObject({ instance, leaving: optional(text(128)) }) },
    admit: { check: checkObject({ instance, order, hosts, leaving: optional(text(128)) }) },
    settled: { check: checkObject({ instance, order, hosts, gone: flag }) },
    get: { reads: true },
    delete: {},
  },
  initial: () => ({
    status: 'absent',
    name: '',
    project: '',
    policy: 'affinity',
    max: 1,
    members: emptyMap,
    gone: emptyMap,
    createdAt: 0,
    updatedAt: 0,
  }),
  decide,
  evolve,
  work: (state, id) => settleWork(state.holding ?? null, needsOf(state), state.project, addressKey(address('group', id))),
  view(state, id) {
    if (state.status === 'absent') return null
    const deleted = state.status === 'deleted'
    const columns = { name: state.name, project: state.project, deleted, created_at: state.createdAt, updated_at: state.updatedAt }
    return { table: 'server_group', id, columns, body: bodyOf(state, id) }
  },
  // An id that was given up before anything was made of it, or what is gone and was given back.
  finished: state => (state.status === 'absent' ? !!state.holding : state.status === 'deleted' && !state.holding?.amounts),
})
