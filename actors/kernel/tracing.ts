/**
 * What a piece of work is part of, and the spans that tell how long its parts took: W3C Trace Context, as OpenTelemetry has it.
 *
 * The context of a request goes with everything it causes. Between nodes it travels in the envelope of a call; within a node it is what is
 * active while a promise runs (`Tracing.within`); and where work follows from state it is in the state: an operation keeps the trace of the
 * request that began it, and the ids of its spans follow from its own id. So whoever goes on with it after a crash writes on the same trace.
 */
import { hash32 } from './address.ts'
import type { Env } from './env.ts'

/** What oslo.context calls a request context, as far as it concerns logs and traces. */
export interface RequestContext {
  readonly requestId?: string
  /** W3C `traceparent` of the span that causes what happens within; absent when the trace is not sampled. */
  readonly trace?: string
}

export type SpanKind = 'server' | 'client' | 'internal'
export type Attributes = Readonly<Record<string, string | number | boolean>>

/** A span that has ended. Times are ms since 1970 by the clock of the node that tells of it. */
export interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentId: string | null
  readonly name: string
  readonly kind: SpanKind
  readonly startMs: number
  readonly endMs: number
  readonly attributes: Attributes
  /** `traceparent`s of spans of other traces that led to it; absent: none. */
  readonly links?: readonly string[]
  /** What went wrong, for people; null when nothing did. */
  readonly error: string | null
}

/** A span under way. */
export interface OpenSpan {
  /** For what happens within it. */
  readonly context: RequestContext
  end(error?: string | null, more?: Attributes): void
}

/** Where a node's spans go, and what is active in it. The simulator has none. */
export interface Tracing {
  /** The clock of spans, ms since 1970. */
  nowMs(): number
  active(): RequestContext | undefined
  /** Runs `fn` and everything it awaits within a context; `undefined` is none. */
  within<T>(context: RequestContext | undefined, fn: () => T): T
  /** Begins a span below the one of `parent`, by default the active one; null when that is part of no sampled trace. */
  start(name: string, kind: SpanKind, attributes?: Attributes, parent?: RequestContext): OpenSpan | null
  /**
   * The span of a request that has come from outside; null when it is not traced. `incoming` is its `traceparent`, if it has one. `kind` is
   * `server` unless nobody has asked from outside.
   */
  begin(name: string, attributes: Attributes, requestId: string, incoming: string | undefined, kind?: SpanKind): OpenSpan | null
  /** Takes a span that was measured elsewhere. */
  record(span: Span): void
}

export interface TraceParent {
  /** 32 hexadecimal digits. */
  readonly traceId: string
  /** 16 hexadecimal digits. */
  readonly spanId: string
  readonly isSampled: boolean
}

const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/

/** Null for what is no `traceparent`. */
export function parseTrace(text: string | undefined): TraceParent | null {
  const [, traceId = '', spanId = '', flags = ''] = (text !== undefined && TRACEPARENT.exec(text)) || []
  return traceId === '' ? null : { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & 1) === 1 }
}

/** The `traceparent` of a span of a sampled trace. */
export const traceText = (traceId: string, spanId: string): string => `00-${traceId}-${spanId}-01`

const derived = (text: string, salts: string): string => {
  const id = [...salts].map(salt => hash32(`${salt}${text}`).toString(16).padStart(8, '0')).join('')
  return /[1-9a-f]/.test(id) ? id : `${id.slice(1)}1`
}

/** A span id that follows from a text: the same wherever it is asked for. */
export const derivedSpanId = (text: string): string => derived(text, 'ab')

/** A trace id that follows from a text. */
export const derivedTraceId = (text: string): string => derived(text, 'abcd')

/** Runs `fn` within a span of its own, where there is something to be traced. */
export async function traced<T>({ tracing }: Pick<Env, 'tracing'>, name: string, attributes: Attributes, fn: () => Promise<T>): Promise<T> {
  const span = tracing?.start(name, 'internal', attributes)
  return tracing && span ? spanned(tracing, span, fn) : fn()
}

/**
 * Runs `fn` at the beginning of a trace, if that is drawn to be recorded: for what a node finds by itself, which is part of no request. `id` stands
 * in its log lines where the id of a request would.
 */
export async function tracedAnew<T>(
  { tracing }: Pick<Env, 'tracing'>,
  name: string,
  attributes: Attributes,
  id: string,
  fn: () => Promise<T>,
): Promise<T> {
  const span = tracing?.begin(name, attributes, id, undefined, 'internal')
  return tracing && span ? spanned(tracing, span, fn) : fn()
}

/** Runs `fn` within a span, and ends it. */
export async function spanned<T>(tracing: Tracing, span: OpenSpan, fn: () => Promise<T>): Promise<T> {
  try {
    const value = await tracing.within(span.context, fn)
    span.end()
    return value
  } catch (error) {
    span.end(error instanceof Error ? error.message : String(error))
    throw error
  }
}
