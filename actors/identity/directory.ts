/**
 * Who there is and what they may: domains, projects, users, roles, who has which role where, application credentials and the service
 * catalogue, as one actor. They are few beside instances and change seldom, and nearly every rule is between them: names are used once, a
 * role is given to a user that is there, and what goes takes with it whatever hung on it. One writer sees all of that.
 *
 * A password is never here, only its verifier (`supervisors/identity/passwords.ts`), and no answer to a gateway contains one. Whatever
 * ends tokens before their time (a user disabled, a role taken away) becomes a rule in the same event (`revocations.ts`).
 */
import { type BucketMap, emptyMap, entries, get, remove, set } from '../kernel/bucket-map.ts'
import { anyOf, checkObject, optional, record, text } from '../kernel/check.ts'
import { accept, type Decision, defineActor, refuse } from '../kernel/define.ts'
import { type Assignment, DEFAULT_DOMAIN, KINDS, type Kind, type Resource, type Revocation, type Target, type Where } from './api.ts'
import { KIND_RULES, nameKey, nameProblem } from './kinds.ts'
import { revoke } from './revocations.ts'
import { BUILTIN_ROLES, withImplied } from './roles.ts'
import { SEED } from './seed.ts'

/** The id of the one actor, of this kind and of the key ring. */
export const ALL = 'all'
const MAX_ASSIGNMENTS = 50_000

interface DirectoryState {
  readonly things: Readonly<Record<Kind, BucketMap<Resource>>>
  /** From the key of a name to an id. */
  readonly names: BucketMap<string>
  /** By id of a user or application credential. */
  readonly verifiers: BucketMap<string>
  /** By user; few each. */
  readonly assignments: BucketMap<readonly Assignment[]>
  readonly assigned: number
  readonly revocations: readonly Revocation[]
  /** Grows with every change of `revocations`. */
  readonly revision: number
  /** The verifier with which the first admin was made, or made again. */
  readonly bootstrapped: string | null
}

type DirectoryCommand =
  /** Makes the first admin and what every cluster has; the admin's password is set again when it comes with another verifier. */
  | { readonly method: 'bootstrap'; readonly args: { readonly verifier: string } }
  | { readonly method: 'create' | 'update'; readonly args: { readonly resource: Resource; readonly verifier?: string } }
  | { readonly method: 'remove' | 'read'; readonly args: { readonly kind: Kind; readonly id: string } }
  | { readonly method: 'find'; readonly args: { readonly kind: Kind; readonly where: Where } }
  | { readonly method: 'secret'; readonly args: { readonly id: string } }
  | { readonly method: 'assign' | 'unassign'; readonly args: Assignment }
  | {
      readonly method: 'assignments'
      readonly args: { readonly user?: string; readonly role?: string; readonly target?: Target; readonly effective?: boolean }
    }
  | { readonly method: 'revokeToken'; readonly args: { readonly audit: string } }
  | { readonly method: 'revocations'; readonly args: { readonly revision?: number } }

type DirectoryEvent =
  | { readonly type: 'bootstrapped'; readonly verifier: string }
  | { readonly type: 'put'; readonly resource: Resource; readonly verifier?: string }
  | { readonly type: 'removed'; readonly kind: Kind; readonly id: string }
  | ({ readonly type: 'assigned' | 'unassigned' } & Assignment)
  | { readonly type: 'tokenRevoked'; readonly audit: string }

type D = Decision<DirectoryState, DirectoryEvent>

const targetKey = (target: Target): string => (target.type === 'system' ? 'system' : `${target.type}:${target.id}`)
const same = (a: Assignment, b: Assignment): boolean => a.user === b.user && a.role === b.role && targetKey(a.target) === targetKey(b.target)
const thing = (state: DirectoryState, kind: Kind, id: string): Resource | undefined => get(state.things[kind], id)
const of = (state: DirectoryState, kind: Kind): Resource[] => entries(state.things[kind]).map(([, resource]) => resource)
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
        of(s, kind)
          .filter(resource => fits(resource, where))
          .sort((a, b) => (a.name === b.name ? a.createdAt - b.createdAt : a.name < b.name ? -1 : 1)),
      )
    }
    case 'secret':
      return accept([], s => get(s.verifiers, command.args.id) ?? null)
    case 'assign':
      return decideAssign(state, command.args)
    case 'unassign': {
      const { user, role, target } = command.args
      const there = get(state.assignments, user)?.some(a => same(a, command.args))
      return there ? accept([{ type: 'unassigned', user, role, target }]) : refuse('NotFound', `Could not find role assignment with role: ${role}.`)
    }
    case 'assignments':
      return accept([], s => assignmentsOf(s, command.args))
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
  if (!before && state.things[kind].size >= rule.max) return refuse('Forbidden', `There are ${rule.max} of kind ${kind} already.`)
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
  if (kind === 'domain') {
    if (found.enabled) return refuse('Forbidden', `Cannot delete a domain that is enabled, please disable it first: ${id}.`)
    const inside = [...of(state, 'project'), ...of(state, 'user')].filter(r => r.domain === id).length
    if (inside > 0) return refuse('Conflict', `Domain ${id} has ${inside} projects and users; delete them first.`)
  }
  const used =
    kind === 'region' &&
    [...of(state, 'endpoint'), ...of(state, 'region')].some(r => KIND_RULES[r.kind].refers(r).some(([k, i]) => k === kind && i === id))
  return used ? refuse('Conflict', `Region ${id} has endpoints or regions in it; delete them first.`) : accept([{ type: 'removed', kind, id }])
}

function decideAssign(state: DirectoryState, { user, role, target }: Assignment): D {
  if (!thing(state, 'user', user)) return unknown('user', user)
  if (!thing(state, 'role', role)) return unknown('role', role)
  if (target.type !== 'system' && !thing(state, target.type, target.id)) return unknown(target.type, target.id)
  if (get(state.assignments, user)?.some(a => same(a, { user, role, target }))) return accept([])
  if (state.assigned >= MAX_ASSIGNMENTS) return refuse('Forbidden', `There are ${MAX_ASSIGNMENTS} role assignments already.`)
  return accept([{ type: 'assigned', user, role, target }])
}

function assignmentsOf(state: DirectoryState, wanted: Extract<DirectoryCommand, { method: 'assignments' }>['args']): Assignment[] {
  const found = wanted.user === undefined ? entries(state.assignments).flatMap(([, list]) => list) : (get(state.assignments, wanted.user) ?? [])
  const there = found.filter(a => !wanted.target || targetKey(a.target) === targetKey(wanted.target))
  const all = wanted.effective ? effective(there) : there
  return all.filter(a => wanted.role === undefined || a.role === wanted.role)
}

function effective(list: readonly Assignment[]): Assignment[] {
  const groups = Map.groupBy(list, a => `${a.user} ${targetKey(a.target)}`)
  return [...groups.values()].flatMap(group => [...withImplied(group.map(a => a.role))].flatMap(role => (group[0] ? [{ ...group[0], role }] : [])))
}

/** `tokenMs`: the life of a token, after which what ended it is forgotten. */
function evolver(tokenMs: number) {
  const end = (state: DirectoryState, rule: Omit<Revocation, 'before'>, at: number): DirectoryState => ({
    ...state,
    revocations: revoke(state.revocations, { ...rule, before: at }, at, tokenMs),
    revision: state.revision + 1,
  })

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
      things: { ...state.things, [kind]: set(state.things[kind], id, resource) },
      verifiers: verifier === undefined ? state.verifiers : set(state.verifiers, id, verifier),
    }
    const disabled = before?.enabled === true && !resource.enabled
    const changed = before !== undefined && verifier !== undefined
    if (kind === 'user' && (disabled || changed)) return end(next, { user: id }, at)
    if (disabled && (kind === 'project' || kind === 'domain')) return end(next, { [kind]: id }, at)
    return next
  }

  /** What hangs on it goes with it. */
  function drop(state: DirectoryState, kind: Kind, id: string, at: number): DirectoryState {
    const found = thing(state, kind, id)
    if (!found) return state
    const name = nameKey(found)
    let next: DirectoryState = {
      ...state,
      names: name === null ? state.names : remove(state.names, name),
      things: { ...state.things, [kind]: remove(state.things[kind], id) },
      verifiers: remove(state.verifiers, id),
    }
    const over = (a: Assignment): boolean =>
      (kind === 'user' && a.user === id) || (kind === 'role' && a.role === id) || (a.target.type === kind && a.target.id === id)
    if (kind === 'user' || kind === 'role' || kind === 'project' || kind === 'domain') {
      for (const [user, list] of entries(next.assignments))
        if (list.some(over))
          next = assignments(
            next,
            user,
            list.filter(a => !over(a)),
          )
      next = end(next, { [kind]: id }, at)
    }
    if (kind === 'application_credential') next = end(next, { credential: id }, at)
    const hanging: readonly Kind[] = kind === 'service' ? ['endpoint'] : kind === 'user' || kind === 'project' ? ['application_credential'] : []
    for (const other of hanging)
      for (const r of of(next, other)) if (KIND_RULES[other].refers(r).some(([k, i]) => k === kind && i === id)) next = drop(next, other, r.id, at)
    return next
  }

  const assignments = (state: DirectoryState, user: string, list: readonly Assignment[]): DirectoryState => ({
    ...state,
    assigned: state.assigned + list.length - (get(state.assignments, user)?.length ?? 0),
    assignments: list.length === 0 ? remove(state.assignments, user) : set(state.assignments, user, list),
  })

  return function evolve(state: DirectoryState, event: DirectoryEvent, at: number): DirectoryState {
    switch (event.type) {
      case 'bootstrapped': {
        let next: DirectoryState = { ...state, bootstrapped: event.verifier }
        for (const resource of SEED.resources) {
          const known = thing(next, resource.kind, resource.id)
          const isAdmin = resource.kind === 'user'
          // Later only the admin is made whole again; what an operator did to the rest stays.
          if (state.bootstrapped !== null && !isAdmin) continue
          next = put(next, { ...resource, createdAt: known?.createdAt ?? at }, isAdmin ? event.verifier : undefined, at)
        }
        for (const given of SEED.assignments) {
          const list = get(next.assignments, given.user) ?? []
          if (!list.some(a => same(a, given))) next = assignments(next, given.user, [...list, given])
        }
        return next
      }
      case 'put':
        return put(state, event.resource, event.verifier, at)
      case 'removed':
        return drop(state, event.kind, event.id, at)
      case 'assigned': {
        const { user, role, target } = event
        return assignments(state, user, [...(get(state.assignments, user) ?? []), { user, role, target }])
      }
      case 'unassigned': {
        const { user, target } = event
        const left = (get(state.assignments, user) ?? []).filter(a => !same(a, event))
        const place = target.type === 'system' ? { system: true } : target.type === 'project' ? { project: target.id } : { domain: target.id }
        return end(assignments(state, user, left), { ...place, user }, at)
      }
      case 'tokenRevoked':
        return end(state, { audit: event.audit }, at)
    }
  }
}

const id = text(255)
const kind = anyOf(...KINDS)
const target = checkObject({ type: anyOf('project', 'domain', 'system'), id: optional(id) })
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
      assign: { check: checkObject({ user: id, role: id, target }) },
      unassign: { check: checkObject({ user: id, role: id, target }) },
      assignments: { check: checkObject({ user: optional(id), role: optional(id), target: optional(target) }), reads: true },
      revokeToken: { check: checkObject({ audit: text(64) }) },
      revocations: { reads: true },
    },
    initial: () => ({
      things: {
        ...{ domain: emptyMap, project: emptyMap, user: emptyMap, role: emptyMap },
        ...{ application_credential: emptyMap, region: emptyMap, service: emptyMap, endpoint: emptyMap },
      },
      names: emptyMap,
      verifiers: emptyMap,
      assignments: emptyMap,
      assigned: 0,
      revocations: [],
      revision: 0,
      bootstrapped: null,
    }),
    decide,
    evolve: evolver(tokenMs),
    work: () => [],
    view: () => null,
    finished: () => false,
  })
