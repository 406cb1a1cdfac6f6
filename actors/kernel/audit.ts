/**
 * A line of the audit log: who asked for what, of what, and what became of it. Never what a body held: that may be a password.
 *
 * The log is one chain for the whole cluster. Each line carries the hash of the line before, over number, time and text, so a line that is
 * changed, taken out or put in between breaks the chain behind it. Whoever can write the whole table can also compute a new chain: keep the
 * newest hash elsewhere (`baton audit verify` prints it) and compare.
 */
import { type Check, checkObject, integer, text } from './check.ts'

export interface AuditLine {
  /** Of the request; a line told twice is written once. */
  readonly requestId: string
  /** User and project behind the token; null where there are no identities, and before there is a token. */
  readonly user: string | null
  readonly project: string | null
  /** Method and pattern of the path, and of a server action its name: `POST /compute/v2.1/servers/:id/action os-start`. */
  readonly action: string
  /** What stood for `:id` in the path; null where the path has none. */
  readonly target: string | null
  /** HTTP status of the answer. */
  readonly status: number
}

/** As it stands in the log. Times are cluster time, ms since 1970. */
export interface AuditEntry extends AuditLine {
  readonly seq: number
  readonly at: number
  readonly hash: string
}

/** A place in the chain: the number and hash of a line. Number 0 is before the first. */
export interface AuditMark {
  readonly seq: number
  readonly hash: string
}

export interface AuditVerdict {
  /** Lines looked at. */
  readonly lines: number
  /** Where it stopped; going on from there is the next part. */
  readonly upTo: AuditMark
  /** True when there is nothing behind it. */
  readonly isEnd: boolean
  /** The first line that does not fit, and why; null when all fit. */
  readonly broken: { readonly seq: number; readonly why: string } | null
}

/** What is hashed: the mark before, and the line's number, time and text. */
export const hashedText = (before: string, seq: number, at: number, line: string): string => `${before}\n${seq}\n${at}\n${line}`

const orNull =
  (check: Check): Check =>
  value =>
    value === null ? null : check(value)

export const checkAuditLine = checkObject({
  requestId: text(128),
  user: orNull(text(256, 0)),
  project: orNull(text(256, 0)),
  action: text(400),
  target: orNull(text(256, 0)),
  status: integer(100, 599),
})

/** Lines in one message at most. */
export const AUDIT_BATCH = 500

/** Where the log is kept. */
export interface AuditLog {
  /** Appends what is not there yet, in order; when it resolves, it is on disk. */
  append(lines: readonly AuditLine[]): Promise<void>
  /** Newest first, those before `before`. */
  list(query: { readonly limit: number; readonly before?: number }): Promise<AuditEntry[]>
  /** Looks at up to `limit` lines behind `after`; without it, from the oldest that is kept. */
  verify(query: { readonly limit: number; readonly after?: AuditMark }): Promise<AuditVerdict>
}
