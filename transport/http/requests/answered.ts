/** What became of each request, for whoever counts. */
import type { FastifyInstance } from 'fastify'
import { traceOf } from './trace.ts'

export interface Answered {
  readonly method: string
  /** The pattern of its route, never the URL as it was sent: there are few of those. */
  readonly route: string
  readonly status: number
  /** From the request's head to the end of the answer. */
  readonly seconds: number
  /** W3C `traceparent`, where the client sent one. */
  readonly trace: string | undefined
}

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

export function watchAnswers(app: FastifyInstance, tell: (answer: Answered) => void): void {
  app.addHook('onResponse', async (request, reply) => {
    const { method } = request
    const route = request.is404 ? 'none' : (request.routeOptions.url ?? 'none')
    const seconds = reply.elapsedTime / 1000
    tell({ method: METHODS.has(method) ? method : 'other', route, status: reply.statusCode, seconds, trace: traceOf(request) })
  })
}
