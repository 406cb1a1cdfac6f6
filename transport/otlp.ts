/**
 * Spans to an OpenTelemetry collector: OTLP over HTTP, in JSON (opentelemetry.io/docs/specs/otlp). One message and one queue. The official
 * exporter would bring eight packages (metrics and logs among them) for that, with timers and clocks of its own; a test decodes what is
 * sent here with the official decoder.
 *
 * The queue never blocks: what does not fit is dropped and counted. A collector that is away is asked again with the same batch, later each
 * time; one that refuses a batch is not asked again, for it would refuse that for ever.
 */
import { backoffMs, type Env, type Timer } from '../actors/kernel/env.ts'
import { type Attributes, parseTrace, type Span, type SpanKind } from '../actors/kernel/tracing.ts'

export interface OtlpOptions {
  readonly env: Env
  /** Where it is sent, as `http://collector:4318/v1/traces`. */
  readonly url: string
  /** Of every span of this node. */
  readonly resource: Attributes
  readonly version: string
  readonly limits?: Partial<OtlpLimits>
}

export interface OtlpLimits {
  /** Spans that may wait. */
  readonly queue: number
  /** Spans in one request. */
  readonly batch: number
  /** How long spans gather before they are sent, ms. */
  readonly gatherMs: number
  /** How long the collector may take, ms. */
  readonly timeoutMs: number
  /** Times a batch is sent. */
  readonly tries: number
}

export const OTLP_LIMITS: OtlpLimits = { queue: 4096, batch: 512, gatherMs: 1000, timeoutMs: 10_000, tries: 5 }

export interface OtlpExporter {
  take(span: Span): void
  stats(): { readonly exported: number; readonly dropped: number; readonly waiting: number }
  /** Sends what waits, once; resolves when that is over. */
  close(): Promise<void>
}

/** Answers after which the same request makes sense, as the protocol lists them. */
const RETRY = new Set([429, 502, 503, 504])
const KINDS: Readonly<Record<SpanKind, number>> = { internal: 1, server: 2, client: 3 }
const ERROR = 2

/** Where a collector takes traces, from the address that is configured, with or without a path. */
export function tracesUrl(endpoint: string): string {
  const url = new URL(endpoint)
  if (url.pathname === '/' || url.pathname === '') url.pathname = '/v1/traces'
  return url.href
}

const attributesOf = (attributes: Attributes) =>
  Object.entries(attributes).map(([key, value]) => ({
    key,
    value:
      typeof value === 'string'
        ? { stringValue: value }
        : typeof value === 'boolean'
          ? { boolValue: value }
          : Number.isSafeInteger(value)
            ? { intValue: String(value) }
            : { doubleValue: value },
  }))

const linksOf = (links: readonly string[]) =>
  links.flatMap(link => {
    const to = parseTrace(link)
    return to ? { traceId: to.traceId, spanId: to.spanId } : []
  })

/** Ms with fractions as whole nanoseconds; as text, for they are more than a number holds. */
const nanos = (ms: number): string => String(BigInt(Math.round(ms * 1000)) * 1000n)

/** The body of an export request. */
export function otlpRequest(spans: readonly Span[], resource: Attributes, version: string): object {
  return {
    resourceSpans: [
      {
        resource: { attributes: attributesOf(resource) },
        scopeSpans: [
          {
            scope: { name: 'baton', version },
            spans: spans.map(span => ({
              traceId: span.traceId,
              spanId: span.spanId,
              ...(span.parentId === null ? {} : { parentSpanId: span.parentId }),
              name: span.name,
              kind: KINDS[span.kind],
              startTimeUnixNano: nanos(span.startMs),
              endTimeUnixNano: nanos(span.endMs),
              attributes: attributesOf(span.attributes),
              ...(span.links ? { links: linksOf(span.links) } : {}),
              ...(span.error === null ? {} : { status: { code: ERROR, message: span.error } }),
            })),
          },
        ],
      },
    ],
  }
}

export function createOtlpExporter({ env, url, resource, version, limits: given }: OtlpOptions): OtlpExporter {
  const limits = { ...OTLP_LIMITS, ...given }
  let waiting: Span[] = []
  let exported = 0
  let dropped = 0
  let tries = 0
  let silent = false
  let timer: Timer | null = null
  let sending: Promise<void> | null = null

  function later(delayMs: number): void {
    timer ??= env.setTimer(delayMs, () => {
      timer = null
      send()
    })
  }

  function send(): Promise<void> {
    timer?.cancel()
    timer = null
    sending ??= sendOnce().finally(() => {
      sending = null
      if (waiting.length > 0) later(tries > 0 ? backoffMs(env, tries, limits.gatherMs, 30_000) : waiting.length >= limits.batch ? 0 : limits.gatherMs)
    })
    return sending
  }

  async function sendOnce(): Promise<void> {
    const batch = waiting.slice(0, limits.batch)
    if (batch.length === 0) return
    const outcome = await post(JSON.stringify(otlpRequest(batch, resource, version)))
    if (outcome === 'again' && ++tries < limits.tries) return
    waiting = waiting.slice(batch.length)
    tries = 0
    if (outcome === 'taken') exported += batch.length
    else dropped += batch.length
  }

  async function post(body: string): Promise<'taken' | 'refused' | 'again'> {
    let why: string
    let again = true
    try {
      const signal = AbortSignal.timeout(limits.timeoutMs)
      const reply = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body, signal })
      await reply.arrayBuffer()
      if (reply.ok) {
        silent = false
        return 'taken'
      }
      why = `it answered ${reply.status}`
      again = RETRY.has(reply.status)
    } catch (error) {
      why = error instanceof Error ? error.message : String(error)
    }
    if (!silent) env.log.warn({ collector: url, why }, 'spans could not be exported')
    silent = true
    return again ? 'again' : 'refused'
  }

  return {
    take(span) {
      if (waiting.length >= limits.queue) {
        dropped++
        return
      }
      waiting.push(span)
      if (sending) return
      if (waiting.length >= limits.batch && tries === 0) send()
      else later(limits.gatherMs)
    },
    stats: () => ({ exported, dropped, waiting: waiting.length }),
    async close() {
      await sending
      timer?.cancel()
      await sendOnce()
      timer?.cancel()
    },
  }
}
