/**
 * What the directory remembers, and how its events change it. Whatever ends tokens before their time (a user disabled, a role taken away, a
 * member out of a group) becomes a rule in the same event (`revocations.ts`); where it cannot be said which tokens exactly, more end.
 */
import { type BucketMap, emptyMap, entries, get, remove, set } from '../kernel/bucket-map.ts'
import type { Assignment, Implication, Kind, Membership, Resource, Revocation, Target } from './api.ts'
import { type Surroundings, targetKey } from './effective.ts'
import { KIND_RULES, nameKey } from './kinds.ts'
import { revoke } from './revocations.ts'
import { impliedByBuiltin, withImplied } from './roles.ts'
import { SEED } from './seed.ts'

export interface DirectoryState {
  /** A kind that came later is absent in older states. */
  readonly things: Readonly<Partial<Record<Kind, BucketMap<Resource>>>>
  /** From the key of a name to an id. */
  readonly names: BucketMap<string>
  /** By id of a user or application credential. */
  readonly verifiers: BucketMap<string>
  /** By `holderKey`; few each. */
  readonly assignments: BucketMap<readonly Assignment[]>
  readonly assigned: number
  /** By user, the groups that it is in; few each. Absent in older states. */
  readonly memberships?: BucketMap<readonly string[]>
  /** By role, what operators let it imply. Absent in older states. */
  readonly implied?: BucketMap<readonly string[]>
  readonly revocations: readonly Revocation[]
  /** Grows with every change of `revocations`. */
  readonly revision: number
  /** The verifier with which the first admin was made, or made again. */
  readonly bootstrapped: string | null
}

export type DirectoryEvent =
  | { readonly type: 'bootstrapped'; readonly verifier: string }
  | { readonly type: 'put'; readonly resource: Resource; readonly verifier?: string }
  | { readonly type: 'removed'; readonly kind: Kind; readonly id: string }
  | ({ readonly type: 'assigned' | 'unassigned' } & Assignment)
  | ({ readonly type: 'joined' | 'left' } & Membership)
  | ({ readonly type: 'implied' | 'unimplied' } & Implication)
  | { readonly type: 'tokenRevoked'; readonly audit: string }

export const EMPTY: DirectoryState = {
  things: {},
  names: emptyMap,
  verifiers: emptyMap,
  assignments: emptyMap,
  assigned: 0,
  revocations: [],
  revision: 0,
  bootstrapped: null,
}

/** No id has a colon. */
export const holderKey = ({ user, group }: Pick<Assignment, 'user' | 'group'>): string => user ?? `group:${group}`

export const same = (a: Assignment, b: Assignment): boolean =>
  holderKey(a) === holderKey(b) && a.role === b.role && targetKey(a.target) === targetKey(b.target) && a.inherited === b.inherited

const mapOf = (state: DirectoryState, kind: Kind): BucketMap<Resource> => state.things[kind] ?? emptyMap

export const thing = (state: DirectoryState, kind: Kind, id: string): Resource | undefined => get(mapOf(state, kind), id)
export const countOf = (state: DirectoryState, kind: Kind): number => mapOf(state, kind).size
export const allOf = (state: DirectoryState, kind: Kind): Resource[] => entries(mapOf(state, kind)).map(([, resource]) => resource)

export const heldBy = (state: DirectoryState, holder: Pick<Assignment, 'user' | 'group'>): readonly Assignment[] =>
  get(state.assignments, holderKey(holder)) ?? []
export const everyAssignment = (state: DirectoryState): Assignment[] => entries(state.assignments).flatMap(([, list]) => list)
export const groupsOf = (state: DirectoryState, user: string): readonly string[] => get(state.memberships ?? emptyMap, user) ?? []
export const impliedBy = (state: DirectoryState, role: string): readonly string[] => get(state.implied ?? emptyMap, role) ?? []

export const membersOf = (state: DirectoryState, group: string): string[] =>
  entries(state.memberships ?? emptyMap).flatMap(([user, groups]) => (groups.includes(group) ? [user] : []))

export const implicationsIn = (state: DirectoryState): Implication[] =>
  entries(state.implied ?? emptyMap).flatMap(([prior, list]) => list.map(implied => ({ prior, implied })))

/** What is above a project, nearest first: those it is in, and its domain. */
function above(state: DirectoryState, project: string): Target[] {
  const found = new Map<string, Target>()
  let at = thing(state, 'project', project)
  const domain = at?.domain ?? null
  for (;;) {
    const parent: unknown = at?.attributes.parent_id
    // A parent that was changed into a child would go round for ever.
    if (typeof parent !== 'string' || parent === domain || found.has(parent) || parent === project) break
    found.set(parent, { type: 'project', id: parent })
    at = thing(state, 'project', parent)
  }
  return [...found.values(), ...(domain === null ? [] : [{ type: 'domain', id: domain } as const])]
}

export const surroundings = (state: DirectoryState): Surroundings => ({
  membersOf: group => membersOf(state, group),
  above: project => above(state, project),
  below: target => allOf(state, 'project').flatMap(({ id }) => (above(state, id).some(place => targetKey(place) === targetKey(target)) ? [id] : [])),
  implies: role => [...impliedByBuiltin(role), ...impliedBy(state, role)],
  isDomains: role => thing(state, 'role', role)?.domain != null,
})

/** Tokens of so many members are ended one user at a time; of more, all tokens of the place are. */
const MEMBERS_ENDED = 100

/** What goes with a thing: what is in it, or of it. */
const HANGING: Readonly<Partial<Record<Kind, readonly Kind[]>>> = {
  domain: ['user', 'group', 'project', 'role'],
  service: ['endpoint'],
  user: ['application_credential'],
  project: ['application_credential'],
}

const keyOf = (kind: Kind, id: string): string => `${kind}:${id}`

/** A thing and all that goes with it. */
function hanging(state: DirectoryState, kind: Kind, id: string): ReadonlyMap<string, Resource> {
  const found = new Map<string, Resource>()
  const root = thing(state, kind, id)
  if (root) found.set(keyOf(kind, id), root)
  // A kind that is found is looked at in its turn, when all of it are.
  const kinds = new Set([kind])
  for (const of of kinds) {
    for (const other of HANGING[of] ?? []) {
      kinds.add(other)
      for (const r of allOf(state, other)) if (KIND_RULES[other].refers(r).some(ref => found.has(keyOf(...ref)))) found.set(keyOf(other, r.id), r)
    }
  }
  return found
}

/** Without the thing itself. */
function removed(state: DirectoryState, resource: Resource): DirectoryState {
  const { kind, id } = resource
  const name = nameKey(resource)
  return {
    ...state,
    names: name === null ? state.names : remove(state.names, name),
    things: { ...state.things, [kind]: remove(mapOf(state, kind), id) },
    verifiers: remove(state.verifiers, id),
  }
}

const listed = (map: BucketMap<readonly string[]> | undefined, key: string, list: readonly string[]): BucketMap<readonly string[]> =>
  list.length === 0 ? remove(map ?? emptyMap, key) : set(map ?? emptyMap, key, list)

/** `tokenMs`: the life of a token, after which what ended it is forgotten. */
export function evolver(tokenMs: number) {
  const end = (state: DirectoryState, rule: Omit<Revocation, 'before'>, at: number): DirectoryState => ({
    ...state,
    revocations: revoke(state.revocations, { ...rule, before: at }, at, tokenMs),
    revision: state.revision + 1,
  })

  /** Tokens with a role. One that is a domain's own is in no token: then those with what it implies. */
  function endRole(state: DirectoryState, role: string, at: number): DirectoryState {
    const { isDomains, implies } = surroundings(state)
    const seen = isDomains(role) ? [...withImplied([role], implies)] : [role]
    return seen.reduce((next, each) => end(next, { role: each }, at), state)
  }

  /** Tokens that an assignment is behind: of its user, or of its group's members. */
  function endAssignment(state: DirectoryState, { user, group, target, inherited }: Assignment, at: number): DirectoryState {
    const users = user === undefined ? membersOf(state, group) : [user]
    const place =
      target.type === 'system' ? { system: true } : target.type === 'domain' ? { domain: target.id } : inherited ? {} : { project: target.id }
    if (users.length <= MEMBERS_ENDED) return users.reduce((next, each) => end(next, { ...place, user: each }, at), state)
    // Which projects are below may have changed since: then all of the domain.
    const domain = target.type === 'project' && inherited ? (thing(state, 'project', target.id)?.domain ?? null) : null
    return end(state, domain === null ? place : { domain }, at)
  }

  function put(state: DirectoryState, resource: Resource, verifier: string | undefined, at: number): DirectoryState {
    const { kind, id } = resource
    const before = thing(state, kind, id)
    const oldName = before ? nameKey(before) : null
    const newName = nameKey(resource)
    let names = oldName === null ? state.names : remove(state.names, oldName)
    if (newName !== null) names = set(names, newName, id)
    const next: DirectoryState = {
      ...state,
      names,
      things: { ...state.things, [kind]: set(mapOf(state, kind), id, resource) },
      verifiers: verifier === undefined ? state.verifiers : set(state.verifiers, id, verifier),
    }
    const disabled = before?.enabled === true && !resource.enabled
    const changed = before !== undefined && verifier !== undefined
    if (kind === 'user' && (disabled || changed)) return end(next, { user: id }, at)
    if (disabled && (kind === 'project' || kind === 'domain')) return end(next, { [kind]: id }, at)
    return next
  }

  const assignments = (state: DirectoryState, key: string, list: readonly Assignment[]): DirectoryState => ({
    ...state,
    assigned: state.assigned + list.length - (get(state.assignments, key)?.length ?? 0),
    assignments: list.length === 0 ? remove(state.assignments, key) : set(state.assignments, key, list),
  })

  function unassignAll(state: DirectoryState, over: (a: Assignment) => boolean): DirectoryState {
    let next = state
    for (const [key, list] of entries(state.assignments)) {
      const left = list.filter(a => !over(a))
      if (left.length < list.length) next = assignments(next, key, left)
    }
    return next
  }

  function leave(state: DirectoryState, { user, group }: Membership, at: number): DirectoryState {
    const left = groupsOf(state, user).filter(each => each !== group)
    return end({ ...state, memberships: listed(state.memberships, user, left) }, { user }, at)
  }

  function unimply(state: DirectoryState, { prior, implied }: Implication, at: number): DirectoryState {
    const left = impliedBy(state, prior).filter(each => each !== implied)
    return { ...endRole(state, prior, at), implied: listed(state.implied, prior, left) }
  }

  /** What hangs on it goes with it, and all that is said of either. */
  function drop(state: DirectoryState, kind: Kind, id: string, at: number): DirectoryState {
    const going = hanging(state, kind, id)
    const goes = (of: Kind, ref: string | undefined): boolean => ref !== undefined && going.has(keyOf(of, ref))
    let next = state
    // Tokens end while it is known what is behind them.
    for (const { kind: of, id: each } of going.values()) {
      if (of === 'group') next = heldBy(next, { group: each }).reduce((s, a) => endAssignment(s, a, at), next)
      if (of === 'role') next = endRole(next, each, at)
    }
    // What is in a domain, and the credentials of a user or project, end with that.
    if (kind === 'user' || kind === 'project' || kind === 'domain') next = end(next, { [kind]: id }, at)
    if (kind === 'application_credential') next = end(next, { credential: id }, at)
    for (const rule of implicationsIn(next)) if (goes('role', rule.prior) || goes('role', rule.implied)) next = unimply(next, rule, at)
    next = unassignAll(
      next,
      a => goes('user', a.user) || goes('group', a.group) || goes('role', a.role) || (a.target.type !== 'system' && goes(a.target.type, a.target.id)),
    )
    for (const [user, groups] of entries(next.memberships ?? emptyMap)) {
      const left = goes('user', user) ? [] : groups.filter(group => !goes('group', group))
      if (left.length < groups.length) next = { ...next, memberships: listed(next.memberships, user, left) }
    }
    return [...going.values()].reduce(removed, next)
  }

  function bootstrap(state: DirectoryState, verifier: string, at: number): DirectoryState {
    let next: DirectoryState = { ...state, bootstrapped: verifier }
    for (const resource of SEED.resources) {
      const known = thing(next, resource.kind, resource.id)
      const isAdmin = resource.kind === 'user'
      // Later only the admin is made whole again; what an operator did to the rest stays.
      if (state.bootstrapped !== null && !isAdmin) continue
      next = put(next, { ...resource, createdAt: known?.createdAt ?? at }, isAdmin ? verifier : undefined, at)
    }
    for (const given of SEED.assignments) {
      const list = heldBy(next, given)
      if (!list.some(a => same(a, given))) next = assignments(next, holderKey(given), [...list, given])
    }
    return next
  }

  return function evolve(state: DirectoryState, event: DirectoryEvent, at: number): DirectoryState {
    switch (event.type) {
      case 'bootstrapped':
        return bootstrap(state, event.verifier, at)
      case 'put':
        return put(state, event.resource, event.verifier, at)
      case 'removed':
        return drop(state, event.kind, event.id, at)
      case 'assigned': {
        const { type: _, ...given } = event
        return assignments(state, holderKey(given), [...heldBy(state, given), given])
      }
      case 'unassigned': {
        const { type: _, ...given } = event
        const left = heldBy(state, given).filter(a => !same(a, given))
        return endAssignment(assignments(state, holderKey(given), left), given, at)
      }
      case 'joined':
        return { ...state, memberships: listed(state.memberships, event.user, [...groupsOf(state, event.user), event.group]) }
      case 'left':
        return leave(state, event, at)
      case 'implied':
        return { ...state, implied: listed(state.implied, event.prior, [...impliedBy(state, event.prior), event.implied]) }
      case 'unimplied':
        return unimply(state, event, at)
      case 'tokenRevoked':
        return end(state, { audit: event.audit }, at)
    }
  }
}
