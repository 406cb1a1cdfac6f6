/**
 * Who there is and what they may: domains, projects, users and groups of them, roles, who has which role where, application credentials and
 * the service catalogue, as one actor. They are few beside instances and change seldom, and nearly every rule is between them: names are used
 * once, a role is given to a user that is there, and what goes takes with it whatever hung on it. One writer sees all of that.
 *
 * A password is never here, only its verifier (`supervisors/identity/passwords.ts`), and no answer to a gateway contains one.
 */
import { get } from '../kernel/bucket-map.ts'
import { anyOf, type Check, checkObject, flag, optional, record, text } from '../kernel/check.ts'
import { accept, type Decision, defineActor, refuse } from '../kernel/define.ts'
import {
  type Assignment,
  type AssignmentQuery,
  DEFAULT_DOMAIN,
  type Implication,
  KINDS,
  type Kind,
  type Membership,
  type Resource,
  type Where,
} from './api.ts'
import {
  allOf,
  countOf,
  type DirectoryEvent,
  type DirectoryState,
  EMPTY,
  everyAssignment,
  evolver,
  groupsOf,
  heldBy,
  implicationsIn,
  impliedBy,
  membersOf,
  same,
  surroundings,
  thing,
} from './directory-state.ts'
import { EFFECTIVE_MAX, effective, targetKey } from './effective.ts'
import { KIND_RULES, nameKey, nameProblem } from './kinds.ts'
import { BUILTIN_IMPLICATIONS, BUILTIN_ROLES, impliedByBuiltin, NEVER_IMPLIED } from './roles.ts'

/** The id of the one actor, of this kind and of the key ring. */
export const ALL = 'all'
const MAX_ASSIGNMENTS = 50_000

type DirectoryCommand =
  /** Makes the first admin and what every cluster has; the admin's password is set again when it comes with another verifier. */
  | { readonly method: 'bootstrap'; readonly args: { readonly verifier: string } }
  | { readonly method: 'create' | 'update'; readonly args: { readonly resource: Resource; readonly verifier?: string } }
  | { readonly method: 'remove' | 'read'; readonly args: { readonly kind: Kind; readonly id: string } }
  | { readonly method: 'find'; readonly args: { readonly kind: Kind; readonly where: Where } }
  | { readonly method: 'secret'; readonly args: { readonly id: string } }
  | { readonly method: 'assign' | 'unassign'; readonly args: Assignment }
  | { readonly method: 'assignments'; readonly args: AssignmentQuery }
  | { readonly method: 'join' | 'leave'; readonly args: Membership }
  | { readonly method: 'members'; readonly args: { readonly group: string } }
  | { readonly method: 'groupsOf'; readonly args: { readonly user: string } }
  | { readonly method: 'imply' | 'unimply'; readonly args: Implication }
  | { readonly method: 'implications'; readonly args: Record<string, never> }
  | { readonly method: 'revokeToken'; readonly args: { readonly audit: string } }
  | { readonly method: 'revocations'; readonly args: { readonly revision?: number } }

type D = Decision<DirectoryState, DirectoryEvent>

const unknown = (kind: Kind, id: string) => refuse('NotFound', `Could not find ${kind.replace('_', ' ')}: ${id}.`)

/** Whether the field of this name, of the resource itself or among its attributes, is so. */
function fits(resource: Resource, where: Where): boolean {
  return Object.entries(where).every(([name, wanted]) => {
    if (name === 'name') return resource.name === wanted
    if (name === 'domain_id') return resource.domain === wanted
    // A project without another is right below its domain.
    if (name === 'parent_id') return (resource.attributes.parent_id ?? resource.domain) === wanted
    return (name === 'enabled' ? resource.enabled : resource.attributes[name]) === wanted
  })
}

function decide(state: DirectoryState, command: DirectoryCommand): D {
  switch (command.method) {
    case 'bootstrap':
      return accept(state.bootstrapped === command.args.verifier ? [] : [{ type: 'bootstrapped', verifier: command.args.verifier }])
    case 'create':
    case 'update':
      return decidePut(state, command.method, command.args.resource, command.args.verifier)
    case 'remove':
      return decideRemove(state, command.args)
    case 'read': {
      const { kind, id } = command.args
      return thing(state, kind, id) ? accept([], s => thing(s, kind, id)) : unknown(kind, id)
    }
    case 'find': {
      const { kind, where } = command.args
      return accept([], s =>
        allOf(s, kind)
          .filter(resource => fits(resource, where))
          .sort(byName),
      )
    }
    case 'secret':
      return accept([], s => get(s.verifiers, command.args.id) ?? null)
    case 'assign':
      return decideAssign(state, command.args)
    case 'unassign': {
      const given = assignmentOf(command.args)
      const there = heldBy(state, given).some(a => same(a, given))
      if (!there) return refuse('NotFound', `Could not find role assignment with role: ${given.role}.`)
      return accept([{ type: 'unassigned', ...given }])
    }
    case 'assignments':
      return decideAssignments(state, command.args)
    case 'join':
    case 'leave':
      return decideMember(state, command.method, command.args)
    case 'members': {
      const { group } = command.args
      return thing(state, 'group', group) ? accept([], s => named(s, 'user', membersOf(s, group))) : unknown('group', group)
    }
    case 'groupsOf': {
      const { user } = command.args
      return thing(state, 'user', user) ? accept([], s => named(s, 'group', groupsOf(s, user))) : unknown('user', user)
    }
    case 'imply':
      return decideImply(state, command.args)
    case 'unimply':
      return decideUnimply(state, command.args)
    case 'implications':
      return accept([], s => [...BUILTIN_IMPLICATIONS, ...implicationsIn(s)])
    case 'revokeToken':
      return accept([{ type: 'tokenRevoked', audit: command.args.audit }])
    case 'revocations': {
      const { revision } = command.args
      return accept([], s => ({ revision: s.revision, revocations: revision === s.revision ? null : s.revocations }))
    }
  }
}

function decidePut(state: DirectoryState, method: 'create' | 'update', resource: Resource, verifier: string | undefined): D {
  const { kind, id } = resource
  const rule = KIND_RULES[kind]
  const before = thing(state, kind, id)
  if (method === 'create' && before) return refuse('Conflict', `There is a ${kind} ${id} already.`)
  if (method === 'update' && !before) return unknown(kind, id)
  if (!before && countOf(state, kind) >= rule.max) return refuse('Forbidden', `There are ${rule.max} of kind ${kind} already.`)
  const wrong = nameProblem(kind, resource.name)
  if (wrong) return refuse('BadRequest', wrong)
  const key = nameKey(resource)
  const holder = key === null ? undefined : get(state.names, key)
  if (holder !== undefined && holder !== id) return refuse('Conflict', `Duplicate entry: there is a ${kind} named ${resource.name} already.`)
  const missing = rule.refers(resource).find(([of, ref]) => !thing(state, of, ref))
  if (missing) return unknown(...missing)
  if (kind === 'domain' && id === DEFAULT_DOMAIN && !resource.enabled) return refuse('Forbidden', 'The default domain cannot be disabled.')
  const createdAt = before?.createdAt ?? resource.createdAt
  const event = { type: 'put' as const, resource: { ...resource, createdAt } }
  return accept([verifier === undefined ? event : { ...event, verifier }], s => thing(s, kind, id))
}

function decideRemove(state: DirectoryState, { kind, id }: { kind: Kind; id: string }): D {
  const found = thing(state, kind, id)
  if (!found) return unknown(kind, id)
  if (kind === 'role' && BUILTIN_ROLES.some(role => role === id)) return refuse('Forbidden', `The role ${id} comes with Baton and stays.`)
  // What is in it goes with it, as in Keystone.
  if (kind === 'domain' && found.enabled) return refuse('Forbidden', `Cannot delete a domain that is enabled, please disable it first: ${id}.`)
  const used =
    kind === 'region' &&
    [...allOf(state, 'endpoint'), ...allOf(state, 'region')].some(r => KIND_RULES[r.kind].refers(r).some(([k, i]) => k === kind && i === id))
  return used ? refuse('Conflict', `Region ${id} has endpoints or regions in it; delete them first.`) : accept([{ type: 'removed', kind, id }])
}

/** Only what belongs to it. */
const assignmentOf = ({ user, group, role, target, inherited }: Assignment): Assignment => ({
  ...(typeof user === 'string' ? { user } : { group: group ?? '' }),
  ...{ role, target },
  ...(inherited ? { inherited } : {}),
})

function decideAssign(state: DirectoryState, args: Assignment): D {
  const given = assignmentOf(args)
  const { user, group, role, target } = given
  const [kind, id] = user === undefined ? (['group', group] as const) : (['user', user] as const)
  if (!thing(state, kind, id)) return unknown(kind, id)
  if (!thing(state, 'role', role)) return unknown('role', role)
  if (target.type !== 'system' && !thing(state, target.type, target.id)) return unknown(target.type, target.id)
  if (given.inherited && target.type === 'system') return refuse('BadRequest', 'Nothing is below the system: a role there cannot be inherited.')
  if (heldBy(state, given).some(a => same(a, given))) return accept([])
  if (state.assigned >= MAX_ASSIGNMENTS) return refuse('Forbidden', `There are ${MAX_ASSIGNMENTS} role assignments already.`)
  return accept([{ type: 'assigned', ...given }])
}

function decideAssignments(state: DirectoryState, query: AssignmentQuery): D {
  const { user, group, role, target, inherited } = query
  const fits = (a: Assignment): boolean => role === undefined || a.role === role
  if (query.effective) {
    if (group !== undefined || inherited !== undefined) return refuse('BadRequest', 'Effective roles are of users: leave the group out.')
    const held =
      user === undefined ? everyAssignment(state) : [{ user }, ...groupsOf(state, user).map(each => ({ group: each }))].flatMap(h => heldBy(state, h))
    const found = effective(held, surroundings(state), query)
    if (!found) return refuse('BadRequest', `More than ${EFFECTIVE_MAX} roles come of this; ask for one user, project or domain.`)
    return accept([], () => found.filter(fits))
  }
  const list = user !== undefined ? heldBy(state, { user }) : group !== undefined ? heldBy(state, { group }) : everyAssignment(state)
  return accept([], () =>
    list.filter(
      a => fits(a) && (!target || targetKey(a.target) === targetKey(target)) && (inherited === undefined || (a.inherited ?? false) === inherited),
    ),
  )
}

const MAX_GROUPS_OF_USER = 100

function decideMember(state: DirectoryState, method: 'join' | 'leave', { user, group }: Membership): D {
  if (!thing(state, 'group', group)) return unknown('group', group)
  if (!thing(state, 'user', user)) return unknown('user', user)
  const groups = groupsOf(state, user)
  const isIn = groups.includes(group)
  if (method === 'leave') return isIn ? accept([{ type: 'left', user, group }]) : refuse('NotFound', `User ${user} is not in group ${group}.`)
  if (isIn) return accept([])
  if (groups.length >= MAX_GROUPS_OF_USER) return refuse('Forbidden', `User ${user} is in ${MAX_GROUPS_OF_USER} groups already.`)
  return accept([{ type: 'joined', user, group }])
}

function decideImply(state: DirectoryState, { prior, implied }: Implication): D {
  const from = thing(state, 'role', prior)
  const to = thing(state, 'role', implied)
  if (!from) return unknown('role', prior)
  if (!to) return unknown('role', implied)
  if (implied === NEVER_IMPLIED) return refuse('Forbidden', `The role ${implied} cannot be implied by another.`)
  if (from.domain === null && to.domain !== null)
    return refuse('Forbidden', `Role ${implied} is a domain's own: no role of all domains can imply it.`)
  const isThere = impliedByBuiltin(prior).includes(implied) || impliedBy(state, prior).includes(implied)
  return accept(isThere ? [] : [{ type: 'implied', prior, implied }])
}

function decideUnimply(state: DirectoryState, { prior, implied }: Implication): D {
  if (impliedByBuiltin(prior).includes(implied)) return refuse('Forbidden', `That ${prior} implies ${implied} comes with Baton and stays.`)
  if (impliedBy(state, prior).includes(implied)) return accept([{ type: 'unimplied', prior, implied }])
  return refuse('NotFound', `Role ${prior} does not imply role ${implied}.`)
}

const byName = (a: Resource, b: Resource): number => (a.name === b.name ? a.createdAt - b.createdAt : a.name < b.name ? -1 : 1)

/** The things of these ids, by name. */
const named = (state: DirectoryState, kind: Kind, ids: readonly string[]): Resource[] =>
  ids.flatMap(each => thing(state, kind, each) ?? []).sort(byName)

const id = text(255)
const kind = anyOf(...KINDS)
const target = checkObject({ type: anyOf('project', 'domain', 'system'), id: optional(id) })
const ofHolder = { user: optional(id), group: optional(id) }

/** What a role assignment may be. */
export const checkAssignment: Check = value => {
  const wrong = checkObject({ ...ofHolder, role: id, target, inherited: optional(flag) })(value)
  if (wrong) return wrong
  const { user, group } = value as { user?: unknown; group?: unknown }
  return (typeof user === 'string') === (typeof group === 'string') ? 'must be of a user or of a group' : null
}
export const checkAssignmentQuery = checkObject({
  ...ofHolder,
  ...{ role: optional(id), target: optional(target), inherited: optional(flag), effective: optional(flag) },
})
export const checkMembership = checkObject({ user: id, group: id })
export const checkImplication = checkObject({ prior: id, implied: id })
const resource = checkObject({ resource: checkObject({ id, kind, name: text(255, 0), attributes: record }), verifier: optional(text(500)) })

export const directoryActor = (tokenMs: number) =>
  defineActor<DirectoryState, DirectoryCommand, DirectoryEvent>({
    kind: 'directory',
    version: 1,
    methods: {
      bootstrap: { check: checkObject({ verifier: text(500) }) },
      create: { check: resource },
      update: { check: resource },
      remove: { check: checkObject({ kind, id }) },
      read: { check: checkObject({ kind, id }), reads: true },
      find: { check: checkObject({ kind, where: record }), reads: true },
      secret: { check: checkObject({ id }), reads: true },
      assign: { check: checkAssignment },
      unassign: { check: checkAssignment },
      assignments: { check: checkAssignmentQuery, reads: true },
      join: { check: checkMembership },
      leave: { check: checkMembership },
      members: { check: checkObject({ group: id }), reads: true },
      groupsOf: { check: checkObject({ user: id }), reads: true },
      imply: { check: checkImplication },
      unimply: { check: checkImplication },
      implications: { reads: true },
      revokeToken: { check: checkObject({ audit: text(64) }) },
      revocations: { reads: true },
    },
    initial: () => EMPTY,
    decide,
    evolve: evolver(tokenMs),
    work: () => [],
    view: () => null,
    finished: () => false,
  })
