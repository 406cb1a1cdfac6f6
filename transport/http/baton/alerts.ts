/** /baton/v1/alerts: what a person should look at. */
import type { FastifyInstance } from 'fastify'
import { BATON, type HttpContext } from '../context.ts'

export function alertRoutes(app: FastifyInstance, { api }: HttpContext): void {
  app.get(`${BATON}/alerts`, async () => ({ alerts: await api.listAlerts({}) }))
}
