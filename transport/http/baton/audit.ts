/** /baton/v1/audit: who did what, and whether that was tampered with. */
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { BATON, type HttpContext } from '../context.ts'

const Whole = Type.String({ pattern: '^[0-9]{1,15}$' })
const ListQuery = Type.Object({ limit: Type.Optional(Whole), before: Type.Optional(Whole) }, { additionalProperties: false })
/** The mark that an answer ended with, to go on from there. */
const VerifyQuery = Type.Object({ seq: Whole, hash: Type.String({ pattern: '^([0-9a-f]{64})?$' }) }, { additionalProperties: false })
const MOST = 1000

export function auditRoutes(app: FastifyInstance, { api }: HttpContext): void {
  app.get<{ Querystring: Static<typeof ListQuery> }>(`${BATON}/audit`, { schema: { querystring: ListQuery } }, async ({ query }) => ({
    audit: await api.listAudit({
      ...(query.limit === undefined ? {} : { limit: Math.min(MOST, Math.max(1, Number(query.limit))) }),
      ...(query.before === undefined ? {} : { before: Number(query.before) }),
    }),
  }))

  app.get<{ Querystring: Partial<Static<typeof VerifyQuery>> }>(
    `${BATON}/audit/verify`,
    { schema: { querystring: Type.Partial(VerifyQuery) } },
    async ({ query: { seq, hash = '' } }) => ({ verdict: await api.verifyAudit(seq === undefined ? {} : { after: { seq: Number(seq), hash } }) }),
  )
}
