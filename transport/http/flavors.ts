/** /flavors: list, show, create, delete. Shapes of Nova's API reference, "Flavors". */
import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { COMPUTE, type HttpContext } from './context.ts'
import { badRequest } from './errors.ts'
import { pageOf } from './paging.ts'
import { originOf, plainId } from './request.ts'
import { DiskGb, type IdParams, Name, PageQuery, RamMb, Vcpus } from './schemas.ts'
import { flavorDetail, flavorSummary } from './views/flavor.ts'
import { nextLinks } from './views/links.ts'

const FlavorId = Type.Union(
  [Type.String({ minLength: 1, maxLength: 255, pattern: '^(?! )[a-zA-Z0-9. _-]+(?<! )$' }), Type.Integer({ minimum: 0 }), Type.Null()],
  { description: 'it must be 1 to 255 characters out of a-z, A-Z, 0-9, ".", "-", "_" and space; "auto" or null makes one' },
)

export const CreateFlavor = Type.Object(
  {
    flavor: Type.Object(
      {
        name: Name,
        ram: RamMb,
        vcpus: Vcpus,
        disk: DiskGb,
        id: Type.Optional(FlavorId),
        // What clients send of their own accord, with the value that changes nothing.
        swap: Type.Optional(Type.Literal(0, { description: 'swap is not supported; it must be 0' })),
        rxtx_factor: Type.Optional(Type.Literal(1, { description: 'it must be 1' })),
        'OS-FLV-EXT-DATA:ephemeral': Type.Optional(Type.Literal(0, { description: 'ephemeral disks are not supported; it must be 0' })),
        'os-flavor-access:is_public': Type.Optional(Type.Literal(true, { description: 'all flavors are public' })),
      },
      { additionalProperties: false },
    ),
  },
  { additionalProperties: false },
)
export type CreateFlavor = Static<typeof CreateFlavor>

/** `.` and `..` in a path go missing on the way here. */
const UNREACHABLE = new Set(['.', '..', 'detail'])

function newFlavorId(id: CreateFlavor['flavor']['id']): string {
  const text = id === undefined || id === null || id === 'auto' ? randomUUID() : String(id)
  if (UNREACHABLE.has(text)) throw badRequest(`Invalid input for flavor.id: ${text} cannot be an id.`)
  return text
}

export function flavorRoutes(app: FastifyInstance, { api, limits }: HttpContext): void {
  for (const [path, view] of [
    ['flavors', flavorSummary],
    ['flavors/detail', flavorDetail],
  ] as const) {
    app.get<{ Querystring: PageQuery }>(`${COMPUTE}/${path}`, { schema: { querystring: PageQuery } }, async request => {
      const { items, next } = await pageOf(request.query, limits.maxPageItems, page => api.listFlavors(page))
      const origin = originOf(request)
      return { flavors: items.map(flavor => view(flavor, origin, request.novaMinor)), ...nextLinks('flavors', origin, request.url, next) }
    })
  }

  app.get<{ Params: IdParams }>(`${COMPUTE}/flavors/:id`, async request => {
    const flavor = await api.getFlavor({ id: plainId('Flavor', request.params.id) })
    return { flavor: flavorDetail(flavor, originOf(request), request.novaMinor) }
  })

  app.post<{ Body: CreateFlavor }>(`${COMPUTE}/flavors`, { schema: { body: CreateFlavor } }, async request => {
    const { name, ram, vcpus, disk, id } = request.body.flavor
    const flavor = await api.createFlavor({ id: newFlavorId(id), name, vcpus, ramMb: ram, diskGb: disk })
    return { flavor: flavorDetail(flavor, originOf(request), request.novaMinor) }
  })

  app.delete<{ Params: IdParams }>(`${COMPUTE}/flavors/:id`, async (request, reply) => {
    await api.deleteFlavor({ id: plainId('Flavor', request.params.id) })
    return reply.code(202).send()
  })
}
