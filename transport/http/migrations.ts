/** /os-migrations, and /servers/:id/migrations with the live migration under way: told from operations. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type Static, Type } from 'typebox'
import type { OperationBody } from '../../actors/api.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
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

const SINCE = { force: 22, list: 23, abort: 24 } as const
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

  async function migration(request: FastifyRequest<{ Params: MigrationParams }>, since: number): Promise<OperationBody> {
    if (since > request.novaMinor) throw tooOld()
    const { id, migration: wanted } = request.params
    const found = (await underWay(id)).find(o => String(migrationId(o)) === wanted)
    if (!found) throw notFound(`In-progress live migration of instance ${instanceId(id)} with id`, wanted)
    return found
  }

  app.get<{ Params: IdParams }>(PATH, async request => {
    if (SINCE.list > request.novaMinor) throw tooOld()
    return { migrations: (await underWay(request.params.id)).map(serverMigration) }
  })

  app.get<{ Params: MigrationParams }>(`${PATH}/:migration`, async request => ({ migration: serverMigration(await migration(request, SINCE.list)) }))

  app.delete<{ Params: MigrationParams }>(`${PATH}/:migration`, async (request, reply) => {
    const { id } = await migration(request, SINCE.abort)
    await api.cancelOperation({ id })
    return reply.code(202).send()
  })

  app.post<{ Params: MigrationParams; Body: Static<typeof ForceComplete> }>(
    `${PATH}/:migration/action`,
    { schema: { body: ForceComplete } },
    async (request, reply) => {
      const operation = await migration(request, SINCE.force)
      const status = migrationStatus(operation)
      if (status !== 'running') {
        throw badRequest(`Migration ${migrationId(operation)} of instance ${operation.subject} is ${status}; only a running one can be forced.`)
      }
      await api.forceOperation({ id: operation.id })
      return reply.code(202).send()
    },
  )
}

/** As if there were no such path. */
const tooOld = () => new BatonError('NotFound', 'The resource could not be found.')
