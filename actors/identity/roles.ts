/** Which role brings which others with it: Keystone's implied roles. Those between the built-in roles are fixed; operators add others. */
import type { Implication } from './api.ts'

export const BUILTIN_ROLES = ['admin', 'member', 'reader', 'service'] as const

const IMPLIES: Readonly<Record<string, readonly string[]>> = { admin: ['member'], member: ['reader'] }

/** No role implies this one: whoever could add such a rule could make anybody an admin. */
export const NEVER_IMPLIED = 'admin'

/** The roles that one implies directly. */
export type Implies = (role: string) => readonly string[]

/** Built-in roles have their names as ids. */
export const impliedByBuiltin: Implies = role => (Object.hasOwn(IMPLIES, role) ? (IMPLIES[role] ?? []) : [])

export const BUILTIN_IMPLICATIONS: readonly Implication[] = Object.entries(IMPLIES).flatMap(([prior, list]) =>
  list.map(implied => ({ prior, implied })),
)

/** A set of role ids with all that they imply. */
export function withImplied(roles: Iterable<string>, implies: Implies): Set<string> {
  const all = new Set<string>()
  const add = (role: string): void => {
    if (all.has(role)) return
    all.add(role)
    for (const implied of implies(role)) add(implied)
  }
  for (const role of roles) add(role)
  return all
}
