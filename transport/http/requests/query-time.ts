/** Times as queries say them. */
import { badRequest, printable } from './errors.ts'

const DATE = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?)?$/

/** Ms since 1970 of an ISO 8601 time, which is UTC unless it says otherwise. Throws 400. */
export function timeOf(field: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const ms = DATE.test(text) ? Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(text) || text.length === 10 ? text : `${text}Z`) : Number.NaN
  // A + in a query is a space once it is decoded; people forget to write it as %2B.
  if (!(ms >= 0)) throw badRequest(`Invalid input for ${field}: it must be a time such as 2026-01-31T12:00:00Z, not ${printable(text)}.`)
  return ms
}

/** A span of times of change, both ends included; what is absent is open. */
export interface Span {
  readonly from?: number
  readonly to?: number
}

/** What `changes-since` and `changes-before` ask for, null for nothing. Throws 400 when no time lies between them. */
export function changedIn(query: { readonly 'changes-since'?: string; readonly 'changes-before'?: string }): Span | null {
  const from = timeOf('changes-since', query['changes-since'])
  const to = timeOf('changes-before', query['changes-before'])
  if (from !== undefined && to !== undefined && from > to) {
    throw badRequest('Invalid input for changes-since: it must not be later than changes-before.')
  }
  return from === undefined && to === undefined ? null : { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) }
}
