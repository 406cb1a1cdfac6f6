/** /baton/v1/doctor: what differs between what is believed and what is there, and its repair. */
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { BATON, type HttpContext } from '../context.ts'
import { Id } from '../requests/schemas.ts'

const Scope = Type.Object({ instance: Type.Optional(Id), host: Type.Optional(Id) }, { additionalProperties: false })
type Scope = Static<typeof Scope>

export function doctorRoutes(app: FastifyInstance, { api }: HttpContext): void {
  app.get<{ Querystring: Scope }>(`${BATON}/doctor`, { schema: { querystring: Scope } }, async request => ({
    doctor: await api.diagnose(request.query),
  }))

  app.post<{ Body: Scope | undefined }>(`${BATON}/doctor/repair`, { schema: { body: Type.Union([Scope, Type.Null()]) } }, async request => ({
    doctor: await api.repair(request.body ?? {}),
  }))
}
