/** POST /servers/:id/action: a body with one key, the action. */
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import type { InstanceAction } from '../../actors/api.ts'
import { COMPUTE, type HttpContext } from './context.ts'
import { badRequest, printable } from './errors.ts'
import { instanceId } from './request.ts'
import type { IdParams } from './schemas.ts'

const RebootType = Type.String({ pattern: '^(SOFT|Soft|soft|HARD|Hard|hard)$', description: "it must be 'SOFT' or 'HARD'" })

const Lines = Type.Union([Type.Integer({ minimum: -1, maximum: 2 ** 31 - 1 }), Type.String({ pattern: '^(-1|[0-9]{1,9})$' }), Type.Null()], {
  description: 'it must be a number of lines, or -1 for all',
})

export const ServerAction = Type.Object(
  {
    'os-start': Type.Optional(Type.Unknown()),
    'os-stop': Type.Optional(Type.Unknown()),
    pause: Type.Optional(Type.Unknown()),
    unpause: Type.Optional(Type.Unknown()),
    reboot: Type.Optional(Type.Object({ type: RebootType }, { additionalProperties: false })),
    'os-getConsoleOutput': Type.Optional(Type.Object({ length: Type.Optional(Lines) }, { additionalProperties: false })),
  },
  { minProperties: 1, maxProperties: 1 },
)
export type ServerAction = Static<typeof ServerAction>

/** Actions that start an operation and answer 202 with nothing. */
const OPERATIONS: ReadonlyMap<string, InstanceAction> = new Map([
  ['os-start', 'start'],
  ['os-stop', 'stop'],
  ['pause', 'pause'],
  ['unpause', 'unpause'],
  ['reboot', 'reboot'],
])

/** The last `count` lines of `text`; all for null or -1. A line feed at the end ends a line and begins none. */
export function lastLines(text: string, count: number | null): string {
  if (count === null || count < 0) return text
  if (count === 0) return ''
  let at = text.endsWith('\n') ? text.length - 1 : text.length
  for (let lines = 0; lines < count; lines++) {
    if (at <= 0) return text
    at = text.lastIndexOf('\n', at - 1)
    if (at < 0) return text
  }
  return text.slice(at + 1)
}

export function serverActionRoutes(app: FastifyInstance, context: HttpContext): void {
  const { api, limits } = context

  app.post<{ Body: ServerAction; Params: IdParams }>(`${COMPUTE}/servers/:id/action`, { schema: { body: ServerAction } }, async (request, reply) => {
    const { body } = request
    const [name = ''] = Object.keys(body)
    const id = instanceId(request.params.id)
    const asksConsole = body['os-getConsoleOutput']
    if (asksConsole) {
      const { output } = await api.consoleLog({ id, maxBytes: limits.consoleBytes })
      const { length = null } = asksConsole
      return { output: lastLines(output, length === null ? null : Number(length)) }
    }
    const action = OPERATIONS.get(name)
    if (action === undefined) throw badRequest(`There is no such action: ${printable(name)}`)
    const mode = body.reboot ? { mode: body.reboot.type.toUpperCase() === 'HARD' ? ('hard' as const) : ('soft' as const) } : {}
    await api.actOnInstance({ id, action, ...mode, requestId: request.id })
    return reply.code(202).send()
  })
}
