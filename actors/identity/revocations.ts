/**
 * Why a token dies before its time. Tokens are judged without asking anybody, so what ends them is told to those who judge: a short list
 * of rules, each saying which tokens issued until when are over. It is short because a rule is forgotten when no token it
 * speaks of can be alive any more, and because it is coarsened when it grows beyond its bound: then more tokens die than had to,
 * never fewer.
 */
import type { Claims, Revocation } from './api.ts'

export const REVOCATIONS_MAX = 5000

const FIELDS = ['user', 'project', 'domain', 'system', 'role', 'credential', 'audit'] as const

const keyOf = (rule: Revocation): string => JSON.stringify(FIELDS.map(field => rule[field] ?? null))

/** The list with one rule more, without those that say nothing any more at `now`. `tokenMs` is the life of a token. */
export function revoke(rules: readonly Revocation[], added: Revocation, now: number, tokenMs: number): readonly Revocation[] {
  const key = keyOf(added)
  const kept = rules.filter(rule => rule.before + tokenMs > now && keyOf(rule) !== key)
  return kept.length < REVOCATIONS_MAX ? [...kept, added] : [{ before: now }]
}

/** The same list arranged so that a token is judged in a few look-ups, however long it is. */
export interface RevocationIndex {
  readonly rules: ReadonlyMap<string, number>
}

export const indexOf = (rules: readonly Revocation[]): RevocationIndex => ({ rules: new Map(rules.map(rule => [keyOf(rule), rule.before])) })

/** Every rule that could speak of a token: one of each form in which `directory.ts` revokes. */
function rulesAbout({ user, scope, roles, credential, audit }: Claims): Omit<Revocation, 'before'>[] {
  const place: Omit<Revocation, 'before'>[] =
    scope.type === 'project'
      ? [{ project: scope.id }, { domain: scope.domain.id }]
      : scope.type === 'domain'
        ? [{ domain: scope.id }]
        : scope.type === 'system'
          ? [{ system: true }]
          : []
  return [
    {},
    { user: user.id },
    { domain: user.domain.id },
    ...place,
    ...place.map(where => ({ ...where, user: user.id })),
    ...roles.map(role => ({ role: role.id })),
    ...(credential ? [{ credential: credential.id }] : []),
    ...audit.map(id => ({ audit: id })),
  ]
}

export const isRevoked = (index: RevocationIndex, claims: Claims): boolean =>
  index.rules.size > 0 && rulesAbout(claims).some(rule => (index.rules.get(keyOf({ ...rule, before: 0 })) ?? -1) >= claims.issuedAt)
