/**
 * The console's page: files built from `console/`, held in memory. They hold nothing of anybody, so they are public; what they show comes
 * over the API and the WebSocket, by the token of who looks. The policy lets the page load nothing but itself, run no inline script, and be
 * in nobody's frame.
 */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { BatonError } from '../../actors/kernel/errors.ts'
import type { IdParams } from './requests/schemas.ts'

/** Where `npm run build` puts it. */
export const PAGE_FOLDER = fileURLToPath(new URL('../../.cache/console', import.meta.url))

interface PageFile {
  readonly type: string
  readonly bytes: Buffer
  readonly gzipped: Buffer
}

export interface Page {
  readonly index: PageFile
  /** By name; a name changes with its content. */
  readonly assets: ReadonlyMap<string, PageFile>
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

const POLICY = [
  ...["default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "font-src 'self'", "connect-src 'self'"],
  ...["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"],
].join('; ')

const HEADERS = {
  'content-security-policy': POLICY,
  'cross-origin-opener-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}

const NOT_BUILT = '<!doctype html><html lang="en"><title>Baton</title><p>The console page has not been built. Run <code>npm run build</code>.</p>'

const fileOf = (name: string, bytes: Buffer): PageFile => ({
  type: TYPES[extname(name)] ?? 'application/octet-stream',
  bytes,
  gzipped: gzipSync(bytes),
})

/** The page in a folder; one that says how to build it where there is none. */
export function readPage(folder: string): Page {
  const index = join(folder, 'index.html')
  if (!existsSync(index)) return { index: fileOf('index.html', Buffer.from(NOT_BUILT)), assets: new Map() }
  const assets = join(folder, 'assets')
  return {
    index: fileOf('index.html', readFileSync(index)),
    assets: new Map(readdirSync(assets).map(name => [name, fileOf(name, readFileSync(join(assets, name)))])),
  }
}

/** Browsers ask for HTML by name; clients of the API never do. */
export const wantsPage = ({ headers: { accept = '' } }: FastifyRequest): boolean => /(^|,)\s*text\/html\b/.test(accept)

export function sendPage(request: FastifyRequest, reply: FastifyReply, { index }: Page): FastifyReply {
  const etag = `"${createHash('sha256').update(index.bytes).digest('base64url').slice(0, 20)}"`
  reply.headers({ ...HEADERS, etag, 'cache-control': 'no-cache', vary: 'Accept, Accept-Encoding' })
  return request.headers['if-none-match'] === etag ? reply.code(304).send() : sendFile(request, reply, index)
}

function sendFile(request: FastifyRequest, reply: FastifyReply, { type, bytes, gzipped }: PageFile): FastifyReply {
  const isGzipped = /\bgzip\b/.test(request.headers['accept-encoding'] ?? '')
  if (isGzipped) reply.header('content-encoding', 'gzip')
  return reply.type(type).send(isGzipped ? gzipped : bytes)
}

/** `null`: this server has no page. */
export function pageRoutes(app: FastifyInstance, page: Page | null): void {
  app.get<{ Params: IdParams }>('/assets/:id', async (request, reply) => {
    const file = page?.assets.get(request.params.id)
    if (!file) throw new BatonError('NotFound', 'The console page has no such file.')
    reply.headers({ ...HEADERS, 'cache-control': 'public, max-age=31536000, immutable', vary: 'Accept-Encoding' })
    return sendFile(request, reply, file)
  })
}
