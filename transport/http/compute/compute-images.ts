/**
 * /compute/v2.1/images: Nova's proxy of the image service, for clients that are older than 2.36 (2.39 for metadata). It says in Nova's
 * words what /image/v2 says in Glance's; metadata are an image's own properties.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type Static, Type } from 'typebox'
import type { ImageBody, ImageFilter } from '../../../actors/api.ts'
import { BatonError } from '../../../actors/kernel/errors.ts'
import { COMPUTE, type HttpContext, PROJECT } from '../context.ts'
import { isWritable } from '../images/fields.ts'
import { askerOf } from '../images/records.ts'
import { isReserved } from '../images/schemas.ts'
import { badRequest, printable } from '../requests/errors.ts'
import { pageOf } from '../requests/paging.ts'
import { timeOf } from '../requests/query-time.ts'
import { originOf, plainId } from '../requests/request.ts'
import { Id, type IdParams, pageFields } from '../requests/schemas.ts'
import { computeImageDetail, computeImageSummary, imageStatuses } from '../views/compute-image.ts'
import { nextLinks } from '../views/links.ts'
import { checkItems, itemOf, type KeyParams, MetaBody, MetadataBody, valueFor } from './metadata.ts'

const Amount = Type.String({ pattern: '^[0-9]{1,10}$', description: 'it must be a whole number of at least 0' })

const ListQuery = Type.Object({
  ...pageFields,
  name: Type.Optional(Id),
  status: Type.Optional(Id),
  /** The id of a server, or a link to it: its snapshots. */
  server: Type.Optional(Id),
  /** The property `image_type`: snapshot or backup. */
  type: Type.Optional(Id),
  minDisk: Type.Optional(Amount),
  minRam: Type.Optional(Amount),
  'changes-since': Type.Optional(Id),
})
type ListQuery = Static<typeof ListQuery>

/** `property-color=red` asks for images with that property. */
const PROPERTY = /^property-(.+)$/

/** Throws 400 for values that are none. */
function filterOf(query: ListQuery): ImageFilter {
  const { name, status, server, type, minDisk, minRam } = query
  const since = timeOf('changes-since', query['changes-since'])
  const named = Object.entries(query).flatMap(([field, value]) => {
    const [, property] = PROPERTY.exec(field) ?? []
    return property === undefined ? [] : [[property, String(value)] as const]
  })
  const properties = {
    ...Object.fromEntries(named),
    ...(server === undefined ? {} : { instance_uuid: server.slice(server.lastIndexOf('/') + 1) }),
    ...(type === undefined ? {} : { image_type: type }),
  }
  return {
    ...(name === undefined ? {} : { names: [name] }),
    ...(status === undefined ? {} : { statuses: imageStatuses(status) }),
    ...(minDisk === undefined ? {} : { minDiskGb: Number(minDisk) }),
    ...(minRam === undefined ? {} : { minRamMb: Number(minRam) }),
    ...(since === undefined ? {} : { updated: [{ operator: 'gte', at: since }] }),
    ...(Object.keys(properties).length === 0 ? {} : { properties }),
  }
}

const idOf = (request: { readonly params: IdParams }): string => plainId('Image', request.params.id)

/** Throws 403 for metadata under the names of Glance's own fields. */
function checkNames(metadata: Readonly<Record<string, string>>): void {
  const taken = Object.keys(metadata).find(name => isReserved(name) || isWritable(name))
  if (taken !== undefined) throw new BatonError('Forbidden', `Attribute '${printable(taken)}' is no metadata; change it at /image/v2/images.`)
}

export function computeImageRoutes(app: FastifyInstance, { api, limits }: HttpContext): void {
  const images = `${COMPUTE}/images`
  const config = { until: 'proxies-gone' } as const

  async function list(
    request: FastifyRequest<{ Querystring: ListQuery }>,
    view: typeof computeImageSummary | typeof computeImageDetail,
  ): Promise<object> {
    const { query } = request
    const filter = filterOf(query)
    const { items, next } = await pageOf(query, limits.maxPageItems, page => api.listImages({ ...page, ...askerOf(request), filter }))
    const origin = originOf(request)
    return { images: items.map(image => view(image, origin)), ...nextLinks('images', origin, request.url, next) }
  }

  const listed = { schema: { querystring: ListQuery }, config }
  app.get<{ Querystring: ListQuery }>(images, listed, request => list(request, computeImageSummary))
  app.get<{ Querystring: ListQuery }>(`${images}/detail`, listed, request => list(request, computeImageDetail))

  app.get<{ Params: IdParams }>(`${images}/:id`, { config }, async request => ({
    image: computeImageDetail(await api.getImage({ id: idOf(request) }), originOf(request)),
  }))

  app.delete<{ Params: IdParams }>(`${images}/:id`, { config }, async (request, reply) => {
    await api.deleteImage({ id: idOf(request) })
    return reply.code(204).send()
  })
}

/** Those that come with Baton are of no project, and take no metadata. */
const ownerOf = ({ project }: ImageBody): string => project ?? PROJECT

export function imageMetadataRoutes(app: FastifyInstance, { api }: HttpContext): void {
  const metadata = `${COMPUTE}/images/:id/metadata`
  const config = { until: 'image.metadata-gone' } as const
  const image = (request: { readonly params: IdParams }): Promise<ImageBody> => api.getImage({ id: idOf(request) })

  app.get<{ Params: IdParams }>(metadata, { config }, async request => ({ metadata: (await image(request)).properties }))

  const whole = { schema: { body: MetadataBody }, config }
  app.post<{ Params: IdParams; Body: MetadataBody }>(metadata, whole, async request => {
    const found = await image(request)
    const { id, properties } = found
    const { metadata: added } = request.body
    checkNames(added)
    await checkItems(api, ownerOf(found), { ...properties, ...added })
    return { metadata: (await api.updateImage({ id, setProperties: added })).properties }
  })

  app.put<{ Params: IdParams; Body: MetadataBody }>(metadata, whole, async request => {
    const found = await image(request)
    const { id, properties } = found
    const { metadata: wanted } = request.body
    checkNames(wanted)
    await checkItems(api, ownerOf(found), wanted)
    const gone = Object.keys(properties).filter(name => !Object.hasOwn(wanted, name))
    return { metadata: (await api.updateImage({ id, setProperties: wanted, unsetProperties: gone })).properties }
  })

  app.get<{ Params: KeyParams }>(`${metadata}/:key`, { config }, async request => {
    const { key } = request.params
    return { meta: { [key]: itemOf((await image(request)).properties, key) } }
  })

  app.put<{ Params: KeyParams; Body: MetaBody }>(`${metadata}/:key`, { schema: { body: MetaBody }, config }, async request => {
    const found = await image(request)
    const { id, properties } = found
    const { key } = request.params
    const value = valueFor(key, request.body)
    if (Object.keys(request.body.meta).length > 1) throw badRequest('Invalid input for meta: it must have one key, that of the path.')
    checkNames({ [key]: value })
    await checkItems(api, ownerOf(found), { ...properties, [key]: value })
    await api.updateImage({ id, setProperties: { [key]: value } })
    return { meta: { [key]: value } }
  })

  app.delete<{ Params: KeyParams }>(`${metadata}/:key`, { config }, async (request, reply) => {
    const { id, properties } = await image(request)
    const { key } = request.params
    itemOf(properties, key)
    await api.updateImage({ id, unsetProperties: [key] })
    return reply.code(204).send()
  })
}
