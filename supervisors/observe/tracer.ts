/**
 * The tracing of a real node: what is active is kept by `AsyncLocalStorage`, so it follows promises without being handed on. It does not
 * follow timers (`real-env.ts`): a loop that a request happens to start would be part of it for ever.
 *
 * Whether a trace is recorded is decided once, where it begins (`begin`); a request that comes with a decision keeps it. What is not
 * sampled costs nothing but its request's id, which is carried for the log.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { randomBytes } from 'node:crypto'
import {
  type Attributes,
  type OpenSpan,
  parseTrace,
  type RequestContext,
  type Span,
  type SpanKind,
  type Tracing,
  traceText,
} from '../../actors/kernel/tracing.ts'

export interface TracerOptions {
  /** Share of the requests without a decision of their own that are traced, 0 to 1. */
  readonly sample: number
  /** Ms since 1970, and never back: two spans of a node are in order. */
  nowMs(): number
  random(): number
  /** Takes every span; must not throw. */
  sink(span: Span): void
}

const newId = (bytes: number): string => randomBytes(bytes).toString('hex')

export function createTracer({ sample, nowMs, random, sink }: TracerOptions): Tracing {
  const storage = new AsyncLocalStorage<RequestContext | undefined>()

  function open(traceId: string, parentId: string | null, name: string, kind: SpanKind, attributes: Attributes, requestId?: string): OpenSpan {
    const spanId = newId(8)
    const startMs = nowMs()
    return {
      context: { ...(requestId === undefined ? {} : { requestId }), trace: traceText(traceId, spanId) },
      end(error = null, more = {}) {
        sink({ traceId, spanId, parentId, name, kind, startMs, endMs: nowMs(), attributes: { ...attributes, ...more }, error })
      },
    }
  }

  return {
    nowMs,
    active: () => storage.getStore(),
    within: (context, fn) => (context === storage.getStore() ? fn() : storage.run(context, fn)),
    start(name, kind, attributes = {}, parent = storage.getStore()) {
      const from = parent?.trace === undefined ? null : parseTrace(parent.trace)
      return from?.isSampled ? open(from.traceId, from.spanId, name, kind, attributes, parent?.requestId) : null
    },
    begin(name, attributes, requestId, incoming, kind = 'server') {
      const from = parseTrace(incoming)
      if (from) return from.isSampled ? open(from.traceId, from.spanId, name, kind, attributes, requestId) : null
      return sample > 0 && random() < sample ? open(newId(16), null, name, kind, attributes, requestId) : null
    },
    record: sink,
  }
}
