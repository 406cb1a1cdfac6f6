/** Identity in the HTTP face: the guard before every path, and Keystone's own paths. */
import type { FastifyInstance } from 'fastify'
import type { ClusterApi } from '../../../actors/api.ts'
import type { IdentityGate } from '../../../actors/identity/api.ts'
import { guardRoutes } from '../policy/guard.ts'
import { authRoutes } from './auth.ts'
import { grantRoutes } from './grants.ts'
import { groupRoutes, impliedRoleRoutes } from './groups.ts'
import { resourceRoutes } from './resources.ts'

/** Throws `ConfigInvalid` for wrong rules. */
export function withIdentity(app: FastifyInstance, api: ClusterApi, { gate, rules }: { gate: IdentityGate; rules: readonly string[] }): void {
  guardRoutes(app, { api, gate, rules })
  authRoutes(app, gate)
  resourceRoutes(app, gate)
  grantRoutes(app, gate)
  groupRoutes(app, gate)
  impliedRoleRoutes(app, gate)
}
