/** What other services have to say of servers and of volumes: /os-server-external-events and /os-assisted-volume-snapshots. */
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import type { InstanceBody } from '../../../actors/api.ts'
import { BatonError } from '../../../actors/kernel/errors.ts'
import { COMPUTE, type HttpContext } from '../context.ts'
import { CHANGES, type ChangeName, has } from '../requests/changes.ts'
import { badRequest, notFound, printable } from '../requests/errors.ts'
import { Id, type IdParams } from '../requests/schemas.ts'

const only = { additionalProperties: false } as const

/** The events that other services send, and the change with which each came. Those that need a tag say by it what they are about. */
const EVENTS: Readonly<Record<string, { readonly since?: ChangeName; readonly tagged?: true }>> = {
  'network-changed': {},
  'network-vif-plugged': {},
  'network-vif-unplugged': {},
  'network-vif-deleted': {},
  'volume-extended': { since: 'events.volume-extended', tagged: true },
  'power-update': { since: 'events.power-update', tagged: true },
  'accelerator-request-bound': { since: 'events.accelerator', tagged: true },
}

const Uuid = Type.String({ pattern: '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$', description: 'it must be a UUID' })
const Status = Type.Union([Type.Literal('failed'), Type.Literal('completed'), Type.Literal('in-progress')], {
  description: "it must be 'failed', 'completed' or 'in-progress'",
})
const MAX_EVENTS = 1_000

const Events = Type.Object(
  {
    events: Type.Array(
      Type.Object({ name: Id, server_uuid: Uuid, status: Type.Optional(Status), tag: Type.Optional(Type.String({ maxLength: 255 })) }, only),
      { minItems: 1, maxItems: MAX_EVENTS, description: `it must be 1 to ${MAX_EVENTS} events` },
    ),
  },
  only,
)
type Events = Static<typeof Events>
type ExternalEvent = Events['events'][number]

/** What became of an event, as a status of HTTP. */
type Code = 200 | 400 | 404 | 422

/** Whether an event can be told: its server must be there and on a host. */
export function codeOf({ name, tag }: ExternalEvent, instance: InstanceBody | undefined): Code {
  if (!instance || instance.vmState === 'deleted') return 404
  if (EVENTS[name]?.tagged && tag === undefined) return 400
  return instance.host === null ? 422 : 200
}

const CreateInfo = Type.Object(
  { snapshot_id: Id, type: Type.Literal('qcow2', { description: "it must be 'qcow2'" }), new_file: Id, id: Type.Optional(Id) },
  only,
)
const CreateSnapshot = Type.Object({ snapshot: Type.Object({ volume_id: Id, create_info: CreateInfo }, only) }, only)
const DeleteQuery = Type.Object({ delete_info: Type.Optional(Type.String({ maxLength: 4_096 })) })

export function externalEventRoutes(app: FastifyInstance, { api, log }: HttpContext): void {
  app.post<{ Body: Events }>(`${COMPUTE}/os-server-external-events`, { schema: { body: Events } }, async (request, reply) => {
    const { events } = request.body
    for (const [i, { name }] of events.entries()) checkName(name, i, request.novaMinor)
    const ids = [...new Set(events.map(event => event.server_uuid.toLowerCase()))]
    const found = new Map((await Promise.all(ids.map(find))).flatMap(instance => (instance ? [[instance.id, instance] as const] : [])))
    const answers = events.map(event => {
      const code = codeOf(event, found.get(event.server_uuid.toLowerCase()))
      return { ...event, status: code === 200 ? (event.status ?? 'completed') : 'failed', code }
    })
    // There is no network, volume or accelerator of another service whose word a guest here would wait for; so it is noted, and that is all.
    for (const { name, tag, server_uuid: instance, code } of answers)
      log.info({ requestId: request.id, instance, name, tag, code }, 'an external event')
    return reply.code(answers.every(({ code }) => code === 200) ? 200 : 207).send({ events: answers })
  })

  async function find(id: string): Promise<InstanceBody | null> {
    try {
      return await api.getInstance({ id })
    } catch (error) {
      if (error instanceof BatonError && error.code === 'NotFound') return null
      throw error
    }
  }

  // Snapshots of volumes that a volume service makes with Nova's help. There is none, so no server has such a volume: Nova's answers to that.
  const snapshots = `${COMPUTE}/os-assisted-volume-snapshots`
  app.post<{ Body: Static<typeof CreateSnapshot> }>(snapshots, { schema: { body: CreateSnapshot } }, async request => {
    throw badRequest(`No server has the volume ${printable(request.body.snapshot.volume_id)}: there is no volume service here.`)
  })

  app.delete<{ Params: IdParams; Querystring: Static<typeof DeleteQuery> }>(
    `${snapshots}/:id`,
    { schema: { querystring: DeleteQuery }, config: { strictQuery: true } },
    async request => {
      const { delete_info: info } = request.query
      if (info === undefined || !isJsonObject(info)) throw badRequest('Invalid input for delete_info: it must be JSON with the volume_id.')
      throw notFound('Volume snapshot', request.params.id)
    },
  )
}

function checkName(name: string, at: number, minor: number): void {
  const row = Object.hasOwn(EVENTS, name) ? EVENTS[name] : undefined
  const known = row && (row.since === undefined || has(minor, row.since))
  if (known) return
  const help = row?.since ? `it needs microversion 2.${CHANGES[row.since].since} or later` : `it must be one of ${Object.keys(EVENTS).join(', ')}`
  throw badRequest(`Invalid input for events[${at}].name: ${help}.`)
}

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && 'volume_id' in value
  } catch {
    return false
  }
}
