/** Who asked for what, and what became of it: each request that would change something, when its answer is out. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { AuditLine } from '../../../actors/kernel/audit.ts'
import { projectIn } from '../policy/checks.ts'

const LOOKS_ONLY = new Set(['GET', 'HEAD', 'OPTIONS'])
const ACTION = /\/servers\/:id\/action$/

/** Refused ones, too: who tried is of interest. Paths that nothing is at change nothing. */
export function auditRequests(app: FastifyInstance, tell: (line: AuditLine) => void): void {
  app.addHook('onResponse', async (request, reply) => {
    const { method, routeOptions, claims } = request
    if (request.is404 || LOOKS_ONLY.has(method)) return
    tell({
      requestId: request.id,
      user: claims?.user.id ?? null,
      project: claims ? projectIn(claims) : null,
      action: `${method} ${routeOptions.url}${actionOf(request)}`.slice(0, 400),
      target: targetOf(request),
      status: reply.statusCode,
    })
  })
}

/** The one key in the body of a server action. */
function actionOf({ routeOptions: { url = '' }, body }: FastifyRequest): string {
  if (!ACTION.test(url) || typeof body !== 'object' || body === null) return ''
  const [name = ''] = Object.keys(body)
  return /^[\w-]{1,64}$/.test(name) ? ` ${name}` : ''
}

function targetOf({ params }: FastifyRequest): string | null {
  const id: unknown = typeof params === 'object' && params !== null ? Reflect.get(params, 'id') : undefined
  return typeof id === 'string' && id !== '' ? id.slice(0, 256) : null
}
