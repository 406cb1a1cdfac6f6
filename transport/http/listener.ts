/**
 * The socket side of the HTTP face: with or without TLS, its times and sizes, and what is said to those who speak no HTTP. A slow sender has
 * `headersTimeoutMs` for its headers and `requestTimeoutMs` for all of it, whether it says how long its body is or sends chunks without
 * an end; who stops reading has `idleTimeoutMs`. A balancer may keep connections for `keepAliveTimeoutMs`: longer than it wants to itself (usually
 * 60 s), or it would send a request into a connection that ends just then.
 */
import { randomUUID } from 'node:crypto'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { Socket } from 'node:net'
import type { FastifyRequest } from 'fastify'
import type { HttpLimits } from './limits.ts'
import { faultBody, requestIdHeaders } from './requests/errors.ts'
import { TLS_MIN, type TlsPair } from './tls.ts'

/** How often Node looks for requests that are late. */
const LOOK_MS = 5_000

/** `tls` null speaks HTTP in the clear. Nothing listens yet. */
export function createListener(limits: HttpLimits, tls: TlsPair | null, handler: RequestListener): Server {
  const headersTimeout = Math.min(limits.headersTimeoutMs, limits.requestTimeoutMs)
  const options = {
    maxHeaderSize: limits.headerBytes,
    headersTimeout,
    // Node's would be for all requests alike, and there are some whose body may take hours; `limitBody` is asked for each.
    requestTimeout: 0,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: Math.min(LOOK_MS, headersTimeout),
  }
  const server = tls
    ? createTlsServer({ ...options, ...tls, minVersion: TLS_MIN, handshakeTimeout: headersTimeout }, handler)
    : createServer(options, handler)
  server.setTimeout(limits.idleTimeoutMs)
  server.maxConnections = limits.maxConnections
  return server
}

/** Refuses a request that has not arrived in full within so long. One that came over no socket was there as a whole. */
export function limitBody({ raw }: FastifyRequest, timeoutMs: number): void {
  if (raw.complete || !(raw.socket instanceof Socket)) return
  const late = setTimeout(() => {
    if (!raw.complete) refuseConnection(Object.assign(new Error('the request is late'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), raw.socket)
  }, timeoutMs)
  late.unref()
  for (const event of ['end', 'close']) raw.once(event, () => clearTimeout(late))
}

/** What Node's parser refuses, before there is a request. */
const PARSER_REFUSALS: Readonly<Record<string, { readonly status: number; readonly message: string }>> = {
  HPE_HEADER_OVERFLOW: { status: 431, message: 'The request line and headers are too large.' },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: { status: 413, message: 'The chunk extensions are too large.' },
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, message: 'The request did not arrive in full in time.' },
}

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  413: 'Payload Too Large',
  431: 'Request Header Fields Too Large',
}

/** Answers what is no request, and ends the connection. */
export function refuseConnection(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return
  const { status, message } = PARSER_REFUSALS[error.code ?? ''] ?? { status: 400, message: 'This is not a valid HTTP request.' }
  const id = `req-${randomUUID()}`
  const body = JSON.stringify(faultBody(status, message))
  const headers = Object.entries({
    'content-type': 'application/json; charset=utf-8',
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
    ...requestIdHeaders(id),
  })
  if (socket.writable)
    socket.write(`HTTP/1.1 ${status} ${REASONS[status]}\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`)
  socket.destroySoon()
}
