/** Raw loopback connections, for clients that break the rules. Every wait is bounded. */
import { connect, type Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'

/** Settles as `promise`, or rejects after `timeoutMs` saying what was waited for. */
export function within<T>(timeoutMs: number, what: string, promise: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`waited ${timeoutMs} ms for ${what}`)), timeoutMs)
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

export interface RawClient {
  readonly socket: Socket
  /** All that was received so far. */
  text(): string
  /** Resolves once what was received matches; rejects when the connection ends before. */
  until(pattern: RegExp): Promise<string>
  /** Resolves with all that was received when the connection has ended, however it ended. */
  ended: Promise<string>
}

export async function listen(app: FastifyInstance): Promise<number> {
  await app.listen({ host: '127.0.0.1', port: 0 })
  const address = app.server.address()
  if (address === null || typeof address === 'string') throw new Error('the server listens on no port')
  return address.port
}

const WAIT_MS = 5_000

export async function dial(port: number, first = ''): Promise<RawClient> {
  const socket = connect(port, '127.0.0.1')
  let received = ''
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    received += chunk
  })
  const closed = new Promise<string>(resolve => socket.once('close', () => resolve(received)))
  await within(WAIT_MS, 'a connection', new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject)))
  // A reset is an end like any other here.
  socket.on('error', () => {})
  if (first) socket.write(first)
  return {
    socket,
    text: () => received,
    until(pattern) {
      const { promise, resolve, reject } = Promise.withResolvers<string>()
      const look = () => {
        if (!pattern.test(received)) return
        socket.off('data', look)
        resolve(received)
      }
      socket.on('data', look)
      closed.then(() => reject(new Error(`the connection ended before ${pattern}: ${received}`)))
      look()
      return within(WAIT_MS, String(pattern), promise)
    },
    get ended() {
      return within(WAIT_MS, 'the end of the connection', closed)
    },
  }
}
