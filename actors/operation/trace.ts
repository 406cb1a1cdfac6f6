/**
 * The spans of an operation, from its row alone. Their ids follow from the operation's id, so the commands of a step can name their span
 * before it has ended, and a conductor that takes the operation over goes on with the very same spans.
 */
import type { Requester } from '../kernel/requester.ts'
import { derivedSpanId, derivedTraceId, parseTrace, type Span, traceText } from '../kernel/tracing.ts'
import type { OperationBody, StepRecord } from './body.ts'

type Named = Pick<StepRecord, 'name' | 'direction' | 'startedAt'>

const operationSpan = (id: string): string => derivedSpanId(`operation ${id}`)
const stepSpan = (id: string, { name, direction, startedAt }: Named): string => derivedSpanId(`${direction} ${name} of ${id} at ${startedAt}`)

/**
 * On whose behalf an operation is that the cluster begins by itself: it has a trace of its own, recorded when that of the verdict is. The ids
 * follow from the operation's, so whoever decides the same again after a crash begins the same trace. `verdict` is a `traceparent`.
 */
export function byVerdict(operation: string, verdict: string | undefined): { readonly by?: Requester } {
  if (verdict === undefined || !parseTrace(verdict)?.isSampled) return {}
  return { by: { trace: traceText(derivedTraceId(`trace of ${operation}`), operationSpan(operation)), verdict } }
}

/** The `traceparent` of what an operation does now: that of its step under way, or of itself. Undefined when it is not traced. */
export function operationTrace(id: string, trace: string | undefined, steps: readonly Named[] = []): string | undefined {
  const parent = parseTrace(trace)
  if (!parent?.isSampled) return undefined
  const step = steps.at(-1)
  return traceText(parent.traceId, step ? stepSpan(id, step) : operationSpan(id))
}

/** The spans that ended at `at`, cluster time: steps, and the operation itself. The clock of spans is `aheadMs` ahead of cluster time. */
export function operationSpans(body: OperationBody, at: number, aheadMs = 0): Span[] {
  const { id, kind, subject, requestId, by, steps, startedAt, endedAt, status, fault } = body
  const parent = parseTrace(by?.trace)
  if (!parent?.isSampled) return []
  const { traceId } = parent
  const common = { traceId, kind: 'internal' } as const
  const about = { 'baton.operation': id, 'baton.subject': subject, 'baton.request_id': requestId }
  const verdict = parseTrace(by?.verdict)
  const spans: Span[] = steps
    .filter(step => step.endedAt === at)
    .map(step => ({
      ...common,
      spanId: stepSpan(id, step),
      parentId: operationSpan(id),
      name: `${step.direction === 'undo' ? 'undo of step' : 'step'} ${step.name}`,
      startMs: step.startedAt + aheadMs,
      endMs: at + aheadMs,
      attributes: { ...about, 'baton.attempt': step.attempt },
      error: step.state === 'failed' ? (step.fault?.message ?? 'failed') : null,
    }))
  // Its end is known when its subject has taken the report, a commit later than it happened.
  if (endedAt !== null)
    spans.push({
      ...common,
      spanId: operationSpan(id),
      // The span of a request, or its own where the trace begins with it.
      parentId: parent.spanId === operationSpan(id) ? null : parent.spanId,
      name: `operation ${kind}`,
      startMs: startedAt + aheadMs,
      endMs: endedAt + aheadMs,
      attributes: { ...about, 'baton.outcome': status, ...(verdict ? { 'baton.verdict': verdict.traceId } : {}) },
      ...(by?.verdict === undefined ? {} : { links: [by.verdict] }),
      error: status === 'done' ? null : (fault?.message ?? status),
    })
  return spans
}
