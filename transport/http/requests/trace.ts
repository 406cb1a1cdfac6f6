/** The W3C trace context of a request: it goes on with the trace that came, or begins one if it is drawn for that. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type OpenSpan, parseTrace, type RequestContext, type Tracing } from '../../../actors/kernel/tracing.ts'
import { HEALTH } from '../health.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Null where the request is not traced. */
    span: OpenSpan | null
  }
}

/** The W3C `traceparent` of a request: of its span, else as it came; one that is malformed is none, as the standard has it. */
export function traceOf({ span, headers: { traceparent } }: FastifyRequest): string | undefined {
  if (span) return span.context.trace
  return typeof traceparent === 'string' && parseTrace(traceparent) !== null ? traceparent : undefined
}

/** What a request causes is part of it: its spans, and its lines in the log. To be called before any other hook that asks the cluster. */
export function traceRequests(app: FastifyInstance, tracing: Tracing | undefined): void {
  app.decorateRequest('span', null)
  if (!tracing) return

  function contextOf(request: FastifyRequest): RequestContext {
    return request.span?.context ?? { requestId: request.id }
  }

  app.addHook('onRequest', (request, _reply, done) => {
    const { method, headers, routeOptions, id } = request
    const route = request.is404 ? 'none' : (routeOptions.url ?? 'none')
    if (HEALTH.has(route)) {
      done()
      return
    }
    const incoming = typeof headers.traceparent === 'string' ? headers.traceparent : undefined
    const attributes = { 'http.request.method': method, 'http.route': route, 'baton.request_id': id }
    request.span = tracing.begin(`${method} ${route}`, attributes, id, incoming)
    tracing.within(contextOf(request), done)
  })
  // The body comes in by the socket's events, which know nothing of the request.
  app.addHook('preValidation', (request, _reply, done) => tracing.within(contextOf(request), done))
  app.addHook('onResponse', async (request, reply) => {
    const { statusCode: status } = reply
    request.span?.end(status >= 500 ? `answered ${status}` : null, { 'http.response.status_code': status })
  })
}
