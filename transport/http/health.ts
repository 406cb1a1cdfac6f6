/** For supervisors and monitors: alive, ready, and numbers. These answer whatever else goes on. */
import type { FastifyInstance } from 'fastify'
import type { HttpContext } from './context.ts'

const JSON_TYPE = 'application/json; charset=utf-8'
const PROMETHEUS = 'text/plain; version=0.0.4; charset=utf-8'
const OPEN_METRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8'

export type HealthContext = Pick<HttpContext, 'isReady' | 'metrics' | 'isClosing'>

export interface HealthAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

const json = (status: number, body: object, headers: Readonly<Record<string, string>> = {}): HealthAnswer => ({
  status,
  headers: { 'content-type': JSON_TYPE, ...headers },
  body: JSON.stringify(body),
})

function readiness(context: HealthContext): HealthAnswer {
  const { ready, reasons } = context.isReady()
  const why = context.isClosing() ? ['this node is shutting down', ...reasons] : reasons
  if (ready && !context.isClosing()) return json(200, { status: 'ready', reasons: [] })
  return json(503, { status: 'not ready', reasons: why }, { 'retry-after': '1' })
}

async function numbers(context: HealthContext, accept: string): Promise<HealthAnswer> {
  const openMetrics = accept.includes('application/openmetrics-text')
  return { status: 200, headers: { 'content-type': openMetrics ? OPEN_METRICS : PROMETHEUS }, body: await context.metrics(openMetrics) }
}

/** `accept` is that header, '' when it is missing. */
type Answering = (context: HealthContext, accept: string) => HealthAnswer | Promise<HealthAnswer>

/** What a GET of each path is answered. */
export const HEALTH: ReadonlyMap<string, Answering> = new Map<string, Answering>([
  ['/healthz', () => json(200, { status: 'ok' })],
  ['/readyz', readiness],
  ['/metrics', numbers],
])

export function healthRoutes(app: FastifyInstance, context: HealthContext): void {
  for (const [path, answer] of HEALTH) {
    app.get(path, async (request, reply) => {
      const { status, headers, body } = await answer(context, request.headers.accept ?? '')
      return reply.code(status).headers(headers).send(body)
    })
  }
}
