/** Identity in a test's hand: the real actors, service and gate, without a network and with cheap passwords. */
import type { Claims } from '../../actors/identity/api.ts'
import { directoryActor } from '../../actors/identity/directory.ts'
import { keyringActor } from '../../actors/identity/keyring.ts'
import { silentLogger } from '../../actors/kernel/env.ts'
import { createGate, type Gate } from '../../supervisors/identity/gate.ts'
import { bootstrapVerifier, createPasswords } from '../../supervisors/identity/passwords.ts'
import { createIdentity, type IdentityService } from '../../supervisors/identity/service.ts'
import { hold } from './durable.ts'

export const TOKEN_MS = 3_600_000
export const ADMIN_PASSWORD = 'the first password'
const CHEAP = { ln: 1, r: 1, p: 1 }

export interface TestIdentity {
  readonly service: IdentityService
  readonly gate: Gate
  /** Both clocks go on. */
  pass(ms: number): void
  token(name: string, password: string, project?: string): Promise<string>
  claims(token: string): Promise<Claims>
  /** A user with a role in a project that is made if need be, and a token of that. */
  member(name: string, project: string, role: string): Promise<string>
}

export async function createTestIdentity(): Promise<TestIdentity> {
  const actors = { directory: hold(directoryActor(TOKEN_MS), 'all'), keyring: hold(keyringActor(TOKEN_MS), 'all') }
  let monotonicMs = 0
  const env = { monotonicMs: () => monotonicMs, setTimer: () => ({ cancel: () => {} }), log: silentLogger }
  const call = async (kind: string, _id: string, method: string, args: unknown) =>
    structuredClone((kind === 'keyring' ? actors.keyring : actors.directory).send(method, args) ?? null)
  const now = () => actors.directory.now
  const settings = { tokenMs: TOKEN_MS, rotateMs: 7 * 24 * TOKEN_MS, bootstrapVerifier: await bootstrapVerifier(ADMIN_PASSWORD, CHEAP) }
  const service = createIdentity({ env, now, call, settings, passwords: createPasswords(CHEAP) })
  await call('directory', 'all', 'bootstrap', { verifier: settings.bootstrapVerifier })
  const gate = createGate({ env, api: service })
  const identity: TestIdentity = {
    service,
    gate,
    pass(ms) {
      monotonicMs += ms
      actors.directory.now += ms
      actors.keyring.now += ms
    },
    async token(name, password, project) {
      const scope = project === undefined ? ({ type: 'default' } as const) : ({ type: 'project', ref: { name: project } } as const)
      const { token } = await service.login({ password: { user: { name }, password }, scope, source: '127.0.0.1' })
      await gate.refresh()
      return token
    },
    claims: token => gate.verify(token),
    async member(name, project, role) {
      const [known] = await service.find({ kind: 'project', where: { name: project } })
      const { id } = known ?? (await service.create({ kind: 'project', id: `${project}-id`, fields: { name: project, domain: 'default' } }))
      await service.create({ kind: 'user', id: `${name}-id`, fields: { name, domain: 'default', secret: `${name}-password` } })
      await service.assign({ user: `${name}-id`, role, target: { type: 'project', id } })
      return identity.token(name, `${name}-password`, project)
    },
  }
  return identity
}
