/**
 * From credentials to claims. Whatever is wrong (no such user, wrong password, disabled, no role where the scope is) the answer is the same 401,
 * takes as long, and says nothing of what there is; the log of the conductor knows more.
 */
import {
  type Assignment,
  type Claims,
  DEFAULT_DOMAIN,
  type Login,
  type Reference,
  type Resource,
  type Scope,
  type Target,
} from '../../actors/identity/api.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import type { Guesses } from './guesses.ts'
import type { Passwords } from './passwords.ts'
import { newAuditId } from './tokens.ts'

export interface DirectoryReader {
  read(kind: Resource['kind'], id: string): Promise<Resource | null>
  find(kind: Resource['kind'], where: Readonly<Record<string, string>>): Promise<readonly Resource[]>
  secret(id: string): Promise<string | null>
  /** The roles of a user in a place, by whatever way they come. */
  effective(user: string, target: Target): Promise<readonly Assignment[]>
}

export interface LoginOptions {
  readonly directory: DirectoryReader
  readonly passwords: Passwords
  readonly guesses: Guesses
  readonly tokenMs: number
  /** Cluster time, ms. */
  now(): number
  /** The claims of a token that is alive. Rejects `Unauthorized`. */
  verify(token: string): Promise<Claims>
}

/** Who it is, before it is known where. */
interface Proven {
  readonly user: Resource
  readonly methods: readonly string[]
  readonly audit: readonly string[]
  readonly expiresAt: number
  readonly credential: Resource | null
}

/** The place that a scope is, null for none. */
function targetOf(scope: Scope): Target | null {
  if (scope.type === 'none') return null
  return scope.type === 'system' ? { type: 'system' } : { type: scope.type, id: scope.id }
}

export const refused = (): BatonError => new BatonError('Unauthorized', 'The request you have made requires authentication.')

export function createLogin({ directory, passwords, guesses, tokenMs, now, verify }: LoginOptions): (args: Login) => Promise<Claims> {
  async function domainOf({ domainId, domainName }: Reference): Promise<string> {
    if (domainName === undefined) return domainId ?? DEFAULT_DOMAIN
    return (await directory.find('domain', { name: domainName }))[0]?.id ?? ''
  }

  async function resolve(kind: 'user' | 'project' | 'domain', ref: Reference): Promise<Resource | null> {
    if (ref.id !== undefined) return directory.read(kind, ref.id)
    if (ref.name === undefined) return null
    const where: Record<string, string> = kind === 'domain' ? { name: ref.name } : { name: ref.name, domain_id: await domainOf(ref) }
    return (await directory.find(kind, where))[0] ?? null
  }

  /** Counts the guess, and looks at the secret even when there is nobody. */
  async function prove(who: string, source: string, secret: string, holder: Resource | null): Promise<void> {
    guesses.check(who, source)
    const right = await passwords.matches(secret, holder ? await directory.secret(holder.id) : null)
    if (right) return guesses.right(who, source)
    guesses.wrong(who, source)
    throw refused()
  }

  async function proven(args: Login): Promise<Proven> {
    const fresh = { audit: [newAuditId()], expiresAt: now() + tokenMs, credential: null }
    if (args.password) {
      const user = await resolve('user', args.password.user)
      await prove(user?.id ?? `?${args.password.user.name ?? args.password.user.id}`, args.source, args.password.password, user)
      if (user) return { ...fresh, user, methods: ['password'] }
    }
    if (args.credential) {
      const { id, name, user: owner, secret } = args.credential
      const ownerId = owner ? ((await resolve('user', owner))?.id ?? '') : ''
      const found =
        id === undefined
          ? (await directory.find('application_credential', { name: name ?? '', user_id: ownerId }))[0]
          : await directory.read('application_credential', id)
      await prove(`credential ${found?.id ?? id ?? name}`, args.source, secret, found ?? null)
      const user = found ? await directory.read('user', String(found.attributes.user_id)) : null
      const until = found?.attributes.expires_at
      const expiresAt = typeof until === 'number' ? Math.min(until, fresh.expiresAt) : fresh.expiresAt
      if (found && user && expiresAt > now()) return { ...fresh, expiresAt, user, methods: ['application_credential'], credential: found }
    }
    if (args.token !== undefined) {
      const old = await verify(args.token)
      const user = await directory.read('user', old.user.id)
      // A new token of an old one ends with it, and can be ended with it.
      const chain = old.audit.at(-1) ?? ''
      const credential = old.credential ? await directory.read('application_credential', old.credential.id) : null
      const methods = [...new Set([...old.methods, 'token'])]
      if (user && (credential || !old.credential)) return { user, methods, audit: [newAuditId(), chain], expiresAt: old.expiresAt, credential }
    }
    throw refused()
  }

  async function scopeOf(args: Login, { user, credential }: Proven): Promise<Scope> {
    if (credential) {
      // A credential is of one project and cannot be used elsewhere.
      if (
        args.scope.type !== 'default' &&
        !(args.scope.type === 'project' && (await resolve('project', args.scope.ref))?.id === credential.attributes.project_id)
      )
        throw refused()
      return projectScope(await directory.read('project', String(credential.attributes.project_id)))
    }
    switch (args.scope.type) {
      case 'none':
        return { type: 'none' }
      case 'system':
        return { type: 'system' }
      case 'domain': {
        const domain = await resolve('domain', args.scope.ref)
        if (!domain?.enabled) throw refused()
        return { type: 'domain', id: domain.id, name: domain.name }
      }
      case 'project':
        return projectScope(await resolve('project', args.scope.ref))
      case 'default': {
        const id = user.attributes.default_project_id
        const project = typeof id === 'string' ? await directory.read('project', id) : null
        const usable = project?.enabled && (await directory.effective(user.id, { type: 'project', id: project.id })).length > 0
        return usable ? projectScope(project) : { type: 'none' }
      }
    }
  }

  async function projectScope(project: Resource | null): Promise<Scope> {
    const domain = project?.enabled ? await directory.read('domain', project.domain ?? '') : null
    if (!project || !domain?.enabled) throw refused()
    return { type: 'project', id: project.id, name: project.name, domain: { id: domain.id, name: domain.name } }
  }

  return async function login(args) {
    const who = await proven(args)
    const { user, credential } = who
    const domain = await directory.read('domain', user.domain ?? '')
    if (!user.enabled || !domain?.enabled) throw refused()
    const scope = await scopeOf(args, who)
    const place = targetOf(scope)
    const mine = place ? await directory.effective(user.id, place) : []
    const allowed = credential && Array.isArray(credential.attributes.roles) ? new Set(credential.attributes.roles.map(String)) : null
    const ids = mine.map(a => a.role).filter(role => allowed?.has(role) ?? true)
    if (scope.type !== 'none' && ids.length === 0) throw refused()
    const roles = await Promise.all(ids.map(async id => ({ id, name: (await directory.read('role', id))?.name ?? id })))
    return {
      audit: who.audit,
      user: { id: user.id, name: user.name, domain: { id: domain.id, name: domain.name } },
      methods: who.methods,
      scope,
      roles,
      credential: credential ? { id: credential.id, restricted: credential.attributes.unrestricted !== true } : null,
      issuedAt: now(),
      expiresAt: who.expiresAt,
    }
  }
}
