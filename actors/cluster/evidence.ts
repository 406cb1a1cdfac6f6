/** What nodes remember of late, as others see it: spans, lines of their logs, and what there is to say about a node in a bug report. */
import { anyOf, type Check, checkObject, integer, listOf, optional, text } from '../kernel/check.ts'
import type { Span } from '../kernel/tracing.ts'

export interface TracedSpan extends Span {
  readonly node: string
}

export interface TraceBody {
  readonly traceId: string
  /** Those that some node still remembers, by begin. */
  readonly spans: readonly TracedSpan[]
  /** Nodes that did not answer; spans may be missing. */
  readonly silent: readonly string[]
}

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

export interface LogLine {
  readonly node: string
  /** Number of the line in this life of its node. */
  readonly seq: number
  /** Ms since 1970, by the clock of the node. */
  readonly at: number
  readonly level: LogLevel
  readonly message: string
  /** What stands beside the message: `requestId`, `operation`, `instance` and others. */
  readonly fields: Readonly<Record<string, unknown>>
}

/** Which lines of a node. */
export interface LogQuery {
  /** Those in which every one of these texts stands: ids of requests, operations, instances. */
  readonly mentions?: readonly string[]
  /** This level and worse. */
  readonly level?: LogLevel
  /** The newest so many. */
  readonly limit?: number
}

export interface ListLogs extends LogQuery {
  /** Of one node; of all by default. */
  readonly node?: string
  /** By node, the place to go on from: what `upTo` of an earlier answer said. */
  readonly after?: Readonly<Record<string, LogMark>>
}

/** A place in the log of one life of a node. */
export interface LogMark {
  readonly life: string
  readonly seq: number
}

export interface LogsBody {
  readonly lines: readonly LogLine[]
  readonly upTo: Readonly<Record<string, LogMark>>
  readonly silent: readonly string[]
}

/** What one node says of itself for a bug report; nothing in it is secret. */
export interface NodeReport {
  readonly node: string
  readonly role: string
  readonly version: string
  readonly engine: string
  readonly platform: string
  readonly uptimeSeconds: number
  /** The settings in force, by key. */
  readonly config: Readonly<Record<string, unknown>>
  /** In Prometheus' text format. */
  readonly metrics: string
  readonly logs: readonly LogLine[]
}

/** Lines of one answer, at most. */
export const MOST_LINES = 2000

const id = text(256)
const mark = checkObject({ life: text(64), seq: integer(0, Number.MAX_SAFE_INTEGER) })
const query = { mentions: optional(listOf(id, 10)), level: optional(anyOf(...LOG_LEVELS)), limit: optional(integer(1, MOST_LINES)) }
const marks: Check = value => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'must be an object'
  const entries = Object.values(value)
  if (entries.length > 10_000) return 'must have at most 10000 nodes'
  for (const entry of entries) {
    const wrong = mark(entry)
    if (wrong) return wrong
  }
  return null
}

export const checkListLogs = checkObject({ ...query, node: optional(id), after: optional(marks) })
export const checkNodeLogs = checkObject({ ...query, after: optional(mark) })
export const checkSpans = checkObject({ traceId: optional(text(32)), requestId: optional(text(128)) })

/** What nodes remember of what they did. */
export interface EvidenceApi {
  /** The spans that nodes remember of a trace; `id` is a trace id, a request's or an operation's. Rejects `NotFound`. */
  getTrace(args: { readonly id: string }): Promise<TraceBody>
  /** The newest lines of the logs, by time. Rejects `NotFound` for a node that nobody knows of. */
  listLogs(args: ListLogs): Promise<LogsBody>
  /** What a node says of itself for a bug report. Rejects `Unavailable` when it does not answer. */
  nodeReport(args: { readonly id: string }): Promise<NodeReport>
}
