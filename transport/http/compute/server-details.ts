/** What can be changed of a server at any time: PUT /servers/:id (its name), /servers/:id/metadata and /servers/:id/tags. */
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import type { InstanceBody, UpdateInstance } from '../../../actors/api.ts'
import { COMPUTE, type HttpContext } from '../context.ts'
import { since } from '../requests/changes.ts'
import { badRequest, notFound } from '../requests/errors.ts'
import { ACCESS_FIELDS, accessOf, Description, Hostname, type IdParams, MAX_TAGS, Name, Tag, Tags } from '../requests/schemas.ts'
import { serverChanged } from '../views/server.ts'
import { checkItems, itemOf, type KeyParams, MetaBody, MetadataBody, valueFor } from './metadata.ts'
import { livingInstance, sightOf } from './servers.ts'

const only = { additionalProperties: false } as const
const PutServer = Type.Object(
  {
    server: Type.Object(
      {
        name: Type.Optional(Name),
        description: Type.Optional(since('server.description', Description)),
        hostname: Type.Optional(since('server.hostname', Hostname)),
        ...ACCESS_FIELDS,
      },
      only,
    ),
  },
  only,
)
const PutTags = Type.Object({ tags: Tags }, only)

/** What a body with these fields changes of an instance. */
export function changeOf(asked: Static<typeof PutServer>['server']): Pick<UpdateInstance, 'name' | 'about'> {
  const { name, description, hostname } = asked
  const about = {
    ...(description === undefined ? {} : { description: description || null }),
    ...(hostname === undefined ? {} : { hostname }),
    ...accessOf(asked),
  }
  return { ...(name === undefined ? {} : { name }), ...(Object.keys(about).length > 0 ? { about } : {}) }
}

interface TagParams extends IdParams {
  readonly tag: string
}

export function serverDetailRoutes(app: FastifyInstance, context: HttpContext): void {
  const { api } = context
  const server = `${COMPUTE}/servers/:id`
  const living = (request: { params: IdParams }): Promise<InstanceBody> => livingInstance(context, request.params.id)

  app.put<{ Params: IdParams; Body: Static<typeof PutServer> }>(server, { schema: { body: PutServer } }, async request => {
    const { id } = await living(request)
    const instance = await api.updateInstance({ id, requestId: request.id, ...changeOf(request.body.server) })
    return { server: serverChanged(instance, await sightOf(context, request)) }
  })

  app.get<{ Params: IdParams }>(`${server}/metadata`, async request => ({ metadata: (await living(request)).metadata }))

  const setMetadata = { schema: { body: MetadataBody } }
  app.put<{ Params: IdParams; Body: MetadataBody }>(`${server}/metadata`, setMetadata, async request => {
    const { id, project } = await living(request)
    await checkItems(api, project, request.body.metadata)
    return { metadata: (await api.updateInstance({ id, requestId: request.id, metadata: request.body.metadata })).metadata }
  })

  app.post<{ Params: IdParams; Body: MetadataBody }>(`${server}/metadata`, setMetadata, async request => {
    const { id, metadata, project } = await living(request)
    await checkItems(api, project, { ...metadata, ...request.body.metadata })
    return { metadata: (await api.updateInstance({ id, requestId: request.id, setMetadata: request.body.metadata })).metadata }
  })

  app.get<{ Params: KeyParams }>(`${server}/metadata/:key`, async request => {
    const { metadata } = await living(request)
    return { meta: { [request.params.key]: itemOf(metadata, request.params.key) } }
  })

  app.put<{ Params: KeyParams; Body: MetaBody }>(`${server}/metadata/:key`, { schema: { body: MetaBody } }, async request => {
    const { id, metadata, project } = await living(request)
    const { key } = request.params
    const value = valueFor(key, request.body)
    await checkItems(api, project, { ...metadata, [key]: value })
    await api.updateInstance({ id, requestId: request.id, setMetadata: { [key]: value } })
    return { meta: { [key]: value } }
  })

  app.delete<{ Params: KeyParams }>(`${server}/metadata/:key`, async (request, reply) => {
    const { id, metadata } = await living(request)
    itemOf(metadata, request.params.key)
    await api.updateInstance({ id, requestId: request.id, unsetMetadata: [request.params.key] })
    return reply.code(204).send()
  })

  const config = { since: 'server.tags' } as const
  const tags = `${server}/tags`
  app.get<{ Params: IdParams }>(tags, { config }, async request => ({ tags: (await living(request)).tags }))

  app.put<{ Params: IdParams; Body: Static<typeof PutTags> }>(tags, { schema: { body: PutTags }, config }, async request => {
    const { id } = await living(request)
    return { tags: (await api.updateInstance({ id, requestId: request.id, tags: request.body.tags })).tags }
  })

  app.delete<{ Params: IdParams }>(tags, { config }, async (request, reply) => {
    const { id } = await living(request)
    await api.updateInstance({ id, requestId: request.id, tags: [] })
    return reply.code(204).send()
  })

  app.get<{ Params: TagParams }>(`${tags}/:tag`, { config }, async (request, reply) => {
    const { tags: all } = await living(request)
    if (!all.includes(request.params.tag)) throw notFound('Tag', request.params.tag)
    return reply.code(204).send()
  })

  const named = { schema: { params: Type.Object({ id: Type.String(), tag: Tag }) }, config }
  app.put<{ Params: TagParams }>(`${tags}/:tag`, named, async (request, reply) => {
    const { id, tags: all } = await living(request)
    const { tag } = request.params
    if (all.includes(tag)) return reply.code(204).send()
    if (all.length >= MAX_TAGS) throw badRequest(`Server ${id} has ${MAX_TAGS} tags already; it cannot have more.`)
    await api.updateInstance({ id, requestId: request.id, addTags: [tag] })
    const { origin } = await sightOf(context, request)
    return reply
      .code(201)
      .header('location', `${origin}${COMPUTE}/servers/${id}/tags/${encodeURIComponent(tag)}`)
      .send()
  })

  app.delete<{ Params: TagParams }>(`${tags}/:tag`, { config }, async (request, reply) => {
    const { id, tags: all } = await living(request)
    const { tag } = request.params
    if (!all.includes(tag)) throw notFound('Tag', tag)
    await api.updateInstance({ id, requestId: request.id, removeTags: [tag] })
    return reply.code(204).send()
  })
}
