/**
 * `/console` on the gateway's HTTP server: takes the WebSocket handshakes, and holds the connections. Who is refused before the handshake
 * gets an HTTP answer that says why; who is refused later is closed with a code of `CLOSE`.
 */

import { type IncomingMessage, type Server, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import type { ClusterApi } from '../../actors/api.ts'
import type { IdentityGate } from '../../actors/identity/api.ts'
import type { Env, Timer } from '../../actors/kernel/env.ts'
import { isOwn } from '../http/origins.ts'
import { createAccess } from './access.ts'
import { createFrames } from './frames.ts'
import { createHistoryReader } from './history.ts'
import type { Hub } from './hub.ts'
import { CLOSE, CONSOLE_PATH, PROTOCOL, TOKEN_PREFIX } from './messages.ts'
import { createSession, SESSION_LIMITS, type Session, type SessionLimits } from './session.ts'
import { createTurns } from './turns.ts'

export interface ConsoleLimits extends SessionLimits {
  readonly clients: number
  /** Pause between two pings, and silence after which a client is gone, ms. */
  readonly pingMs: number
  readonly silentMs: number
  /** Handshakes done in a row, before others of this process have their turn and again after `handshakeMs`. */
  readonly handshakes: number
  readonly handshakeMs: number
  /** Characters of rows in one message. A single row may be larger. */
  readonly messageChars: number
  /** Clients that are told what is large at a time, and for how long one of them may hold up those who wait, ms. */
  readonly turns: number
  readonly turnMs: number
}

export const CONSOLE_LIMITS: ConsoleLimits = {
  ...SESSION_LIMITS,
  ...{ clients: 2000, pingMs: 20_000, silentMs: 90_000 },
  ...{ handshakes: 20, handshakeMs: 20, messageChars: 64 * 1024, turns: 16, turnMs: 250 },
}

export interface ConsoleOptions {
  readonly env: Env
  readonly hub: Hub
  readonly api: ClusterApi
  /** Left out, anybody may watch anything. */
  readonly identity?: { readonly gate: IdentityGate; readonly rules: readonly string[] }
  /** Origin of a console that is served from elsewhere; left out, only pages from here may watch. */
  readonly consoleOrigin?: string | null
  readonly about: { readonly gateway: string; readonly version: string }
  readonly limits?: Partial<ConsoleLimits>
}

export interface ConsoleServer {
  attach(server: Server): void
  /** The conductors that are not heard. */
  silent(nodes: readonly string[]): void
  stats(): {
    readonly clients: number
    readonly subscriptions: number
    readonly waitingBytes: number
    readonly handshakesWaiting: number
    readonly turnsWaiting: number
  }
  /** Says good-bye to all clients; who does not leave is cut off. */
  close(): void
}

interface Client {
  readonly ws: WebSocket
  readonly session: Session
  heardMs: number
}

const CLOSING = 'this node is shutting down; connect again'
/** Time a client has to close its side, ms. */
const LEAVE_MS = 1000

export function createConsoleServer(options: ConsoleOptions): ConsoleServer {
  const { env, hub, identity } = options
  const limits: ConsoleLimits = { ...CONSOLE_LIMITS, ...options.limits }
  const access = identity ? createAccess(options.api, identity.rules) : null
  const verify = identity ? (token: string) => identity.gate.verify(token) : null
  const history = createHistoryReader(env, options.api)
  const clients = new Set<Client>()
  const frames = createFrames(limits.messageChars)
  const turns = createTurns(env, { width: limits.turns, holdMs: limits.turnMs })
  /** Who has come and is not let in yet, in the order of their coming. */
  const coming = new Map<Duplex, () => void>()
  /** Handshakes done since the door was opened last. */
  let admitted = 0
  let door: Timer | null = null
  let silent: readonly string[] = []
  let closing = false
  let pinger: Timer = env.setTimer(limits.pingMs, ping)

  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: limits.messageBytes,
    // Compression keeps a window per client, and what is sent once to a thousand clients would be packed a thousand times.
    perMessageDeflate: false,
    handleProtocols: offered => (offered.has(PROTOCOL) ? PROTOCOL : false),
  })

  function ping(): void {
    pinger = env.setTimer(limits.pingMs, ping)
    const goneMs = env.monotonicMs() - limits.silentMs
    for (const { ws, heardMs } of clients) {
      if (heardMs < goneMs) ws.terminate()
      else if (ws.readyState === ws.OPEN) ws.ping()
    }
  }

  function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const refusal = refusalOf(request)
    if (refusal) {
      refuse(socket, refusal.status, refusal.why)
      return
    }
    if (admitted < limits.handshakes) admit(request, socket, head)
    else wait(request, socket, head)
  }

  /** A gateway that is started again has all its clients come back at once, and other work beside them. */
  function wait(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const left = (): void => void coming.delete(socket)
    socket.once('error', left).once('close', left)
    coming.set(socket, () => {
      socket.off('error', left).off('close', left)
      if (closing) refuse(socket, 503, CLOSING)
      else admit(request, socket, head)
    })
  }

  function admit(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    admitted++
    door ??= env.setTimer(limits.handshakeMs, openDoor)
    server.handleUpgrade(request, socket, head, ws => connected(ws, tokenIn(request)))
  }

  function openDoor(): void {
    door = null
    admitted = 0
    for (const [socket, enter] of coming) {
      if (admitted >= limits.handshakes) break
      coming.delete(socket)
      enter()
    }
  }

  function refusalOf({ url = '', headers }: IncomingMessage): { status: number; why: string } | null {
    if (url.split('?', 1)[0] !== CONSOLE_PATH) return { status: 404, why: `there is no WebSocket but at ${CONSOLE_PATH}` }
    if (url.includes('?'))
      return { status: 400, why: 'the URL has no parameters here: a token in it would stand in every log; send it as the first message' }
    const { origin, host } = headers
    // A page of another site can open WebSockets to us through its visitor's browser, which says so.
    if (origin !== undefined && origin !== options.consoleOrigin && !isOwn(origin, host))
      return { status: 403, why: 'requests from other web sites are refused' }
    if (!protocolsOf(headers).includes(PROTOCOL)) return { status: 400, why: `the sub-protocol ${PROTOCOL} must be offered` }
    if (closing) return { status: 503, why: CLOSING }
    return clients.size + coming.size >= limits.clients ? { status: 503, why: `there are already ${limits.clients} clients; try again later` } : null
  }

  function connected(ws: WebSocket, token: string | null): void {
    const session = createSession({
      ...{ env, hub, access, verify, limits, history, frames, turns, about: options.about },
      silent: () => silent,
      socket: {
        send: message => {
          if (ws.readyState === ws.OPEN) ws.send(message, { binary: false })
        },
        waiting: () => ws.bufferedAmount,
        close: (code, why) => leave(ws, code, why),
      },
    })
    const client: Client = { ws, session, heardMs: env.monotonicMs() }
    clients.add(client)
    ws.on('message', (data, isBinary) => {
      client.heardMs = env.monotonicMs()
      if (isBinary) {
        session.closed()
        leave(ws, CLOSE.unsupported.code, CLOSE.unsupported.why)
      } else session.received(String(data))
    })
    ws.on('pong', () => {
      client.heardMs = env.monotonicMs()
    })
    // A frame that breaks the protocol or is too large: `ws` closes the connection and says why in its code.
    ws.on('error', error => env.log.debug({ error: error.message }, 'a console client broke the protocol'))
    ws.on('close', () => {
      session.closed()
      clients.delete(client)
    })
    session.begin(token)
  }

  function leave(ws: WebSocket, code: number, why: string): void {
    ws.close(code, why)
    // One that does not read will not read this either.
    const cut = env.setTimer(LEAVE_MS, () => ws.terminate())
    ws.once('close', () => cut.cancel())
  }

  return {
    attach: http => http.on('upgrade', upgrade),
    silent(nodes) {
      silent = nodes
      for (const { session } of clients) session.silentChanged()
    },
    stats() {
      let subscriptions = 0
      let waitingBytes = 0
      for (const { ws, session } of clients) {
        subscriptions += session.subscriptions()
        waitingBytes += ws.bufferedAmount
      }
      return { clients: clients.size, subscriptions, waitingBytes, handshakesWaiting: coming.size, turnsWaiting: turns.stats().waiting }
    },
    close() {
      closing = true
      pinger.cancel()
      for (const enter of coming.values()) enter()
      coming.clear()
      door?.cancel()
      for (const { ws, session } of clients) {
        session.closed()
        leave(ws, CLOSE.goingAway.code, CLOSE.goingAway.why)
      }
    },
  }
}

const protocolsOf = (headers: IncomingMessage['headers']): string[] => (headers['sec-websocket-protocol'] ?? '').split(',').map(name => name.trim())

/** The token among the sub-protocols that the client offers: a browser can send no other header. */
function tokenIn({ headers }: IncomingMessage): string | null {
  return (
    protocolsOf(headers)
      .find(name => name.startsWith(TOKEN_PREFIX))
      ?.slice(TOKEN_PREFIX.length) ?? null
  )
}

function refuse(socket: Duplex, status: number, why: string): void {
  const body = `${why}\n`
  socket.on('error', () => {})
  const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, 'connection: close', 'content-type: text/plain; charset=utf-8']
  socket.end([...head, `content-length: ${Buffer.byteLength(body)}`, '', body].join('\r\n'))
}
