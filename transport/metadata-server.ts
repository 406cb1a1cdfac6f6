/**
 * The metadata service of one guest, on a Unix socket of its own: whoever reaches the socket is that guest, so nothing is asked and nothing of
 * another guest can be told. Bounded, since guests are strangers.
 */
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { MetadataDoor, MetadataGuest } from '../actors/hypervisor/driver.ts'

/** Nova's limit, in bytes: a password that is encrypted with an RSA key of 4096 bits, as base64, and some. */
const MAX_PASSWORD_BYTES = 1024
const LIMITS = { requestTimeout: 10_000, headersTimeout: 5_000, keepAliveTimeout: 5_000, maxHeaderSize: 8 * 1024, connectionsCheckingInterval: 5_000 }
const MAX_CONNECTIONS = 16
const PASSWORD = /^\/openstack\/[^/]+\/password$/

export const metadataDoor: MetadataDoor = {
  async open(path, guest) {
    // What an earlier agent left; nobody else listens there, since there is one agent per folder.
    await rm(path, { force: true })
    const server = createServer(LIMITS, (request, response) => {
      answer(guest, request).then(
        reply => send(response, reply),
        () => send(response, { status: 500 }),
      )
    })
    server.maxConnections = MAX_CONNECTIONS
    await once(server.listen(path), 'listening')
    // The agent does not live on for the sake of its guests' questions.
    server.unref()
    return {
      close: () =>
        new Promise(resolve => {
          server.close(() => resolve())
          server.closeAllConnections()
        }),
    }
  },
}

interface Reply {
  readonly status: number
  readonly body?: Uint8Array
  readonly type?: string
}

async function answer(guest: MetadataGuest, request: IncomingMessage): Promise<Reply> {
  const { url = '/', method } = request
  if (PASSWORD.test(url)) return password(guest, request)
  if (method !== 'GET' && method !== 'HEAD') return { status: 405 }
  const body = guest.read(url)
  return body ? { status: 200, body, type: url.endsWith('.json') ? 'application/json' : 'text/plain; charset=utf-8' } : { status: 404 }
}

/** A guest leaves its password once, encrypted; from then on it can only be read. */
async function password(guest: MetadataGuest, request: IncomingMessage): Promise<Reply> {
  if (request.method !== 'POST') return { status: 405 }
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    size += chunk.length
    if (size > MAX_PASSWORD_BYTES) return { status: 400 }
    chunks.push(chunk)
  }
  const text = Buffer.concat(chunks).toString('latin1')
  if (!/^[\x20-\x7e]+$/.test(text)) return { status: 400 }
  return { status: await guest.leavePassword(text) }
}

function send(response: ServerResponse, { status, body, type }: Reply): void {
  if (response.destroyed) return
  response.writeHead(status, body ? { 'content-type': type, 'content-length': body.length } : { 'content-length': 0, connection: 'close' })
  response.end(body)
}
