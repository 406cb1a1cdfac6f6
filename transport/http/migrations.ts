/** /os-migrations, and /servers/:id/migrations with the live migration under way: told from operations. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type Static, Type } from 'typebox'
import type { OperationBody } from '../../actors/api.ts'
import { COMPUTE, type HttpContext } from './context.ts'
import { badRequest, notFound } from './errors.ts'
import { instanceId, originOf } from './request.ts'
import { Id, type IdParams } from './schemas.ts'
import { livingInstance } from './servers.ts'
import { MIGRATION_TYPES, migrationId, migrationRow, migrationStatus, serverMigration } from './views/migration.ts'

const MigrationsQuery = Type.Object({
  host: Type.Optional(Id),
  source_compute: Type.Optional(Id),
  instance_uuid: Type.Optional(Id),
  status: Type.Optional(Id),
  migration_type: Type.Optional(Id),
  hidden: Type.Optional(Id),
  cell_name: Type.Optional(Id),
})

const ForceComplete = Type.Object({ force_complete: Type.Null() }, { additionalProperties: false })

const PATH = `${COMPUTE}/servers/:id/migrations`

interface MigrationParams extends IdParams {
  readonly migration: string
}

export function migrationRoutes(app: FastifyInstance, context: HttpContext): void {
  const { api, limits } = context

  // As in Nova of these versions the list has no pages: the newest, as many as a page may have.
  app.get<{ Querystring: Static<typeof MigrationsQuery> }>(
    `${COMPUTE}/os-migrations`,
    { schema: { querystring: MigrationsQuery } },
    async request => {
      const { host, source_compute: source, instance_uuid: subject, status, migration_type: type } = request.query
      const kinds = Object.keys(MIGRATION_TYPES).filter(kind => type === undefined || MIGRATION_TYPES[kind] === type)
      const operations = await api.listOperations({ kinds, limit: limits.maxPageItems, ...(subject === undefined ? {} : { subject }) })
      const wanted = operations.filter(
        o =>
          (host === undefined || o.move?.from === host || o.move?.to === host) &&
          (source === undefined || o.move?.from === source) &&
          (status === undefined || migrationStatus(o) === status),
      )
      return { migrations: wanted.map(o => migrationRow(o, request.novaMinor, originOf(request))) }
    },
  )

  async function underWay(id: string): Promise<OperationBody[]> {
    const instance = await livingInstance(context, id)
    return api.listOperations({ subject: instance.id, kinds: ['live-migrate'], open: true, limit: 1 })
  }

  async function migration({ params }: FastifyRequest<{ Params: MigrationParams }>): Promise<OperationBody> {
    const { id, migration: wanted } = params
    const found = (await underWay(id)).find(o => String(migrationId(o)) === wanted)
    if (!found) throw notFound(`In-progress live migration of instance ${instanceId(id)} with id`, wanted)
    return found
  }

  const shown = { config: { since: 'migrations.of-server' } } as const
  app.get<{ Params: IdParams }>(PATH, shown, async request => ({
    migrations: (await underWay(request.params.id)).map(o => serverMigration(o, request.novaMinor)),
  }))

  app.get<{ Params: MigrationParams }>(`${PATH}/:migration`, shown, async request => ({
    migration: serverMigration(await migration(request), request.novaMinor),
  }))

  app.delete<{ Params: MigrationParams }>(`${PATH}/:migration`, { config: { since: 'migrations.abort' } }, async (request, reply) => {
    const { id } = await migration(request)
    await api.cancelOperation({ id })
    return reply.code(202).send()
  })

  app.post<{ Params: MigrationParams; Body: Static<typeof ForceComplete> }>(
    `${PATH}/:migration/action`,
    { schema: { body: ForceComplete }, config: { since: 'migrations.force' } },
    async (request, reply) => {
      const operation = await migration(request)
      const status = migrationStatus(operation)
      if (status !== 'running') {
        throw badRequest(`Migration ${migrationId(operation)} of instance ${operation.subject} is ${status}; only a running one can be forced.`)
      }
      await api.forceOperation({ id: operation.id })
      return reply.code(202).send()
    },
  )
}
