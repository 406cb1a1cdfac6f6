/** Health and metrics of a node that has no API: a listener of its own, on loopback, on any free port. */
import fastify from 'fastify'
import type { HttpContext } from './context.ts'
import { healthRoutes } from './health.ts'

export interface HealthServer {
  readonly port: number
  close(): Promise<void>
}

export async function startHealthServer(options: Pick<HttpContext, 'isReady' | 'metrics'>): Promise<HealthServer> {
  const app = fastify({ logger: false, forceCloseConnections: true })
  healthRoutes(app, { ...options, isClosing: () => false })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const address = app.server.address()
  return { port: typeof address === 'object' && address ? address.port : 0, close: () => app.close() }
}
