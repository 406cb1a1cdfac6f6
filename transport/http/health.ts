/** For supervisors and monitors: alive, ready, and numbers. These answer whatever else goes on. */
import type { FastifyInstance } from 'fastify'
import type { HttpContext } from './context.ts'

export const HEALTH_PATHS: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/metrics'])

const PROMETHEUS = 'text/plain; version=0.0.4; charset=utf-8'
const OPEN_METRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8'

export function healthRoutes(app: FastifyInstance, context: Pick<HttpContext, 'isReady' | 'metrics' | 'isClosing'>): void {
  app.get('/healthz', async () => ({ status: 'ok' }))

  app.get('/readyz', async (_request, reply) => {
    const { ready, reasons } = context.isReady()
    const why = context.isClosing() ? ['this node is shutting down', ...reasons] : reasons
    if (ready && !context.isClosing()) return { status: 'ready', reasons: [] }
    return reply.code(503).header('retry-after', '1').send({ status: 'not ready', reasons: why })
  })

  app.get('/metrics', async (request, reply) => {
    const openMetrics = (request.headers.accept ?? '').includes('application/openmetrics-text')
    return reply.type(openMetrics ? OPEN_METRICS : PROMETHEUS).send(await context.metrics(openMetrics))
  })
}
