/** /baton/v1/agents: agents outside of guests. */
import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { AGENT_STATES, BACKUP_KINDS, COMMAND_MAX_MS } from '../../../actors/api.ts'
import { BatonError } from '../../../actors/kernel/errors.ts'
import { createKeyPair } from '../../agents/keys.ts'
import { BATON, type HttpContext } from '../context.ts'
import { pageOf } from '../requests/paging.ts'
import { agentIdOf, beginning, originOf, plainId, projectOf } from '../requests/request.ts'
import { Id, type IdParams, integer, Name, pageFields } from '../requests/schemas.ts'
import { nextLinks } from '../views/links.ts'

const only = { additionalProperties: false } as const
const scope = { project_id: Type.Optional(Id), all_tenants: Type.Optional(Id), all_projects: Type.Optional(Id) }
const AgentsQuery = Type.Object({ ...pageFields, ...scope, agent: Type.Optional(Type.Enum([...AGENT_STATES])) })

const PublicKey = Type.String({ pattern: '^[0-9a-f]{64}$', description: 'it must be an X25519 public key: 64 hexadecimal digits in small letters' })
const CreateBody = Type.Object(
  {
    agent: Type.Object({ name: Name, publicKey: Type.Optional(PublicKey), silentMs: Type.Optional(integer(1000, 86_400_000, 'ms')) }, only),
  },
  only,
)
const RotateBody = Type.Object({ publicKey: Type.Optional(PublicKey) }, only)
const MethodName = Type.String({ pattern: '^[a-z][a-z0-9_]{0,63}$', description: 'it must be a small letter, then letters, digits and _' })
const ExecBody = Type.Object(
  {
    method: MethodName,
    args: Type.Optional(Type.Record(Type.String({ maxLength: 64 }), Type.Unknown(), { maxProperties: 64 })),
    timeoutMs: Type.Optional(integer(1, COMMAND_MAX_MS, 'ms')),
    command: Type.Optional(
      Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9-]{0,63}$', description: 'it must be an id: 1 to 64 letters, digits and dashes' }),
    ),
  },
  only,
)
const Schedule = Type.Object(
  { everyMs: integer(1000, 366 * 86_400_000, 'ms'), keep: integer(1, 1000, 'backups'), fullEvery: Type.Optional(integer(1, 1000, 'backups')) },
  only,
)
const ScheduleBody = Type.Object({ schedule: Type.Union([Schedule, Type.Null()]) }, only)
const BackupBody = Type.Object(
  {
    backup: Type.Object(
      {
        name: Type.Optional(Name),
        kind: Type.Optional(Type.Enum([...BACKUP_KINDS])),
        parent: Type.Optional(Id),
        keep: Type.Optional(integer(1, 1000, 'backups')),
      },
      only,
    ),
  },
  only,
)
const RestoreBody = Type.Object({ backup: Id }, only)

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

export function agentRoutes(app: FastifyInstance, { api, limits, agentDoor }: HttpContext): void {
  const agents = `${BATON}/agents`
  const idOf = ({ params }: { params: IdParams }): string => agentIdOf(params.id)

  /** A pair made here is shown once and kept nowhere; who made one tells only its public half. */
  const pairFor = (publicKey: string | undefined) => (publicKey === undefined ? createKeyPair() : { publicKey })

  /** Where the agent finds the doors, and by which key it knows them. */
  function doors() {
    const door = agentDoor()
    if (!door) throw new BatonError('Conflict', 'this gateway lets no agents in; set agents.listen')
    return door
  }

  app.get<{ Querystring: Static<typeof AgentsQuery> }>(agents, { schema: { querystring: AgentsQuery } }, async request => {
    const { agent, project_id: project, ...query } = request.query
    const where = { ...(project === undefined ? {} : { project }), ...(agent === undefined ? {} : { agent }) }
    const { items, next } = await pageOf(query, limits.maxPageItems, page => api.listAgents({ ...page, ...where }))
    return { agents: items, ...nextLinks('agents', originOf(request), request.url, next) }
  })

  app.post<{ Body: Static<typeof CreateBody> }>(agents, { schema: { body: CreateBody } }, async (request, reply) => {
    const { name, publicKey, silentMs } = request.body.agent
    const pair = pairFor(publicKey)
    const asked = { id: randomUUID(), name, project: projectOf(request), key: pair.publicKey, ...(silentMs === undefined ? {} : { silentMs }) }
    const door = doors()
    const agent = await api.createAgent(asked)
    return reply.code(201).send({ agent, keys: pair, door })
  })

  app.get<{ Params: IdParams }>(`${agents}/:id`, async request => ({ agent: await api.getAgent({ id: idOf(request) }) }))

  app.delete<{ Params: IdParams }>(`${agents}/:id`, async (request, reply) => {
    await api.deleteAgent({ id: idOf(request) })
    return reply.code(204).send()
  })

  app.put<{ Params: IdParams; Body: Static<typeof RotateBody> }>(`${agents}/:id/key`, { schema: { body: RotateBody } }, async request => {
    const pair = pairFor(request.body.publicKey)
    const door = doors()
    return { agent: await api.rotateAgentKey({ id: idOf(request), key: pair.publicKey }), keys: pair, door }
  })

  app.post<{ Params: IdParams; Body: Static<typeof ExecBody> }>(`${agents}/:id/exec`, { schema: { body: ExecBody } }, async (request, reply) => {
    const { method, args = {}, timeoutMs, command = randomUUID() } = request.body
    // It was parsed from JSON, so this is what it is.
    const given = args as Readonly<Record<string, Json>>
    const asked = { id: idOf(request), command, method, args: given, ...(timeoutMs === undefined ? {} : { timeoutMs }) }
    return reply.code(202).send({ command: await api.execAgent(asked) })
  })

  app.get<{ Params: IdParams & { command: string } }>(`${agents}/:id/commands/:command`, async request => ({
    command: await api.getAgentCommand({ id: idOf(request), command: plainId('Command', request.params.command) }),
  }))

  app.put<{ Params: IdParams; Body: Static<typeof ScheduleBody> }>(`${agents}/:id/schedule`, { schema: { body: ScheduleBody } }, async request => {
    const { schedule } = request.body
    return { agent: await api.scheduleAgentBackups({ id: idOf(request), schedule: schedule && { fullEvery: 1, ...schedule } }) }
  })

  app.post<{ Params: IdParams; Body: Static<typeof BackupBody> }>(
    `${agents}/:id/backups`,
    { schema: { body: BackupBody } },
    async (request, reply) => {
      const backup = randomUUID()
      const { name = `backup-${backup.slice(0, 8)}`, kind = 'full', parent, keep } = request.body.backup
      const asked = { name, kind, ...(parent === undefined ? {} : { parent: plainId('Backup', parent) }), ...(keep === undefined ? {} : { keep }) }
      const { operation } = await api.createBackup({ id: idOf(request), backup, ...asked, ...beginning(request) })
      return reply.code(202).send({ backup: { id: backup, name, kind }, operation: { id: operation } })
    },
  )

  app.post<{ Params: IdParams; Body: Static<typeof RestoreBody> }>(
    `${agents}/:id/restore`,
    { schema: { body: RestoreBody } },
    async (request, reply) => {
      const backup = plainId('Backup', request.body.backup)
      const { operation } = await api.restoreBackup({ id: idOf(request), backup, ...beginning(request) })
      return reply.code(202).send({ operation: { id: operation } })
    },
  )
}
