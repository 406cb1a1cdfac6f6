/**
 * `/console` on the gateway's HTTP server: takes the WebSocket handshakes, and holds the connections. Who is refused after the handshake is
 * closed with a code of `CLOSE`.
 */

import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import type { ClusterApi } from '../../actors/api.ts'
import type { IdentityGate } from '../../actors/identity/api.ts'
import type { Env, Timer } from '../../actors/kernel/env.ts'
import { createAccess } from './access.ts'
import { createFrames } from './frames.ts'
import { createHistoryReader } from './history.ts'
import type { Hub } from './hub.ts'
import { CLOSE, CONSOLE_PATH, PROTOCOL, TOKEN_PREFIX } from './messages.ts'
import { createSession, SESSION_LIMITS, type Session, type SessionLimits } from './session.ts'
import { createTurns } from './turns.ts'
import { protocolsOf, type Refusal, refuse, refusedOrigin, type SocketDoor } from './upgrade.ts'

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
  readonly door: SocketDoor
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
  let opener: Timer | null = null
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
    if (refusal) refuse(socket, refusal)
    else if (admitted < limits.handshakes) admit(request, socket, head)
    else wait(request, socket, head)
  }

  /** A gateway that is started again has all its clients come back at once, and other work beside them. */
  function wait(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const left = (): void => void coming.delete(socket)
    socket.once('error', left).once('close', left)
    coming.set(socket, () => {
      socket.off('error', left).off('close', left)
      if (closing) refuse(socket, { status: 503, why: CLOSING })
      else admit(request, socket, head)
    })
  }

  function admit(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    admitted++
    opener ??= env.setTimer(limits.handshakeMs, openDoor)
    server.handleUpgrade(request, socket, head, ws => connected(ws, tokenIn(request)))
  }

  function openDoor(): void {
    opener = null
    admitted = 0
    for (const [socket, enter] of coming) {
      if (admitted >= limits.handshakes) break
      coming.delete(socket)
      enter()
    }
  }

  function refusalOf(request: IncomingMessage): Refusal | null {
    if (request.url?.includes('?'))
      return { status: 400, why: 'the URL has no parameters here: a token in it would stand in every log; send it as the first message' }
    const foreign = refusedOrigin(request, options.consoleOrigin)
    if (foreign) return foreign
    if (!protocolsOf(request).includes(PROTOCOL)) return { status: 400, why: `the sub-protocol ${PROTOCOL} must be offered` }
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
    door: { path: CONSOLE_PATH, enter: upgrade },
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
      opener?.cancel()
      for (const { ws, session } of clients) {
        session.closed()
        leave(ws, CLOSE.goingAway.code, CLOSE.goingAway.why)
      }
    },
  }
}

/** The token among the sub-protocols that the client offers: a browser can send no other header. */
function tokenIn(request: IncomingMessage): string | null {
  return (
    protocolsOf(request)
      .find(name => name.startsWith(TOKEN_PREFIX))
      ?.slice(TOKEN_PREFIX.length) ?? null
  )
}
