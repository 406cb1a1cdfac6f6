/** What can be changed of a server at any time: PUT /servers/:id (its name), /servers/:id/metadata and /servers/:id/tags. */
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import type { InstanceBody } from '../../actors/api.ts'
import { COMPUTE, type HttpContext } from './context.ts'
import { notFound } from './errors.ts'
import { originOf } from './request.ts'
import { type IdParams, Metadata, Name } from './schemas.ts'
import { livingInstance } from './servers.ts'
import { serverDetail } from './views/server.ts'

const only = { additionalProperties: false } as const
const PutServer = Type.Object({ server: Type.Object({ name: Name }, only) }, only)
const PutMetadata = Type.Object({ metadata: Metadata }, only)
const PutMeta = Type.Object({ meta: Metadata }, only)
const Tag = Type.String({ pattern: '^[^,/\\p{Cc}\\p{Cs}]{1,60}$', description: 'a tag has 1 to 60 characters, none of them a comma or a slash' })
const PutTags = Type.Object({ tags: Type.Array(Tag, { maxItems: 50, description: 'at most 50 tags' }) }, only)

interface KeyParams extends IdParams {
  readonly key: string
}

export function serverDetailRoutes(app: FastifyInstance, context: HttpContext): void {
  const { api } = context
  const server = `${COMPUTE}/servers/:id`
  const living = (request: { params: IdParams }): Promise<InstanceBody> => livingInstance(context, request.params.id)

  app.put<{ Params: IdParams; Body: Static<typeof PutServer> }>(server, { schema: { body: PutServer } }, async request => {
    const { id } = await living(request)
    const instance = await api.updateInstance({ id, requestId: request.id, name: request.body.server.name })
    const zoneOf = await context.zones()
    return { server: serverDetail(instance, originOf(request), request.novaMinor, zoneOf(instance.host)) }
  })

  app.get<{ Params: IdParams }>(`${server}/metadata`, async request => ({ metadata: (await living(request)).metadata }))

  const setMetadata = { schema: { body: PutMetadata } }
  app.put<{ Params: IdParams; Body: Static<typeof PutMetadata> }>(`${server}/metadata`, setMetadata, async request => {
    const { id } = await living(request)
    return { metadata: (await api.updateInstance({ id, requestId: request.id, metadata: request.body.metadata })).metadata }
  })

  app.post<{ Params: IdParams; Body: Static<typeof PutMetadata> }>(`${server}/metadata`, setMetadata, async request => {
    const { id } = await living(request)
    return { metadata: (await api.updateInstance({ id, requestId: request.id, setMetadata: request.body.metadata })).metadata }
  })

  app.get<{ Params: KeyParams }>(`${server}/metadata/:key`, async request => {
    const { metadata } = await living(request)
    return { meta: { [request.params.key]: itemOf(metadata, request.params.key) } }
  })

  app.put<{ Params: KeyParams; Body: Static<typeof PutMeta> }>(`${server}/metadata/:key`, { schema: { body: PutMeta } }, async request => {
    const { id } = await living(request)
    const { key } = request.params
    const value = itemOf(request.body.meta, key)
    await api.updateInstance({ id, requestId: request.id, setMetadata: { [key]: value } })
    return { meta: { [key]: value } }
  })

  app.delete<{ Params: KeyParams }>(`${server}/metadata/:key`, async (request, reply) => {
    const { id, metadata } = await living(request)
    itemOf(metadata, request.params.key)
    await api.updateInstance({ id, requestId: request.id, unsetMetadata: [request.params.key] })
    return reply.code(204).send()
  })

  app.get<{ Params: IdParams }>(`${server}/tags`, async request => ({ tags: (await living(request)).tags }))

  app.put<{ Params: IdParams; Body: Static<typeof PutTags> }>(`${server}/tags`, { schema: { body: PutTags } }, async request => {
    const { id } = await living(request)
    return { tags: (await api.updateInstance({ id, requestId: request.id, tags: request.body.tags })).tags }
  })

  app.delete<{ Params: IdParams }>(`${server}/tags`, async (request, reply) => {
    const { id } = await living(request)
    await api.updateInstance({ id, requestId: request.id, tags: [] })
    return reply.code(204).send()
  })
}

function itemOf(metadata: Readonly<Record<string, string>>, key: string): string {
  const value = Object.hasOwn(metadata, key) ? metadata[key] : undefined
  if (value === undefined) throw notFound('Metadata item', key)
  return value
}
