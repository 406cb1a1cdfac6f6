/**
 * From any error to Nova's error body: `{ "<name by status>": { "code": <status>, "message": <text> } }`.
 *
 * Three sources: faults of the cluster (the table in `actors/kernel/errors.ts`), refusals that only HTTP knows
 * (`HttpRefusal`), and what fastify itself refuses. Anything else is a defect: it is logged under the request id, and the
 * client learns that id and nothing more.
 */
import { STATUS_CODES } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Logger } from '../../../actors/kernel/env.ts'
import { BatonError, ERRORS, type ErrorCode } from '../../../actors/kernel/errors.ts'
import { isPlacement } from '../context.ts'
import { isStreamed } from './streamed.ts'
import { traceOf } from './trace.ts'

/** Nova's names (nova/api/openstack/wsgi.py, Fault); every other status is a `computeFault`. */
const FAULT_NAMES: Readonly<Record<number, string>> = {
  400: 'badRequest',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'itemNotFound',
  405: 'badMethod',
  409: 'conflictingRequest',
  413: 'overLimit',
  415: 'badMediaType',
  429: 'overLimit',
  501: 'notImplemented',
  503: 'serviceUnavailable',
}

/** Faults whose message speaks of the cluster's inside. The client gets the table's sentence, the log the message. */
const INSIDE: ReadonlySet<ErrorCode> = new Set(['JournalRefused', 'Database', 'DataFolder', 'PortInUse', 'ConfigInvalid', 'Fenced', 'Moved'])

/**
 * Faults that mean something else here than between nodes. A conductor without the method is older than this gateway, and a
 * 404 for that would tell a client that its instance is gone.
 */
const STATUS_HERE: Partial<Record<ErrorCode, number>> = { UnknownMethod: 503, VersionMismatch: 503 }

/** What fastify refuses by itself, in our words. */
const FRAMEWORK: Readonly<Record<string, { readonly status: number; readonly code: ErrorCode; readonly message: string }>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: { status: 413, code: 'TooLarge', message: 'The request body is too large.' },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: { status: 415, code: 'BadRequest', message: 'The body must be JSON: send Content-Type: application/json.' },
  FST_ERR_CTP_INVALID_JSON_BODY: { status: 400, code: 'BadRequest', message: 'The request body is not valid JSON.' },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: { status: 400, code: 'BadRequest', message: 'The body does not have the length its header gives.' },
  FST_ERR_BAD_URL: { status: 400, code: 'BadRequest', message: 'The URL is malformed.' },
  FST_ERR_MAX_PARAM_LENGTH: { status: 404, code: 'NotFound', message: 'The resource could not be found.' },
}

/** A refusal with a status that the error table does not have (405, 406, 414 …). */
export class HttpRefusal extends Error {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message)
    this.status = status
    this.headers = headers
  }
}

export interface Problem {
  readonly status: number
  readonly code: ErrorCode
  readonly message: string
  readonly headers: Readonly<Record<string, string>>
  /** True when the log should have the error itself, because the client does not get it. */
  readonly hidden: boolean
}

export const badRequest = (message: string): BatonError => new BatonError('BadRequest', message)

export const notFound = (what: string, id: string): BatonError => new BatonError('NotFound', `${what} ${printable(id)} could not be found.`)

/** Text of a client as it may stand in a message: short and on one line. */
export const printable = (text: string): string => JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text).slice(1, -1)

/** `retryAfter`, in seconds, is in the body where a limit is to be waited for, as Nova's Fault has it. */
export const faultBody = (status: number, message: string, retryAfter?: string): object => ({
  [FAULT_NAMES[status] ?? 'computeFault']: { code: status, message, ...(status === 429 && retryAfter !== undefined ? { retryAfter } : {}) },
})

const isIdentity = (url: string): boolean => /^\/identity(?:[/?]|$)/.test(url)

/** Keystone's error body. */
const keystoneFault = (status: number, message: string) => ({ error: { code: status, message, title: STATUS_CODES[status] ?? 'Error' } })

/** Placement's code of an error, since 1.23. */
function placementCode(error: unknown): string {
  if (!(error instanceof BatonError) || error.code !== 'Conflict') return 'placement.undefined_code'
  if (error.details?.generation !== undefined) return 'placement.concurrent_update'
  return error.details?.inUse === undefined ? 'placement.undefined_code' : 'placement.inventory.inuse'
}

/** Placement's error body. */
function placementFault({ status, message }: Problem, error: unknown, { id, placementMinor }: FastifyRequest) {
  const code = placementMinor < ERROR_CODE_MINOR ? {} : { code: placementCode(error) }
  return { errors: [{ status, title: STATUS_CODES[status] ?? 'Error', detail: message, request_id: id, ...code }] }
}

/** The microversion 1.N since which Placement's errors have a code. */
const ERROR_CODE_MINOR = 23

/** The error body of the service that a request went to. */
function bodyOf(problem: Problem, error: unknown, request: FastifyRequest): object {
  if (isPlacement(request.url)) return placementFault(problem, error, request)
  if (isIdentity(request.url)) return keystoneFault(problem.status, problem.message)
  return faultBody(problem.status, problem.message, problem.headers['retry-after'])
}

const plain = (status: number, code: ErrorCode, message: string): Problem => ({ status, code, message, headers: {}, hidden: false })

const defect = (requestId: string): Problem => ({
  status: 500,
  code: 'Internal',
  message: `Unexpected API error. The log of the gateway has the details under ${requestId}.`,
  headers: {},
  hidden: true,
})

/** Seconds for Retry-After, at least 1. */
const retryAfter = (ms: number | undefined): string => String(Math.max(1, Math.ceil((ms ?? 1_000) / 1_000)))

function clusterProblem(error: BatonError, requestId: string): Problem {
  if (error.code === 'Internal') return defect(requestId)
  const status = STATUS_HERE[error.code] ?? ERRORS[error.code].http
  const hidden = INSIDE.has(error.code) || error.code in STATUS_HERE
  return {
    status,
    code: error.code,
    message: hidden ? ERRORS[error.code].meaning : error.message,
    headers: status === 503 || status === 429 ? { 'retry-after': retryAfter(error.retryAfterMs) } : {},
    hidden,
  }
}

/** What the client is told about `error`. */
export function problemOf(error: unknown, requestId: string): Problem {
  if (error instanceof BatonError) return clusterProblem(error, requestId)
  if (error instanceof HttpRefusal)
    return { ...plain(error.status, error.status === 401 ? 'Unauthorized' : 'BadRequest', error.message), headers: error.headers }
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') {
    const known = FRAMEWORK[error.code]
    if (known) return plain(known.status, known.code, known.message)
  }
  return defect(requestId)
}

/** Answers with `error` in Nova's shape, and logs what is not told to the client. */
export function sendError(error: unknown, request: FastifyRequest, reply: FastifyReply, log: Logger): FastifyReply {
  const { raw } = request
  // Nobody reads this answer; what the parser makes of half a body is no defect of ours.
  const left = raw.destroyed && raw.complete === false
  const problem = left ? plain(400, 'BadRequest', 'The connection ended before the request was complete.') : problemOf(error, request.id)
  if (problem.hidden) {
    const trace = traceOf(request)
    const fields = {
      requestId: request.id,
      ...(trace === undefined ? {} : { trace }),
      method: request.method,
      path: request.url.split('?', 1)[0],
      error,
    }
    if (problem.status === 503) log.warn(fields, 'a request could not be served')
    else log.error(fields, 'a request failed unexpectedly')
  }
  // What was left unread of a refused body would be taken for the next request.
  if (problem.status === 413 || (raw.complete === false && isStreamed(request))) reply.header('connection', 'close')
  return reply
    .code(problem.status)
    .headers({ ...problem.headers, ...requestIdHeaders(request.id), 'x-baton-error': problem.code })
    .type('application/json; charset=utf-8')
    .send(bodyOf(problem, error, request))
}

export const requestIdHeaders = (id: string): Record<string, string> => ({ 'x-openstack-request-id': id, 'x-compute-request-id': id })
