/** For supervisors and monitors: alive, ready, and numbers. These answer whatever else goes on. */
import type { FastifyInstance } from 'fastify'
import type { HttpContext } from './context.ts'

export const HEALTH_PATHS: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/metrics'])

export function healthRoutes(app: FastifyInstance, context: Pick<HttpContext, 'isReady' | 'metrics' | 'isClosing'>): void {
  app.get('/healthz', async () => ({ status: 'ok' }))

  app.get('/readyz', async (_request, reply) => {
    const { ready, reasons } = context.isReady()
    const why = context.isClosing() ? ['this node is shutting down', ...reasons] : reasons
    if (ready && !context.isClosing()) return { status: 'ready', reasons: [] }
    return reply.code(503).header('retry-after', '1').send({ status: 'not ready', reasons: why })
  })

  app.get('/metrics', async (_request, reply) => reply.type('text/plain; version=0.0.4; charset=utf-8').send(await context.metrics()))
}
