/** /baton/v1/guests and /baton/v1/backups: agents in guests, and the backups that they make. */
import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { AGENT_STATES, BACKUP_KINDS, EXEC_MAX_MS } from '../../../actors/api.ts'
import { BATON, type HttpContext } from '../context.ts'
import { pageOf } from '../requests/paging.ts'
import { beginning, instanceId, originOf, plainId } from '../requests/request.ts'
import { Id, type IdParams, integer, Name, pageFields } from '../requests/schemas.ts'
import { nextLinks } from '../views/links.ts'

const only = { additionalProperties: false } as const
const scope = { project_id: Type.Optional(Id), all_tenants: Type.Optional(Id), all_projects: Type.Optional(Id) }
const GuestsQuery = Type.Object({ ...pageFields, ...scope, agent: Type.Optional(Type.Enum([...AGENT_STATES])) })
const BackupsQuery = Type.Object({ ...pageFields, ...scope, instance: Type.Optional(Id) })

const MethodName = Type.String({ pattern: '^[a-z][a-z0-9_]{0,63}$', description: 'it must be a small letter, then letters, digits and _' })
const ExecBody = Type.Object(
  {
    method: MethodName,
    args: Type.Optional(Type.Record(Type.String({ maxLength: 64 }), Type.Unknown(), { maxProperties: 64 })),
    timeoutMs: Type.Optional(integer(1, EXEC_MAX_MS, 'ms')),
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

export function guestRoutes(app: FastifyInstance, { api, limits }: HttpContext): void {
  const guests = `${BATON}/guests`
  const backups = `${BATON}/backups`
  const idOf = ({ params }: { params: IdParams }): string => instanceId(params.id)
  const ofProject = ({ project_id: project }: { project_id?: string }) => (project === undefined ? {} : { project })

  app.get<{ Querystring: Static<typeof GuestsQuery> }>(guests, { schema: { querystring: GuestsQuery } }, async request => {
    const { agent, ...query } = request.query
    const where = { ...ofProject(query), ...(agent === undefined ? {} : { agent }) }
    const { items, next } = await pageOf(query, limits.maxPageItems, page => api.listGuests({ ...page, ...where }))
    return { guests: items, ...nextLinks('guests', originOf(request), request.url, next) }
  })

  app.get<{ Params: IdParams }>(`${guests}/:id`, async request => ({ guest: await api.getGuest({ id: idOf(request) }) }))

  app.post<{ Params: IdParams; Body: Static<typeof ExecBody> }>(`${guests}/:id/exec`, { schema: { body: ExecBody } }, async request => {
    const { method, args = {}, timeoutMs } = request.body
    // It was parsed from JSON, so this is what it is.
    const given = args as Readonly<Record<string, Json>>
    return api.execGuest({ id: idOf(request), method, args: given, ...(timeoutMs === undefined ? {} : { timeoutMs }) })
  })

  app.put<{ Params: IdParams; Body: Static<typeof ScheduleBody> }>(`${guests}/:id/schedule`, { schema: { body: ScheduleBody } }, async request => {
    const { schedule } = request.body
    return { guest: await api.scheduleBackups({ id: idOf(request), schedule: schedule && { fullEvery: 1, ...schedule } }) }
  })

  app.post<{ Params: IdParams; Body: Static<typeof BackupBody> }>(
    `${guests}/:id/backups`,
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
    `${guests}/:id/restore`,
    { schema: { body: RestoreBody } },
    async (request, reply) => {
      const backup = plainId('Backup', request.body.backup)
      const { operation } = await api.restoreBackup({ id: idOf(request), backup, ...beginning(request) })
      return reply.code(202).send({ operation: { id: operation } })
    },
  )

  app.get<{ Querystring: Static<typeof BackupsQuery> }>(backups, { schema: { querystring: BackupsQuery } }, async request => {
    const { instance, ...query } = request.query
    const where = { ...ofProject(query), ...(instance === undefined ? {} : { instance }) }
    const { items, next } = await pageOf(query, limits.maxPageItems, page => api.listBackups({ ...page, ...where }))
    return { backups: items, ...nextLinks('backups', originOf(request), request.url, next) }
  })

  app.get<{ Params: IdParams }>(`${backups}/:id`, async request => ({ backup: await api.getBackup({ id: plainId('Backup', request.params.id) }) }))

  app.delete<{ Params: IdParams }>(`${backups}/:id`, async (request, reply) => {
    await api.deleteBackup({ id: plainId('Backup', request.params.id) })
    return reply.code(204).send()
  })
}
