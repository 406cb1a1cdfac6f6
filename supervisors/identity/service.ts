/** What a conductor does about identity: it asks the directory, checks passwords, and signs. */
import type { Claims, Fields, IdentityApi, Implication, Kind, Resource, Revocation } from '../../actors/identity/api.ts'
import { ALL } from '../../actors/identity/directory.ts'
import type { SigningKey } from '../../actors/identity/keyring.ts'
import { indexOf, isRevoked } from '../../actors/identity/revocations.ts'
import type { Env, Timer } from '../../actors/kernel/env.ts'
import { BatonError, toFault } from '../../actors/kernel/errors.ts'
import { createGuesses } from './guesses.ts'
import { createLogin, type DirectoryReader, refused } from './login.ts'
import { createPasswords, PASSWORD_MAX, type Passwords } from './passwords.ts'
import { claimsOf, invalidToken, newSigningKey, publicKeys, signToken } from './tokens.ts'

export interface IdentitySettings {
  readonly tokenMs: number
  /** How long one key signs. */
  readonly rotateMs: number
  /** The first admin's; null when this cluster has no identities. */
  readonly bootstrapVerifier: string | null
}

export interface IdentityServiceOptions {
  readonly env: Pick<Env, 'monotonicMs' | 'setTimer' | 'log'>
  /** Cluster time, ms. */
  now(): number
  call(kind: string, id: string, method: string, args: unknown): Promise<unknown>
  readonly settings: IdentitySettings
  readonly passwords?: Passwords
}

export interface IdentityService extends IdentityApi {
  /** Makes what is missing (the first admin, the first key) and rotates keys, until `stop`. */
  start(): void
  stop(): void
}

const ROTATE_LOOK_MS = 60_000
const RETRY_MS = 1000

export function createIdentity(options: IdentityServiceOptions): IdentityService {
  const { env, now, settings } = options
  const passwords = options.passwords ?? createPasswords()
  const directory = (method: string, args: unknown) => options.call('directory', ALL, method, args)
  const done = async (method: string, args: unknown): Promise<Record<string, never>> => {
    await directory(method, args)
    return {}
  }
  const keyring = async (method: string, args: unknown) => (await options.call('keyring', ALL, method, args)) as readonly SigningKey[]
  let timer: Timer | null = null
  let stopped = false
  let said = false

  const read = async (kind: Kind, id: string) => (await directory('read', { kind, id })) as Resource
  const find: IdentityApi['find'] = async args => (await directory('find', args)) as readonly Resource[]
  const assignments: IdentityApi['assignments'] = async args =>
    (await directory('assignments', args)) as Awaited<ReturnType<IdentityApi['assignments']>>

  const reader: DirectoryReader = {
    async read(kind, id) {
      // Ids of strangers come through here: those that no resource can have ask nobody.
      if (id === '' || id.length > 255) return null
      return read(kind, id).catch(error => {
        if (error instanceof BatonError && error.code === 'NotFound') return null
        throw error
      })
    },
    find: (kind, where) => find({ kind, where }),
    secret: async id => (await directory('secret', { id })) as string | null,
    effective: (user, target) => assignments({ user, target, effective: true }),
  }

  async function verify(token: string): Promise<Claims> {
    const claims = claimsOf(token, publicKeys(await keyring('get', {})))
    const { revocations } = (await directory('revocations', {})) as { revocations: readonly Revocation[] }
    if (claims.expiresAt <= now() || isRevoked(indexOf(revocations), claims)) throw invalidToken()
    return claims
  }

  const guesses = createGuesses(() => env.monotonicMs())
  const login = createLogin({ directory: reader, passwords, guesses, tokenMs: settings.tokenMs, now, verify })

  async function newestKey(): Promise<SigningKey> {
    const newest = (await keyring('get', {})).at(-1)
    if (newest && newest.createdAt + settings.rotateMs > now()) return newest
    const made = (await keyring('add', { ...newSigningKey(), ...(newest ? { after: newest.id } : {}) })).at(-1)
    if (!made) throw new BatonError('Unavailable', 'there is no key to sign tokens with yet')
    return made
  }

  async function put(method: 'create' | 'update', kind: Kind, id: string, fields: Fields, before: Resource | null): Promise<Resource> {
    const { secret } = fields
    if (secret !== undefined && (secret.length === 0 || secret.length > PASSWORD_MAX))
      throw new BatonError('BadRequest', `a password has 1 to ${PASSWORD_MAX} characters`)
    const resource: Resource = {
      id,
      kind,
      name: fields.name ?? before?.name ?? '',
      domain: before?.domain ?? fields.domain ?? null,
      enabled: fields.enabled ?? before?.enabled ?? true,
      attributes: { ...before?.attributes, ...fields.attributes },
      createdAt: before?.createdAt ?? now(),
    }
    const verifier = secret === undefined ? {} : { verifier: await passwords.verifier(secret) }
    return (await directory(method, { resource, ...verifier })) as Resource
  }

  async function sayIfNobodyCanLogIn(): Promise<void> {
    if (said || (await find({ kind: 'user', where: {} })).length > 0) return
    said = true
    env.log.warn({}, 'there is no user yet, so nobody can log in: start a conductor with the password of the first admin in BATON_BOOTSTRAP_PASSWORD')
  }

  async function plant(): Promise<void> {
    if (stopped) return
    let nextMs = ROTATE_LOOK_MS
    try {
      const { bootstrapVerifier } = settings
      if (bootstrapVerifier !== null) await directory('bootstrap', { verifier: bootstrapVerifier })
      await newestKey()
      if (bootstrapVerifier === null) await sayIfNobodyCanLogIn()
    } catch (error) {
      env.log.debug({ fault: toFault(error) }, 'identity is not there yet')
      nextMs = RETRY_MS
    }
    if (!stopped) timer = env.setTimer(nextMs, plant)
  }

  return {
    async login(args) {
      const claims = await login(args)
      return { claims, token: signToken(claims, await newestKey()) }
    },
    async trust({ version }) {
      const keys = await keyring('get', {})
      const { revision, revocations } = (await directory('revocations', {})) as { revision: number; revocations: readonly Revocation[] }
      const found = `${revision}:${keys.at(-1)?.id ?? ''}`
      const content = found === version ? null : { keys: keys.map(({ id, publicKey }) => ({ id, publicKey })), revocations }
      return { version: found, now: now(), content }
    },
    async revoke({ audit }) {
      await directory('revokeToken', { audit })
      return {}
    },
    async catalog() {
      const [services, endpoints] = await Promise.all([find({ kind: 'service', where: {} }), find({ kind: 'endpoint', where: {} })])
      return { services, endpoints }
    },
    read: ({ kind, id }) => read(kind, id),
    find,
    create: ({ kind, id, fields }) => put('create', kind, id, fields, null),
    update: async ({ kind, id, fields }) => put('update', kind, id, fields, await read(kind, id)),
    remove: args => done('remove', args),
    async changeOwnPassword({ id, original, password, source }) {
      const user = await reader.read('user', id)
      guesses.check(id, source)
      if (!(await passwords.matches(original, user ? await reader.secret(id) : null)) || !user) {
        guesses.wrong(id, source)
        throw refused()
      }
      await put('update', 'user', id, { secret: password }, user)
      return {}
    },
    assign: args => done('assign', args),
    unassign: args => done('unassign', args),
    assignments,
    addMember: args => done('join', args),
    removeMember: args => done('leave', args),
    members: async args => (await directory('members', args)) as readonly Resource[],
    groupsOf: async args => (await directory('groupsOf', args)) as readonly Resource[],
    imply: args => done('imply', args),
    unimply: args => done('unimply', args),
    implications: async () => (await directory('implications', {})) as readonly Implication[],
    start: () => void plant(),
    stop() {
      stopped = true
      timer?.cancel()
    },
  }
}
