/** The W3C trace context of a request: Baton begins no trace of its own, it passes on what came. */
import type { FastifyRequest } from 'fastify'

const TRACE = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/

/** The W3C `traceparent` of a request; one that is malformed is none, as the standard has it. */
export function traceOf({ headers: { traceparent } }: FastifyRequest): string | undefined {
  return typeof traceparent === 'string' && TRACE.test(traceparent) ? traceparent : undefined
}
