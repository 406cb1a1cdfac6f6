/**
 * Which web pages may use the API through their visitor's browser: those that come from the API's own address, and the console where it is
 * served from elsewhere (`http.consoleOrigin`), which gets the headers of CORS (Fetch standard, section 3.2). Nobody else gets them, and
 * what would change something is refused beforehand: a browser reaches loopback, too.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { BatonError } from '../../../actors/kernel/errors.ts'

const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE'
const REQUEST_HEADERS = [
  ...['Content-Type', 'OpenStack-API-Version', 'X-OpenStack-Nova-API-Version', 'X-Auth-Token', 'X-Client-Token'],
  ...['X-OpenStack-Request-Id', 'X-Project-Id', 'X-Subject-Token', 'Traceparent'],
].join(', ')
const ANSWER_HEADERS = [
  ...['Location', 'OpenStack-API-Version', 'Retry-After', 'X-Baton-Error', 'X-Compute-Request-Id', 'X-OpenStack-Request-Id', 'X-Subject-Token'],
].join(', ')
/** How long a browser remembers that it may; browsers have bounds of their own. */
const PREFLIGHT_SECONDS = '600'

const isSafe = (method: string): boolean => method === 'GET' || method === 'HEAD'

/** Whether a page from `origin` has the address that the request was sent to. */
export const isOwn = (origin: string, host: string | undefined): boolean => URL.canParse(origin) && new URL(origin).host === host

const isPreflight = ({ method, headers }: FastifyRequest): boolean => method === 'OPTIONS' && headers['access-control-request-method'] !== undefined

/** `console`: an origin such as `https://console.example.org`, or null when the console comes from here. */
export function guardOrigins(app: FastifyInstance, console: string | null): void {
  if (console !== null) {
    // What is answered depends on it, and a cache must know.
    app.addHook('onSend', async (_request, reply) => {
      reply.header('vary', [reply.getHeader('vary'), 'Origin'].filter(name => name !== undefined).join(', '))
    })
  }
  app.addHook('onRequest', async (request, reply) => {
    const { origin } = request.headers
    if (origin === undefined) return
    if (origin !== console) {
      if (!isSafe(request.method) && !isOwn(origin, request.host)) throw new BatonError('Forbidden', 'Requests from other web sites are refused.')
      return
    }
    reply.header('access-control-allow-origin', console).header('access-control-expose-headers', ANSWER_HEADERS)
    if (!isPreflight(request)) return
    const allowed = { 'access-control-allow-methods': METHODS, 'access-control-allow-headers': REQUEST_HEADERS }
    return reply
      .headers({ ...allowed, 'access-control-max-age': PREFLIGHT_SECONDS })
      .code(204)
      .send()
  })
}
