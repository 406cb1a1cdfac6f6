/**
 * Requests to a gateway. Answers are checked by a guard; refusals become `BatonError`s again. A request that is safe
 * to repeat is repeated while the cluster answers 503, for at most `RETRY_FOR_MS`: shards move, the database restarts.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { BatonError, type ErrorCode, toError } from '../../actors/kernel/errors.ts'
import { isFault } from './bodies.ts'
import { credentialsFor, trustAuthority } from './credentials.ts'
import { type Guard, isRecord, isText } from './guards.ts'

/** The first of Nova's microversions that knows `networks: none`. */
const MICROVERSION = 'compute 2.37'
const REQUEST_TIMEOUT_MS = 60_000
const RETRY_FOR_MS = 15_000
const RETRY_MAX_WAIT_MS = 2000
const AGAIN: ReadonlySet<ErrorCode> = new Set(['Unavailable', 'Overloaded', 'Moved', 'TooManyRequests'])

export interface RequestOptions {
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** True when doing it twice is the same as doing it once. Default: GET and DELETE. */
  readonly repeatable?: boolean
}

export interface Answer<T> {
  readonly body: T
  /** The gateway's name for this request; operations carry it. */
  readonly requestId: string | null
  /** Where to look at what was asked for, when the answer says so. */
  readonly location: string | null
}

export interface Client {
  readonly endpoint: string
  /** Rejects with the gateway's refusal, `NotRunning`, `DeadlineExceeded`, or `VersionMismatch` for an answer of another shape. */
  request<T>(method: string, path: string, guard: Guard<T>, options?: RequestOptions): Promise<Answer<T>>
  /** Sends bytes as they come; once, since they cannot be sent again. Takes as long as it takes. Rejects as `request` does. */
  upload(path: string, bytes: AsyncIterable<Uint8Array>, sizeBytes: number): Promise<void>
  /** The body of an answer as it comes, and its length when the answer says so. Rejects as `request` does. */
  download(path: string): Promise<{ readonly bytes: AsyncIterable<Uint8Array>; readonly sizeBytes: number | null }>
  /** The lines of a stream of JSON, as they come. Rejects as `request` does; ends when the gateway ends it. */
  lines(path: string, signal: AbortSignal): AsyncGenerator<unknown>
}

export function httpClient(endpoint: string): Client {
  return {
    endpoint,
    async request(method, path, guard, options = {}) {
      const response = await patiently(options.repeatable ?? (method === 'GET' || method === 'DELETE'), () =>
        send(endpoint, method, path, options, AbortSignal.timeout(REQUEST_TIMEOUT_MS)),
      )
      const body = parse(await read(response, endpoint))
      if (!guard(body))
        throw new BatonError('VersionMismatch', `the answer of ${endpoint}${path} has an unknown shape; is the cluster of another version?`)
      const { headers } = response
      return { body, requestId: headers.get('x-openstack-request-id') ?? headers.get('x-compute-request-id'), location: headers.get('location') }
    },
    async upload(path, bytes, sizeBytes) {
      const headers = { 'content-type': 'application/octet-stream', 'content-length': String(sizeBytes) }
      // A token is got by a request that can be sent again.
      await this.request('GET', '/image/v2/info/stores', (body): body is unknown => body !== undefined)
      const stream = { body: ReadableStream.from(bytes), headers }
      await read(await once(endpoint, 'PUT', path, stream, new AbortController().signal, tokens.get(endpoint)), endpoint)
    },
    async download(path) {
      const response = await patiently(true, () => send(endpoint, 'GET', path, {}, new AbortController().signal))
      const length = response.headers.get('content-length')
      return { bytes: response.body ?? ReadableStream.from([]), sizeBytes: length === null ? null : Number(length) }
    },
    async *lines(path, signal) {
      const response = await send(endpoint, 'GET', path, {}, signal)
      let rest = ''
      for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
        const parts = (rest + chunk).split('\n')
        rest = parts.pop() ?? ''
        for (const part of parts) if (part.trim() !== '') yield parse(part)
      }
      if (rest.trim() !== '') yield parse(rest)
    },
  }
}

/** By endpoint, the token that this process got. */
const tokens = new Map<string, string>()

/** A token by the credentials there are for this endpoint, null without any. Rejects as the cluster refuses them. */
async function newToken(endpoint: string, signal: AbortSignal): Promise<string | null> {
  const credentials = await credentialsFor(endpoint)
  if (!credentials || 'token' in credentials) return credentials?.token ?? null
  const answer = await once(endpoint, 'POST', '/identity/v3/auth/tokens?nocatalog', { body: credentials.body }, signal)
  await answer.text()
  return answer.headers.get('x-subject-token')
}

/** A token for a connection that is not made by a request. Rejects when the cluster refuses the credentials, or does not answer. */
export const tokenFor = (endpoint: string): Promise<string | null> => newToken(endpoint, AbortSignal.timeout(REQUEST_TIMEOUT_MS))

/** Sends a request; when the cluster asks who it is, says so and sends it again. */
async function send(endpoint: string, method: string, path: string, options: RequestOptions, signal: AbortSignal): Promise<Response> {
  const sent = tokens.get(endpoint)
  try {
    return await once(endpoint, method, path, options, signal, sent)
  } catch (error) {
    if (!(error instanceof BatonError) || error.code !== 'Unauthorized') throw error
    const token = await newToken(endpoint, signal)
    if (token === null || token === sent) throw error
    tokens.set(endpoint, token)
    return once(endpoint, method, path, options, signal, token)
  }
}

async function once(endpoint: string, method: string, path: string, options: RequestOptions, signal: AbortSignal, token?: string): Promise<Response> {
  const url = new URL(`${endpoint}${path}`)
  for (const [name, value] of Object.entries(options.query ?? {})) if (value !== undefined) url.searchParams.set(name, String(value))
  const stream = options.body instanceof ReadableStream ? options.body : null
  const body = stream ?? (options.body === undefined ? null : JSON.stringify(options.body))
  const headers = {
    accept: 'application/json',
    'openstack-api-version': MICROVERSION,
    ...(token === undefined ? {} : { 'x-auth-token': token }),
    ...(body === null ? {} : { 'content-type': 'application/json' }),
    ...(process.env.TRACEPARENT ? { traceparent: process.env.TRACEPARENT } : {}),
    ...options.headers,
  }
  await trustAuthority(endpoint)
  let response: Response
  try {
    response = await fetch(url, { method, headers, body, signal, ...(stream ? { duplex: 'half' as const } : {}) })
  } catch (error) {
    throw connectionFault(error, endpoint)
  }
  if (!response.ok) throw refusal(response.status, response.headers, parse(await read(response, endpoint)))
  return response
}

async function read(response: Response, endpoint: string): Promise<string> {
  try {
    return await response.text()
  } catch (error) {
    throw connectionFault(error, endpoint)
  }
}

function connectionFault(error: unknown, endpoint: string): BatonError {
  if (error instanceof Error && error.name === 'TimeoutError')
    return new BatonError('DeadlineExceeded', `${endpoint} gave no answer within ${REQUEST_TIMEOUT_MS / 1000} s`, { cause: error })
  const cause = error instanceof Error ? error.cause : undefined
  const code = isRecord(cause) && isText(cause.code) ? ` (${cause.code})` : ''
  return new BatonError('NotRunning', `no cluster answers at ${endpoint}${code}`, { cause: error })
}

/** Codes for statuses of answers that carry no code of ours, such as those of a proxy in between. */
const BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  413: 'TooLarge',
  429: 'TooManyRequests',
  502: 'Unavailable',
  503: 'Unavailable',
  504: 'DeadlineExceeded',
}

/**
 * The error behind a refusal. The message is in Nova's body, one named object (`{"itemNotFound": {"code": 404, "message": …}}`);
 * the code of our table is in a header, which a proxy in between does not send.
 */
export function refusal(status: number, headers: Headers, body: unknown): BatonError {
  const inner = isRecord(body) ? Object.values(body).find(isRecord) : undefined
  const message = isText(inner?.message) ? inner.message : `the gateway answered ${status}`
  const named = { code: headers.get('x-baton-error'), message }
  const fault = isFault(named) ? named : { code: BY_STATUS[status] ?? 'Internal', message }
  const retryAfter = headers.get('retry-after')
  return toError(retryAfter !== null && /^\d+$/.test(retryAfter) ? { ...fault, retryAfterMs: Number(retryAfter) * 1000 } : fault)
}

async function patiently<T>(repeatable: boolean, attempt: () => Promise<T>): Promise<T> {
  const until = Date.now() + RETRY_FOR_MS
  for (let waitMs = 200; ; waitMs = Math.min(RETRY_MAX_WAIT_MS, waitMs * 2)) {
    try {
      return await attempt()
    } catch (error) {
      const again = error instanceof BatonError && AGAIN.has(error.code)
      const pauseMs = again ? Math.min(RETRY_MAX_WAIT_MS, error.retryAfterMs ?? waitMs) : 0
      if (!repeatable || !again || Date.now() + pauseMs > until) throw error
      await delay(pauseMs)
    }
  }
}

function parse(content: string): unknown {
  if (content === '') return null
  try {
    return JSON.parse(content)
  } catch {
    return content
  }
}
