/** Who asks for a WebSocket: each path has a door. Who is refused before the handshake gets an HTTP answer that says why. */
import { type IncomingMessage, type Server, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { isOwn } from '../http/requests/origins.ts'

export interface Refusal {
  readonly status: number
  readonly why: string
}

export interface SocketDoor {
  readonly path: string
  /** Takes the connection over, refusals included. */
  enter(request: IncomingMessage, socket: Duplex, head: Buffer): void
}

export function openDoors(server: Server, doors: readonly SocketDoor[]): void {
  server.on('upgrade', (request, socket, head) => {
    const path = (request.url ?? '').split('?', 1)[0]
    const door = doors.find(each => each.path === path)
    if (door) door.enter(request, socket, head)
    else refuse(socket, { status: 404, why: `there is no WebSocket but at ${doors.map(each => each.path).join(' and ')}` })
  })
}

/** A page of another site can open WebSockets to us through its visitor's browser, which says so. */
export function refusedOrigin({ headers: { origin, host } }: IncomingMessage, consoleOrigin: string | null | undefined): Refusal | null {
  if (origin === undefined || origin === consoleOrigin || isOwn(origin, host)) return null
  return { status: 403, why: 'requests from other web sites are refused' }
}

export const protocolsOf = ({ headers }: IncomingMessage): string[] => (headers['sec-websocket-protocol'] ?? '').split(',').map(name => name.trim())

export function refuse(socket: Duplex, { status, why }: Refusal): void {
  const body = `${why}\n`
  socket.on('error', () => {})
  const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, 'connection: close', 'content-type: text/plain; charset=utf-8']
  socket.end([...head, `content-length: ${Buffer.byteLength(body)}`, '', body].join('\r\n'))
}
