/**
 * The way of guests between two hosts: what their QEMUs and agents send each other goes through one kind of connection, from agent to agent.
 *
 * Why not QEMU's own TCP with its own TLS: a QEMU of ours has no network and no files but its own, and keeps it so; ports are then chosen by
 * the kernel (port 0) and not by us; and when an agent dies its tunnels die with it, so that a transfer nobody watches any more ends by
 * itself, with the guest where it was.
 *
 * Each move has a key of its own, made by the host that is to be called and told to the other by the conductor (TLS with a pre-shared key;
 * the exchange is ephemeral, so that a key read in a journal later opens nothing that was recorded). Whoever does not have it gets no
 * further than the handshake. A connection begins with one line, which says what it is for.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { connect, createServer, type Server, type TLSSocket } from 'node:tls'
import { Type } from 'typebox'
import type { Env } from '../../../kernel/env.ts'
import { BatonError } from '../../../kernel/errors.ts'
import { within } from '../process/wait.ts'

const TLS = { ciphers: 'ECDHE-PSK-CHACHA20-POLY1305', minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } as const
const KEY_BYTES = 32
const HANDSHAKE_MS = 10_000
/** Connections of all moves together; each has three at most. */
const MAX_CONNECTIONS = 256
const MAX_LINE_BYTES = 200
/** A peer that has vanished without a word is found out by the kernel. */
const KEEPALIVE_MS = 5_000

/** Where to call, and with what. */
export const InvitationSchema = Type.Object({ host: Type.String(), port: Type.Number(), move: Type.String(), key: Type.String() })
export interface Invitation {
  readonly host: string
  readonly port: number
  /** Names the move. */
  readonly move: string
  /** In hex. */
  readonly key: string
}

/** Serves one connection; what it rejects with ends that one. */
type Serve = (channel: string, stream: Duplex) => Promise<void>

export interface Door {
  /** Lets in whoever has the invitation, in place of any that was given for this move before. Rejects `DriverFault` when nobody can call here. */
  invite(move: string, serve: Serve): Promise<Invitation>
  /** Lets nobody in for this move any more, and sends away who came. */
  dismiss(move: string): void
  close(): void
}

/** `host`: an address of this machine at which the others reach it. */
export function createDoor(env: Env, host: string): Door {
  const moves = new Map<string, { readonly key: Buffer; readonly serve: Serve; readonly callers: Set<TLSSocket> }>()
  /** Of which move the key was that each caller has shown. */
  const shown = new WeakMap<TLSSocket, string>()
  let opening: Promise<Server> | null = null

  async function open(): Promise<Server> {
    const server = createServer({
      ...{ ...TLS, handshakeTimeout: HANDSHAKE_MS },
      pskCallback(socket, move) {
        shown.set(socket, move)
        return moves.get(move)?.key ?? null
      },
    })
    server.maxConnections = MAX_CONNECTIONS
    server.on('tlsClientError', error => env.log.warn({ why: error.message }, 'a caller at the door of moves had no key for it'))
    server.on('secureConnection', socket => {
      welcome(socket).catch(error => env.log.info({ why: messageOf(error) }, 'a connection of a move ended early'))
    })
    server.listen(0, host)
    await once(server, 'listening').catch(error => {
      throw new BatonError('DriverFault', `no guest can be sent here: ${host} cannot be listened at: ${messageOf(error)}`)
    })
    return server
  }

  async function welcome(socket: TLSSocket): Promise<void> {
    socket.on('error', () => {})
    socket.setKeepAlive(true, KEEPALIVE_MS)
    try {
      const channel = await within(env, HANDSHAKE_MS, readLine(socket))
      const move = moves.get(shown.get(socket) ?? '')
      if (channel === null || !move) throw new Error('it did not say in time what it is for')
      move.callers.add(socket)
      socket.on('close', () => move.callers.delete(socket))
      await move.serve(channel, socket)
    } finally {
      socket.destroy()
    }
  }

  function dismiss(move: string): void {
    for (const caller of moves.get(move)?.callers ?? []) caller.destroy()
    moves.delete(move)
  }

  return {
    dismiss,
    async invite(move, serve) {
      opening ??= open().catch(error => {
        opening = null
        throw error
      })
      const server = await opening
      dismiss(move)
      const key = randomBytes(KEY_BYTES)
      moves.set(move, { key, serve, callers: new Set() })
      const at = server.address()
      return { host, port: typeof at === 'object' && at !== null ? at.port : 0, move, key: key.toString('hex') }
    },
    close() {
      for (const move of [...moves.keys()]) dismiss(move)
      opening?.then(server => server.close()).catch(() => {})
    },
  }
}

/** Calls the host that has invited. Rejects `DriverFault` when it does not let us in. */
export async function call(env: Env, { host, port, move, key }: Invitation, channel: string): Promise<Duplex> {
  const psk = Buffer.from(key, 'hex')
  const socket = connect({ ...TLS, host, port, checkServerIdentity: () => undefined, pskCallback: () => ({ psk, identity: move }) })
  socket.on('error', () => {})
  const refused = (why: string): BatonError =>
    new BatonError('DriverFault', `${host}:${port} cannot be reached for this move: ${why}; hosts reach each other at driver.qemu.address`)
  const open = await within(env, HANDSHAKE_MS, once(socket, 'secureConnect')).catch(error => {
    throw refused(messageOf(error))
  })
  if (!open) {
    socket.destroy()
    throw refused(`no answer within ${HANDSHAKE_MS} ms`)
  }
  socket.setKeepAlive(true, KEEPALIVE_MS)
  socket.write(`${channel}\n`)
  return socket
}

/** The first line of a stream; what follows is left in it. Rejects when it is too long, or the stream ends before. */
function readLine(stream: Duplex): Promise<string> {
  return new Promise((resolve, reject) => {
    let held = Buffer.alloc(0)
    const over = (): void => reject(new Error('it ended before it said what it is for'))
    stream.once('close', over)
    stream.on('data', function take(bytes: Uint8Array) {
      held = Buffer.concat([held, bytes])
      const end = held.indexOf(10)
      if (end < 0 && held.length <= MAX_LINE_BYTES) return
      stream.off('data', take)
      stream.off('close', over)
      stream.pause()
      if (end < 0 || end > MAX_LINE_BYTES) return reject(new Error('its first line is too long'))
      if (end + 1 < held.length) stream.unshift(held.subarray(end + 1))
      resolve(held.subarray(0, end).toString('utf8'))
    })
  })
}

/**
 * Carries bytes both ways; resolves when both ends are closed. An end that has said its last word closes the other behind it, and what was
 * said before still arrives; one that breaks off breaks the other, and so does one that had broken off before they met.
 */
export function carry(a: Duplex, b: Duplex): Promise<void> {
  if (a.destroyed || b.destroyed) {
    a.destroy()
    b.destroy()
    return Promise.resolve()
  }
  return new Promise(resolve => {
    let open = 2
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      from.on('error', () => {})
      from.once('close', () => {
        if (from.readableEnded) to.resume()
        else to.destroy()
        if (--open === 0) resolve()
      })
      from.pipe(to)
    }
  })
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
