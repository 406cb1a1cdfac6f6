/** What a node tells others of what it remembers: the newest spans and log lines, and its own report. Nothing of it is secret. */
import {
  checkNodeLogs,
  checkSpans,
  LOG_LEVELS,
  type LogLevel,
  type LogLine,
  type LogMark,
  type LogQuery,
  type NodeReport,
} from '../../actors/cluster/evidence.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import type { Span } from '../../actors/kernel/tracing.ts'
import { redact, redactText } from './redact.ts'
import type { Ring } from './ring.ts'

export interface NodeLogs {
  readonly lines: readonly LogLine[]
  readonly upTo: LogMark
}

export interface Witness {
  /** Answers `spans`, `logs` and `report`; undefined for another method. Throws `BadRequest`. */
  answer(method: string, args: unknown): Promise<unknown> | undefined
}

export interface WitnessOptions {
  readonly node: string
  /** Names this life of the node. */
  readonly life: string
  readonly spans: Ring<Span>
  /** As they were written: one JSON object each. */
  readonly lines: Ring<string>
  report(): Promise<Omit<NodeReport, 'node' | 'logs'>>
}

const DEFAULT_LINES = 200
/** Characters of one answer, of 4 MiB that a message may have. */
const MOST_CHARS = 1024 * 1024
const REPORTED_LINES = 1000
/** Spans of one answer: a client may put as many requests as it likes into one trace. */
const MOST_SPANS = 2000
/** pino's numbers. */
const LEVELS: Readonly<Record<number, LogLevel>> = { 20: 'debug', 30: 'info', 40: 'warn', 50: 'error' }

/** A line as pino writes it, without what is secret. Null for what is none. */
export function parseLine(node: string, seq: number, text: string): LogLine | null {
  try {
    const { level, time, msg, node: _, pid: __, ...fields } = JSON.parse(text)
    const shown = redact(fields) as Record<string, unknown>
    return { node, seq, at: Date.parse(time), level: LEVELS[level] ?? 'error', message: redactText(String(msg ?? '')), fields: shown }
  } catch {
    return null
  }
}

export function createWitness({ node, life, spans, lines, report }: WitnessOptions): Witness {
  function logs({ mentions = [], level = 'debug', limit = DEFAULT_LINES, after }: LogQuery & { readonly after?: LogMark }): NodeLogs {
    const from = after?.life === life ? after.seq : 0
    const least = LOG_LEVELS.indexOf(level)
    const found: LogLine[] = []
    let chars = 0
    // From the newest back: those are wanted when there are too many.
    for (const { seq, item } of lines.since(from).toReversed()) {
      if (found.length >= limit || chars > MOST_CHARS) break
      if (!mentions.every(mention => item.includes(mention))) continue
      const line = parseLine(node, seq, item)
      if (!line || LOG_LEVELS.indexOf(line.level) < least) continue
      chars += item.length
      found.push(line)
    }
    return { lines: found.reverse(), upTo: { life, seq: lines.newest() } }
  }

  function spansOf({ traceId, requestId }: { readonly traceId?: string; readonly requestId?: string }): Span[] {
    const wanted = spans.since(0).map(({ item }) => item)
    const found = wanted.filter(s => (traceId === undefined ? s.attributes['baton.request_id'] === requestId : s.traceId === traceId))
    return found.slice(-MOST_SPANS)
  }

  const checked = <T>(what: string, wrong: string | null, args: unknown): T => {
    if (wrong) throw new BatonError('BadRequest', `${what}: ${wrong}`)
    return args as T
  }

  return {
    answer(method, args) {
      switch (method) {
        case 'spans':
          return Promise.resolve(spansOf(checked('spans', checkSpans(args), args)))
        case 'logs':
          return Promise.resolve(logs(checked('logs', checkNodeLogs(args), args)))
        case 'report':
          return report().then((about): NodeReport => ({ node, ...about, logs: logs({ limit: REPORTED_LINES }).lines }))
        default:
          return undefined
      }
    },
  }
}
