/** /os-migrations, and /servers/:id/migrations with the live migration under way: told from operations. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type Static, Type } from 'typebox'
import type { OperationBody } from '../../../actors/api.ts'
import { COMPUTE, type HttpContext, PROJECT, USER } from '../context.ts'
import { has, since } from '../requests/changes.ts'
import { badRequest, notFound, printable } from '../requests/errors.ts'
import { limitOf, type PageOf } from '../requests/paging.ts'
import { changedIn } from '../requests/query-time.ts'
import { instanceId, originOf } from '../requests/request.ts'
import { Id, type IdParams, PageLimit } from '../requests/schemas.ts'
import { nextLinks } from '../views/links.ts'
import { MIGRATION_TYPES, migrationId, migrationRow, migrationStatus, migrationUuid, serverMigration } from '../views/migration.ts'
import { livingInstance } from './servers.ts'

const MigrationsQuery = Type.Object({
  limit: Type.Optional(since('migrations.paging', PageLimit)),
  /** The UUID of the last migration of the page before. */
  marker: Type.Optional(since('migrations.paging', Id)),
  'changes-since': Type.Optional(since('migrations.paging', Id)),
  'changes-before': Type.Optional(since('changes-before', Id)),
  host: Type.Optional(Id),
  source_compute: Type.Optional(Id),
  instance_uuid: Type.Optional(Id),
  status: Type.Optional(Id),
  migration_type: Type.Optional(Id),
  hidden: Type.Optional(Id),
  cell_name: Type.Optional(Id),
  user_id: Type.Optional(since('migrations.user', Id)),
  project_id: Type.Optional(since('migrations.user', Id)),
})
type MigrationsQuery = Static<typeof MigrationsQuery>

/** Pages of operations that one request looks through. */
const SCAN_PAGES = 20

/** Whether an operation passes the filters that the cluster cannot select by. */
function isWanted(operation: OperationBody, { host, source_compute: source, status, user_id: user, project_id: project }: MigrationsQuery): boolean {
  const { move } = operation
  return (
    (host === undefined || move?.from === host || move?.to === host) &&
    (source === undefined || move?.from === source) &&
    (status === undefined || migrationStatus(operation) === status) &&
    (user === undefined || (operation.by?.user ?? USER) === user) &&
    (project === undefined || (operation.project ?? PROJECT) === project)
  )
}

const ForceComplete = Type.Object({ force_complete: Type.Null() }, { additionalProperties: false })

const PATH = `${COMPUTE}/servers/:id/migrations`

interface MigrationParams extends IdParams {
  readonly migration: string
}

export function migrationRoutes(app: FastifyInstance, context: HttpContext): void {
  const { api, limits } = context

  app.get<{ Querystring: MigrationsQuery }>(
    `${COMPUTE}/os-migrations`,
    { schema: { querystring: MigrationsQuery }, config: { strictQuery: true } },
    async request => {
      const minor = request.novaMinor
      const { items, next } = await findMigrations(request.query)
      const origin = originOf(request)
      const links = has(minor, 'migrations.paging') ? nextLinks('migrations', origin, request.url, next) : {}
      return { migrations: items.map(o => migrationRow(o, minor, origin)), ...links }
    },
  )

  /** A page of what the query asks for. The marker is a UUID that follows from an operation's id, so it is looked for along the way. */
  async function findMigrations(query: MigrationsQuery): Promise<PageOf<OperationBody>> {
    const { instance_uuid: subject, migration_type: type, marker } = query
    const kinds = Object.keys(MIGRATION_TYPES).filter(kind => type === undefined || MIGRATION_TYPES[kind] === type)
    const changed = changedIn(query)
    const where = { kinds, limit: limits.maxPageItems, ...(subject === undefined ? {} : { subject }), ...(changed ? { changed } : {}) }
    const limit = limitOf(query, limits.maxPageItems)
    const items: OperationBody[] = []
    let isPast = marker === undefined
    let last: string | undefined
    for (let page = 0; page < SCAN_PAGES && limit > 0; page++) {
      const found = await api.listOperations({ ...where, ...(last === undefined ? {} : { marker: last }) })
      for (const operation of found) {
        last = operation.id
        if (isPast && isWanted(operation, query)) items.push(operation)
        isPast ||= migrationUuid(operation) === marker
        if (items.length === limit) return { items, next: migrationUuid(operation) }
      }
      if (found.length < limits.maxPageItems) break
    }
    if (!isPast) throw badRequest(`Invalid input for marker: there is no migration ${printable(marker ?? '')}.`)
    return { items, next: null }
  }

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
