/**
 * What comes of role assignments. A user has a role in a place by an assignment of the own or of a group, made for that place or inherited
 * from above it (a domain, or a project further up), or because another role that the user has there implies it. A role that is a
 * domain's own counts for what it implies and is never in a token, as in Keystone.
 */
import type { Assignment, Target } from './api.ts'
import { type Implies, withImplied } from './roles.ts'

/** A role of one user in one place. */
export type Effective = Assignment & { readonly user: string; readonly inherited?: never }

/** What the directory knows around an assignment. */
export interface Surroundings {
  membersOf(group: string): readonly string[]
  /** What is above a project: those it is in, and its domain. */
  above(project: string): readonly Target[]
  /** All projects below a project or in a domain. */
  below(target: Target): readonly string[]
  readonly implies: Implies
  /** Whether the role is a domain's own. */
  isDomains(role: string): boolean
}

export const targetKey = (target: Target): string => (target.type === 'system' ? 'system' : `${target.type}:${target.id}`)

/** At most so many come of one question. */
export const EFFECTIVE_MAX = 50_000

/**
 * What comes of a list, for one user and one place if they are given; null when it is more than `EFFECTIVE_MAX`. `list` must hold all
 * assignments of that user and of the user's groups.
 */
export function effective(
  list: readonly Assignment[],
  around: Surroundings,
  { user, target }: { readonly user?: string; readonly target?: Target },
): Effective[] | null {
  const wanted = target && targetKey(target)
  const above = new Set(target?.type === 'project' ? around.above(target.id).map(targetKey) : [])

  const usersOf = (a: Assignment): readonly string[] => {
    const users = a.user === undefined ? around.membersOf(a.group) : [a.user]
    return user === undefined ? users : users.filter(each => each === user)
  }
  const placesOf = (a: Assignment): readonly Target[] => {
    if (!a.inherited) return wanted === undefined || targetKey(a.target) === wanted ? [a.target] : []
    if (target) return above.has(targetKey(a.target)) ? [target] : []
    return around.below(a.target).map(id => ({ type: 'project', id }))
  }

  const held = new Map<string, { readonly user: string; readonly target: Target; readonly roles: Set<string> }>()
  let count = 0
  for (const a of list) {
    const places = placesOf(a)
    for (const who of places.length === 0 ? [] : usersOf(a)) {
      for (const place of places) {
        const key = `${who} ${targetKey(place)}`
        const known = held.get(key) ?? { user: who, target: place, roles: new Set() }
        held.set(key, known)
        known.roles.add(a.role)
        if (++count > EFFECTIVE_MAX) return null
      }
    }
  }
  return [...held.values()].flatMap(({ user: who, target: place, roles }) =>
    [...withImplied(roles, around.implies)].filter(role => !around.isDomains(role)).map(role => ({ user: who, role, target: place })),
  )
}
