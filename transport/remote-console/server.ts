/**
 * `/remote-console?token=…` on the gateway's HTTP server: the serial line or the screen of a guest, bytes in binary frames both ways, as the
 * clients of Nova's proxies speak (noVNC, novaconsole). The token is good once. Nothing is kept here but what a socket holds: while a client
 * does not read, nothing is fetched for it, and while a guest does not read, nothing is read from its client.
 *
 * Who offers the sub-protocol `baton.guest.v1` is also told, in text frames, who has the keyboard and what was missed, and may take it.
 */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { Value } from 'typebox/value'
import { type WebSocket, WebSocketServer } from 'ws'
import type { AuditLine } from '../../actors/kernel/audit.ts'
import type { Env, Timer } from '../../actors/kernel/env.ts'
import { BatonError, toFault } from '../../actors/kernel/errors.ts'
import { protocolsOf, type Refusal, refuse, refusedOrigin, type SocketDoor } from '../console/upgrade.ts'
import type { RemoteConsole, RemoteConsoles } from './console.ts'
import { GUEST_PROTOCOL, REMOTE_CLOSE, REMOTE_CONSOLE_PATH } from './messages.ts'
import { GuestMessage, type NoticeBySchema } from './schemas.ts'

export const REMOTE_LIMITS = {
  clients: 500,
  /** Connections whose token is being looked at. */
  opening: 64,
  /** Largest frame of a client, bytes. */
  frameBytes: 64 * 1024,
  /** What may wait in a client's socket before more is fetched, and of its input before more is read, bytes. */
  waitingBytes: 256 * 1024,
  unsentBytes: 64 * 1024,
  /** Pause before another look at what was full, ms. */
  fullMs: 25,
  /** Nothing came either way for so long: the console is closed, ms. */
  idleMs: 30 * 60_000,
  /** Longest life of a session: rights that were taken away meanwhile end with it at the latest, ms. */
  lifeMs: 8 * 3_600_000,
  /** Pause between two pings, and silence after which a client is gone, ms. */
  pingMs: 20_000,
  silentMs: 90_000,
} as const

export type RemoteLimits = { readonly [name in keyof typeof REMOTE_LIMITS]: number }

export interface RemoteConsoleOptions {
  readonly env: Env
  readonly consoles: RemoteConsoles
  readonly consoleOrigin?: string | null
  /** Told when a console is opened and when it is closed. */
  audit?(line: AuditLine): void
  readonly limits?: Partial<RemoteLimits>
}

export interface RemoteConsoleServer {
  readonly door: SocketDoor
  stats(): { readonly clients: number }
  close(): void
}

interface Client {
  readonly ws: WebSocket
  readonly sinceMs: number
  /** Last sign of life, and last byte either way. */
  heardMs: number
  busyMs: number
  console: RemoteConsole | null
  isOver: boolean
}

/** Time a client has to close its side, ms. */
const LEAVE_MS = 1000
/** A reason of closing has at most so many bytes (RFC 6455, 5.5). */
const REASON_BYTES = 123

export function createRemoteConsoleServer(options: RemoteConsoleOptions): RemoteConsoleServer {
  const { env, consoles } = options
  const limits: RemoteLimits = { ...REMOTE_LIMITS, ...options.limits }
  const clients = new Set<Client>()
  let opening = 0
  let isClosing = false
  let pinger: Timer = env.setTimer(limits.pingMs, ping)

  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: limits.frameBytes,
    perMessageDeflate: false,
    handleProtocols: offered => [GUEST_PROTOCOL, 'binary'].find(name => offered.has(name)) ?? false,
  })

  function ping(): void {
    pinger = env.setTimer(limits.pingMs, ping)
    const now = env.monotonicMs()
    for (const client of clients) {
      if (client.heardMs < now - limits.silentMs) client.ws.terminate()
      else if (client.busyMs < now - limits.idleMs) leave(client, REMOTE_CLOSE.idle)
      else if (client.sinceMs < now - limits.lifeMs) leave(client, REMOTE_CLOSE.life)
      else if (client.ws.readyState === client.ws.OPEN) client.ws.ping()
    }
  }

  function enter(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const refusal = refusalOf(request)
    if (refusal) refuse(socket, refusal)
    else server.handleUpgrade(request, socket, head, ws => begin(ws, tokenIn(request)))
  }

  function refusalOf(request: IncomingMessage): Refusal | null {
    const foreign = refusedOrigin(request, options.consoleOrigin)
    if (foreign) return foreign
    const [offered = ''] = protocolsOf(request)
    if (offered !== '' && !protocolsOf(request).some(name => name === GUEST_PROTOCOL || name === 'binary'))
      return { status: 400, why: `the sub-protocol binary or ${GUEST_PROTOCOL} must be offered, or none` }
    if (isClosing) return { status: 503, why: 'this node is shutting down; ask for another console' }
    if (opening >= limits.opening) return { status: 503, why: `${opening} consoles are being opened already; try again later` }
    return clients.size >= limits.clients ? { status: 503, why: `there are already ${limits.clients} consoles open here; try again later` } : null
  }

  function leave(client: Client, { code, why }: { readonly code: number; readonly why: string }): void {
    const { ws } = client
    finish(client)
    ws.resume()
    ws.close(code, inBytes(why, REASON_BYTES))
    // One that does not read will not read this either.
    const cut = env.setTimer(LEAVE_MS, () => ws.terminate())
    ws.once('close', () => cut.cancel())
  }

  function finish(client: Client): void {
    if (client.isOver) return
    client.isOver = true
    clients.delete(client)
    if (!client.console) return
    client.console.close()
    tell(client.console, 'close')
  }

  /** Every ticket is of one request, and is opened once. */
  function tell({ opened: { by, instance, kind } }: RemoteConsole, what: 'open' | 'close'): void {
    const line = { user: by.user, project: by.project, action: `WEBSOCKET ${REMOTE_CONSOLE_PATH} ${what} ${kind}`, target: instance }
    options.audit?.({ ...line, requestId: `${by.requestId}/${what}`, status: what === 'open' ? 101 : 200 })
  }

  const pause = (ms: number): Promise<void> => new Promise(resolve => env.setTimer(ms, resolve))

  async function begin(ws: WebSocket, token: string): Promise<void> {
    const now = env.monotonicMs()
    const client: Client = { ws, sinceMs: now, heardMs: now, busyMs: now, console: null, isOver: false }
    clients.add(client)
    const isTold = ws.protocol === GUEST_PROTOCOL
    const notice = (message: NoticeBySchema): void => {
      if (isTold && ws.readyState === ws.OPEN) ws.send(JSON.stringify(message))
    }
    // Nothing is read before it is known where it goes.
    ws.pause()
    ws.on('pong', () => {
      client.heardMs = env.monotonicMs()
    })
    // A frame that breaks the protocol or is too large: `ws` closes the connection and says why in its code.
    ws.on('error', error => env.log.debug({ error: error.message }, 'the client of a remote console broke the protocol'))
    ws.on('close', () => finish(client))
    ws.on('message', (data, isBinary) => {
      client.heardMs = env.monotonicMs()
      client.busyMs = client.heardMs
      if (isBinary || !isTold) type(client, bytesOf(data))
      else if (isTake(String(data))) client.console?.take()
      else leave(client, REMOTE_CLOSE.unsupported)
    })
    opening++
    try {
      const opened = await consoles.open(token, {
        bytes(bytes) {
          client.busyMs = env.monotonicMs()
          if (ws.readyState === ws.OPEN) ws.send(bytes)
        },
        missed: bytes => notice({ type: 'missed', bytes }),
        writer: keyboard => notice({ type: 'keyboard', yours: keyboard }),
        end: why => leave(client, { code: REMOTE_CLOSE.ended.code, why }),
        async room() {
          while (!client.isOver && ws.bufferedAmount > limits.waitingBytes) await pause(limits.fullMs)
        },
      })
      client.console = opened
      tell(opened, 'open')
      if (client.isOver) {
        opened.close()
        tell(opened, 'close')
      } else {
        notice({ type: 'open', kind: opened.opened.kind, instance: opened.opened.instance })
        ws.resume()
      }
    } catch (error) {
      const { code, message } = toFault(error)
      const { unauthorized, overloaded, failed } = REMOTE_CLOSE
      const closing = code === 'NotFound' ? unauthorized : code === 'Overloaded' ? overloaded : failed
      if (!(error instanceof BatonError)) env.log.error({ error }, 'a remote console could not be opened')
      if (!client.isOver) leave(client, { code: closing.code, why: message })
    } finally {
      opening--
    }
  }

  function type(client: Client, bytes: Uint8Array): void {
    const { ws, console } = client
    console?.write(bytes)
    if (!console || console.unsent() <= limits.unsentBytes) return
    ws.pause()
    const look = (): void => {
      if (client.isOver) return
      if (console.unsent() > limits.unsentBytes / 2) env.setTimer(limits.fullMs, look)
      else ws.resume()
    }
    env.setTimer(limits.fullMs, look)
  }

  return {
    door: { path: REMOTE_CONSOLE_PATH, enter },
    stats: () => ({ clients: clients.size }),
    close() {
      isClosing = true
      pinger.cancel()
      for (const client of [...clients]) leave(client, REMOTE_CLOSE.goingAway)
    },
  }
}

const tokenIn = ({ url = '' }: IncomingMessage): string => new URLSearchParams(url.split('?', 2)[1] ?? '').get('token') ?? ''

function bytesOf(data: WebSocket.RawData): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data)
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data
}

/** The one thing that a client says of the console itself. */
function isTake(text: string): boolean {
  try {
    return Value.Check(GuestMessage.take, JSON.parse(text))
  } catch {
    return false
  }
}

/** As much of a text as fits, whole characters. */
function inBytes(text: string, max: number): string {
  const bytes = Buffer.from(text)
  if (bytes.length <= max) return text
  return new TextDecoder()
    .decode(bytes.subarray(0, max - 3))
    .replace(/\ufffd+$/, '')
    .concat('…')
}
