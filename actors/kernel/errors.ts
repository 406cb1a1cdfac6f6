/**
 * The one table of errors. Every refusal that leaves an actor, a node, the API or the CLI has a code from here.
 * `http` is the status the API answers with; `retry` says whether the same request may succeed later by itself.
 * ERRORS in the README's reference section is generated from this table; a test compares the two.
 */

interface ErrorEntry {
  readonly http: number
  readonly retry: boolean
  readonly meaning: string
}

export const ERRORS = {
  BadRequest: { http: 400, retry: false, meaning: 'The request is malformed; the message names the field.' },
  NotFound: { http: 404, retry: false, meaning: 'No such instance, flavor, image, host, operation or node.' },
  Conflict: { http: 409, retry: false, meaning: 'The subject is in a state that does not allow this; the message says which would.' },
  Unauthorized: { http: 401, retry: false, meaning: 'The request has no valid token, or the credentials are wrong.' },
  TooManyAttempts: { http: 429, retry: false, meaning: 'Too many wrong passwords from there or for that user; wait as long as the answer says.' },
  TooManyRequests: { http: 429, retry: true, meaning: 'The token, the project or the address sends more than its rate; retry after the given time.' },
  Forbidden: { http: 403, retry: false, meaning: 'A limit or a rule forbids it.' },
  QuotaExceeded: { http: 403, retry: false, meaning: 'A quota of the project does not allow it; the message says which, and with what numbers.' },
  TooLarge: { http: 413, retry: false, meaning: 'The message or body exceeds its limit.' },
  StorageFull: { http: 413, retry: false, meaning: 'The image store has no room left for these bytes.' },
  NoValidHost: { http: 409, retry: false, meaning: 'No host passed every filter; the message counts why.' },
  HostRefused: { http: 409, retry: false, meaning: 'The host has no room for the claim, or takes none now.' },
  DriverFault: { http: 500, retry: false, meaning: 'The hypervisor driver could not do what it was told.' },
  DriverUnsupported: { http: 501, retry: false, meaning: 'This driver cannot do that.' },
  GuestFailed: {
    http: 409,
    retry: false,
    meaning: 'The agent inside the guest could not do it, or did not come to life; the message has its words.',
  },
  StaleCommand: { http: 409, retry: false, meaning: 'A newer command for this instance was seen; this one came too late.' },
  LeaseExpired: {
    http: 503,
    retry: true,
    meaning: 'The host had lost its right to run this instance while the command was under way; it started nothing.',
  },
  FenceFailed: { http: 500, retry: false, meaning: 'The fence command failed or took too long; the message has its last words.' },
  WebhookFailed: { http: 500, retry: false, meaning: 'The receiver of alerts did not take one; it is told again after a pause.' },
  Cancelled: { http: 409, retry: false, meaning: 'The operation was cancelled.' },
  DeadlineExceeded: { http: 503, retry: true, meaning: 'No answer before the deadline; it may or may not have been done.' },
  Overloaded: { http: 503, retry: true, meaning: 'A queue is full. Retry after the given time; add a conductor if it persists.' },
  Unavailable: { http: 503, retry: true, meaning: 'No conductor can take this now (starting, moving, or the database is away).' },
  Moved: { http: 503, retry: true, meaning: 'The shard lives elsewhere; nodes follow the map by themselves.' },
  Fenced: { http: 503, retry: true, meaning: 'This conductor was declared dead; it stops writing and joins again.' },
  Poisoned: { http: 500, retry: false, meaning: 'The actor failed too often and was set aside; see `baton status`.' },
  UnknownMethod: { http: 404, retry: false, meaning: 'The receiver has no such method, or the sender may not call it.' },
  VersionMismatch: { http: 400, retry: false, meaning: 'The peers share no protocol version; upgrade the older one.' },
  JournalRefused: { http: 500, retry: false, meaning: 'The database refused the data itself; nothing was written.' },
  Internal: { http: 500, retry: false, meaning: 'A defect in Baton. The log of the node has the details under the request id.' },
  ConfigInvalid: { http: 400, retry: false, meaning: 'baton.yaml, the environment or a flag has an unknown key or a wrong value.' },
  DataFolder: { http: 500, retry: false, meaning: 'The data folder is in use, unwritable, or of another version.' },
  Database: { http: 503, retry: true, meaning: 'The database cannot be reached or refuses the credentials.' },
  PortInUse: { http: 500, retry: false, meaning: 'Another process listens on the port.' },
  NotRunning: { http: 503, retry: true, meaning: 'No cluster answers at the endpoint.' },
} as const satisfies Record<string, ErrorEntry>

export type ErrorCode = keyof typeof ERRORS

/** An error as plain data: what is journalled, sent over links and shown to people. */
export interface Fault {
  readonly code: ErrorCode
  readonly message: string
  /** Milliseconds after which a retry makes sense. */
  readonly retryAfterMs?: number
  /** Numbers and names behind the message, for programs. */
  readonly details?: Record<string, unknown>
}

export class BatonError extends Error {
  readonly code: ErrorCode
  readonly retryAfterMs: number | undefined
  readonly details: Record<string, unknown> | undefined

  constructor(code: ErrorCode, message: string, more: { retryAfterMs?: number; details?: Record<string, unknown>; cause?: unknown } = {}) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause })
    this.name = 'BatonError'
    this.code = code
    this.retryAfterMs = more.retryAfterMs
    this.details = more.details
  }
}

/** Any thrown value as a fault. What is not a BatonError becomes `Internal`, without its stack. */
export function toFault(error: unknown): Fault {
  if (error instanceof BatonError) {
    const fault: { -readonly [K in keyof Fault]: Fault[K] } = { code: error.code, message: error.message }
    if (error.retryAfterMs !== undefined) fault.retryAfterMs = error.retryAfterMs
    if (error.details !== undefined) fault.details = error.details
    return fault
  }
  return { code: 'Internal', message: error instanceof Error ? error.message : String(error) }
}

export const toError = (fault: Fault): BatonError => new BatonError(isErrorCode(fault.code) ? fault.code : 'Internal', fault.message, fault)

export const isErrorCode = (code: unknown): code is ErrorCode => typeof code === 'string' && Object.hasOwn(ERRORS, code)

/** True for faults of the way (links, load, moves), which say nothing about whether the request was wrong. */
export const isTransient = (fault: Pick<Fault, 'code'>): boolean => ERRORS[fault.code]?.retry ?? false
