/** What nodes remember, as it comes over HTTP. */
import { LOG_LEVELS, type LogLine, type NodeReport, type TracedSpan } from '../../actors/api.ts'
import { type Guard, isNumber, isRecord, isText, listOf, nullable, oneOf, recordOf, shape } from './guards.ts'

const isAttribute: Guard<string | number | boolean> = (value): value is string | number | boolean =>
  ['string', 'number', 'boolean'].includes(typeof value)

const isSpan: Guard<TracedSpan> = shape({
  ...{ node: isText, traceId: isText, spanId: isText, parentId: nullable(isText), name: isText, kind: oneOf('server', 'client', 'internal') },
  ...{ startMs: isNumber, endMs: isNumber, attributes: recordOf(isAttribute), error: nullable(isText) },
})

export const isTrace = shape({ traceId: isText, spans: listOf(isSpan), silent: listOf(isText) })

const isLine: Guard<LogLine> = shape({
  ...{ node: isText, seq: isNumber, at: isNumber, level: oneOf(...LOG_LEVELS), message: isText, fields: isRecord },
})

export const isLogs = shape({ lines: listOf(isLine), silent: listOf(isText) })

export const isReport: Guard<NodeReport> = shape({
  ...{ node: isText, role: isText, version: isText, engine: isText, platform: isText, uptimeSeconds: isNumber },
  ...{ config: isRecord, metrics: isText, logs: listOf(isLine) },
})

/** What is missing, for people; nothing when every node has answered. */
export function sayWhoIsSilent(silent: readonly string[]): void {
  if (silent.length > 0) process.stderr.write(`no answer from ${silent.join(', ')}: what they know is missing here\n`)
}
