/**
 * What a rule may say: Nova's and Keystone's base rules, under their names, and combinations with `or`. Plain predicates over who asks and
 * whose thing it is. A cloud's admin is who has the role admin in the scope of the token, as in Nova's `context_is_admin`.
 */
import type { Claims } from '../../../actors/identity/api.ts'

/** Whose the thing is that a request is about; what is not known is undefined. */
export interface Owner {
  readonly project?: string | null
  readonly user?: string | null
  /** Who asks may know of it, whosever it is. */
  readonly seen?: boolean
}

export const projectIn = (claims: Claims): string | null => (claims.scope.type === 'project' ? claims.scope.id : null)

const has = (claims: Claims, role: string): boolean => claims.roles.some(r => r.name === role)
const owns = (claims: Claims, { project }: Owner): boolean => project === undefined || (project !== null && project === projectIn(claims))
const inProject = (role: string) => (claims: Claims, owner: Owner) => projectIn(claims) !== null && has(claims, role) && owns(claims, owner)

export const isAdmin = (claims: Claims): boolean => has(claims, 'admin')

const CHECKS = {
  '@': () => true,
  '!': () => false,
  'rule:context_is_admin': isAdmin,
  'rule:project_member_api': inProject('member'),
  'rule:project_reader_api': inProject('reader'),
  'role:service': (claims: Claims) => has(claims, 'service'),
  'rule:owner': (claims: Claims, { user }: Owner) => user !== undefined && user === claims.user.id,
} satisfies Record<string, (claims: Claims, owner: Owner) => boolean>

export type CheckName = keyof typeof CHECKS

const isCheck = (name: string): name is CheckName => Object.hasOwn(CHECKS, name)

const parts = (rule: string): string[] => rule.split(/\s+or\s+/)

/** What is wrong with the text of a rule, or null. */
export function ruleProblem(rule: string): string | null {
  const wrong = parts(rule).find(part => !isCheck(part))
  return wrong === undefined ? null : `there is no check ${JSON.stringify(wrong)}; there are ${Object.keys(CHECKS).join(', ')}, joined by "or"`
}

export const passes = (rule: string, claims: Claims, owner: Owner): boolean => parts(rule).some(part => isCheck(part) && CHECKS[part](claims, owner))
