/** /image/v2/images: what is said of images, in the shapes of Glance v2. Their bytes are the business of `data.ts`. */
import { randomUUID } from 'node:crypto'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { ImageAsker } from '../../../actors/api.ts'
import { BatonError } from '../../../actors/kernel/errors.ts'
import { type HttpContext, IMAGE } from '../context.ts'
import { isAdmin, projectIn } from '../policy/checks.ts'
import { badRequest, HttpRefusal, notFound, printable } from '../requests/errors.ts'
import { limitOf, nextQuery } from '../requests/paging.ts'
import { checkProject, plainId, projectOf } from '../requests/request.ts'
import { Id, type IdParams, PageLimit } from '../requests/schemas.ts'
import { imageDetail, memberDetail } from '../views/image.ts'
import { partsOf } from './fields.ts'
import { filterOf, type Query, sortOf } from './filters.ts'
import { changesOf, PATCH_TYPES, parsePatch } from './patch.ts'
import { CREATE_BODY, isProperty, isReserved, MEMBER_BODY, MEMBER_STATUS_BODY, SCHEMA_DOCUMENTS, WRITABLE } from './schemas.ts'

interface TagParams extends IdParams {
  readonly tag: string
}

interface MemberParams extends IdParams {
  readonly member: string
}

const ListQuery = { type: 'object', properties: { limit: PageLimit, marker: Id } }

/** For whom a list of images is. */
export const askerOf = ({ claims }: FastifyRequest): { asker?: ImageAsker } =>
  claims ? { asker: { project: projectIn(claims), admin: isAdmin(claims) } } : {}

const idOf = (request: { readonly params: IdParams }): string => plainId('Image', request.params.id)

export function imageRoutes(app: FastifyInstance, { api, limits }: HttpContext): void {
  const images = `${IMAGE}/images`
  const image = `${images}/:id`

  app.get<{ Querystring: Query & { limit?: string; marker?: string } }>(images, { schema: { querystring: ListQuery } }, async request => {
    const { query } = request
    const limit = limitOf({ ...(typeof query.limit === 'string' ? { limit: query.limit } : {}) }, limits.maxPageItems)
    const sort = sortOf(query)
    // The guard names the project of who asks; the asker says it better.
    const { project_id: _, ...own } = query
    const filter = filterOf(own)
    const about = { ...askerOf(request), ...(sort ? { sort } : {}), ...(query.marker === undefined ? {} : { marker: query.marker }), filter }
    const found = limit === 0 ? [] : await api.listImages({ limit, ...about })
    const next = found.length >= limit ? found.at(-1)?.id : undefined
    const link = next === undefined ? {} : { next: `/v2/images?${nextQuery(request.url, next)}` }
    return { images: found.map(imageDetail), first: '/v2/images', schema: '/v2/schemas/images', ...link }
  })

  app.post<{ Body: Readonly<Record<string, unknown>> }>(images, { schema: { body: CREATE_BODY } }, async (request, reply) => {
    const { id = randomUUID(), owner, ...fields } = request.body
    const readOnly = Object.keys(fields).find(isReserved)
    if (readOnly !== undefined) throw new BatonError('Forbidden', `Attribute '${printable(readOnly)}' is read-only.`)
    const properties = Object.fromEntries(Object.entries(fields).filter((entry): entry is [string, string] => isProperty(...entry)))
    const { name = '', visibility = 'shared', ...about } = partsOf(fields)
    const made = await api.createImage({
      ...about,
      id: String(id).toLowerCase(),
      name,
      visibility,
      project: ownerOf(request, owner),
      properties,
      requestId: request.id,
    })
    return reply.code(201).header('location', `${IMAGE}/images/${made.id}`).send(imageDetail(made))
  })

  app.get<{ Params: IdParams }>(image, async request => imageDetail(await api.getImage({ id: idOf(request) })))

  app.patch<{ Params: IdParams }>(image, async request => {
    const type = (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim()
    if (!PATCH_TYPES.some(each => each === type)) {
      throw new HttpRefusal(415, `A patch of an image has the type ${PATCH_TYPES[0]}.`, { 'accept-patch': PATCH_TYPES.join(', ') })
    }
    const id = idOf(request)
    const patch = parsePatch(request.body)
    const before = await api.getImage({ id })
    const changes = changesOf(before, patch, (field, value) => problemOf(request, field, value))
    const has = before.status !== 'queued'
    if (has && (isOther(changes.diskFormat, before.diskFormat) || isOther(changes.containerFormat, before.containerFormat))) {
      throw new BatonError('Forbidden', 'The formats of an image are settled once its bytes are there.')
    }
    return imageDetail(Object.keys(changes).length === 0 ? before : await api.updateImage({ id, ...changes }))
  })

  app.delete<{ Params: IdParams }>(image, async (request, reply) => {
    await api.deleteImage({ id: idOf(request) })
    return reply.code(204).send()
  })

  app.put<{ Params: TagParams }>(`${image}/tags/:tag`, async (request, reply) => {
    const { tag } = request.params
    const wrong = problemOf(request, 'tags', [tag])
    if (wrong) throw badRequest(`Invalid tag: it must be text of 1 to 255 characters.`)
    await api.updateImage({ id: idOf(request), addTags: [tag] })
    return reply.code(204).send()
  })

  app.delete<{ Params: TagParams }>(`${image}/tags/:tag`, async (request, reply) => {
    const id = idOf(request)
    const { tag } = request.params
    if (!(await api.getImage({ id })).tags?.includes(tag)) throw notFound('Tag', tag)
    await api.updateImage({ id, removeTags: [tag] })
    return reply.code(204).send()
  })

  for (const [action, active] of [
    ['deactivate', false],
    ['reactivate', true],
  ] as const) {
    app.post<{ Params: IdParams }>(`${image}/actions/${action}`, async (request, reply) => {
      await api.setImageActive({ id: idOf(request), active })
      return reply.code(204).send()
    })
  }

  /** Validates one field by its own schema, with the same validator that checks whole bodies. */
  function problemOf(request: FastifyRequest, field: string, value: unknown): string | null {
    const part = Object.hasOwn(WRITABLE, field) ? WRITABLE[field as keyof typeof WRITABLE] : CREATE_BODY.additionalProperties
    const validate = request.compileValidationSchema(part as unknown as { [key: string]: unknown })
    return validate(value) ? null : part.description
  }
}

const isOther = (wanted: string | null | undefined, is: string | null | undefined): boolean => wanted !== undefined && wanted !== is

/** Whose an image is to be: only an admin makes one for another project. */
function ownerOf(request: FastifyRequest, asked: unknown): string {
  const mine = projectOf(request)
  if (typeof asked !== 'string' || asked === mine) return mine
  if (request.claims && !isAdmin(request.claims)) throw new BatonError('Forbidden', 'Only an admin may make an image for another project.')
  return checkProject('owner', asked)
}

/** Who may see a shared image, and what they say to that. */
export function imageMemberRoutes(app: FastifyInstance, { api }: HttpContext): void {
  const members = `${IMAGE}/images/:id/members`

  /** The owner and an admin see all members, a member itself alone. */
  const sees = (request: FastifyRequest, owner: string | null, member: string): boolean =>
    !request.claims || isAdmin(request.claims) || projectIn(request.claims) === owner || projectIn(request.claims) === member

  app.get<{ Params: IdParams }>(members, async request => {
    const image = await api.getImage({ id: idOf(request) })
    const names = Object.keys(image.members ?? {}).filter(member => sees(request, image.project, member))
    return { members: names.map(member => memberDetail(image, member)), schema: '/v2/schemas/members' }
  })

  app.post<{ Params: IdParams; Body: { member: string } }>(members, { schema: { body: MEMBER_BODY } }, async request => {
    const { member } = request.body
    return memberDetail(await api.addImageMember({ id: idOf(request), member }), member)
  })

  app.get<{ Params: MemberParams }>(`${members}/:member`, async request => {
    const image = await api.getImage({ id: idOf(request) })
    const { member } = request.params
    if (!Object.hasOwn(image.members ?? {}, member) || !sees(request, image.project, member)) throw notFound('Member', member)
    return memberDetail(image, member)
  })

  app.put<{ Params: MemberParams; Body: { status: 'pending' | 'accepted' | 'rejected' } }>(
    `${members}/:member`,
    { schema: { body: MEMBER_STATUS_BODY } },
    async request => {
      const { member } = request.params
      const { claims } = request
      if (claims && !isAdmin(claims) && projectIn(claims) !== member) throw new BatonError('Forbidden', 'Only the member itself may say that.')
      return memberDetail(await api.setImageMember({ id: idOf(request), member, status: request.body.status }), member)
    },
  )

  app.delete<{ Params: MemberParams }>(`${members}/:member`, async (request, reply) => {
    await api.removeImageMember({ id: idOf(request), member: request.params.member })
    return reply.code(204).send()
  })
}

/** What this image service is and can do. */
export function imageInfoRoutes(app: FastifyInstance, { api }: HttpContext): void {
  app.get<{ Params: { name: string } }>(`${IMAGE}/schemas/:name`, async request => {
    const { name } = request.params
    const found = Object.hasOwn(SCHEMA_DOCUMENTS, name) ? SCHEMA_DOCUMENTS[name] : undefined
    if (!found) throw notFound('Schema', name)
    return found
  })

  app.get(`${IMAGE}/info/import`, async () => ({
    'import-methods': { description: 'Import methods available.', type: 'array', value: [] },
  }))

  app.get(`${IMAGE}/info/stores`, async () => ({ stores: [{ id: 'file', default: 'true' }] }))

  app.get(`${IMAGE}/info/usage`, async request => {
    const { limits, used } = await api.getQuota({ id: projectOf(request) })
    const names = ['image_count_total', 'image_size_total'] as const
    return { usage: Object.fromEntries(names.map(name => [name, { limit: limits[name], usage: used[name] }])) }
  })

  const refuseImport = async (): Promise<never> => {
    throw badRequest('There are no import methods here (see /v2/info/import); PUT the bytes to /v2/images/{id}/file.')
  }
  app.post(`${IMAGE}/images/:id/import`, refuseImport)
  app.put(`${IMAGE}/images/:id/stage`, refuseImport)
}
