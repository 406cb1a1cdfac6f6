/** Which role brings which others with it: Keystone's implied roles, fixed. */
export const BUILTIN_ROLES = ['admin', 'member', 'reader', 'service'] as const

const IMPLIES: Readonly<Record<string, readonly string[]>> = { admin: ['member'], member: ['reader'] }

/** A set of role ids with all that they imply. Built-in roles have their names as ids. */
export function withImplied(roles: Iterable<string>): Set<string> {
  const all = new Set<string>()
  const add = (role: string): void => {
    if (all.has(role)) return
    all.add(role)
    for (const implied of IMPLIES[role] ?? []) add(implied)
  }
  for (const role of roles) add(role)
  return all
}
