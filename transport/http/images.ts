/** /image/v2/images: list, show and delete, in the shapes of Glance v2. */
import type { FastifyInstance } from 'fastify'
import { type HttpContext, IMAGE } from './context.ts'
import { nextQuery, pageOf } from './paging.ts'
import { plainId } from './request.ts'
import { type IdParams, PageQuery } from './schemas.ts'
import { imageDetail } from './views/image.ts'

export function imageRoutes(app: FastifyInstance, { api, limits }: HttpContext): void {
  app.get<{ Querystring: PageQuery }>(`${IMAGE}/images`, { schema: { querystring: PageQuery } }, async request => {
    const { items, next } = await pageOf(request.query, limits.maxPageItems, page => api.listImages(page))
    const link = next === null ? {} : { next: `/v2/images?${nextQuery(request.url, next)}` }
    return { images: items.map(imageDetail), first: '/v2/images', schema: '/v2/schemas/images', ...link }
  })

  app.get<{ Params: IdParams }>(`${IMAGE}/images/:id`, async request => imageDetail(await api.getImage({ id: plainId('Image', request.params.id) })))

  app.delete<{ Params: IdParams }>(`${IMAGE}/images/:id`, async (request, reply) => {
    await api.deleteImage({ id: plainId('Image', request.params.id) })
    return reply.code(204).send()
  })
}
