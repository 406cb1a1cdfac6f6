/** /flavors: list, show, create, delete. Shapes of Nova's API reference, "Flavors". */
import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import type { FlavorBody } from '../../actors/api.ts'
import { since } from './changes.ts'
import { COMPUTE, type HttpContext } from './context.ts'
import { badRequest, notFound } from './errors.ts'
import { pageOf } from './paging.ts'
import { checkFlavor, checkProject, mayUse, originOf, plainId } from './request.ts'
import { DiskGb, Id, type IdParams, Name, PageQuery, RamMb, Vcpus } from './schemas.ts'
import { flavorDetail, flavorSummary } from './views/flavor.ts'
import { nextLinks } from './views/links.ts'

const only = { additionalProperties: false } as const
const FlavorId = Type.Union(
  [Type.String({ minLength: 1, maxLength: 255, pattern: '^(?! )[a-zA-Z0-9. _-]+(?<! )$' }), Type.Integer({ minimum: 0 }), Type.Null()],
  { description: 'it must be 1 to 255 characters out of a-z, A-Z, 0-9, ".", "-", "_" and space; "auto" or null makes one' },
)

const LongDescription = Type.Union([Type.String({ maxLength: 65_535, pattern: '^[^\\u0000\\p{Cs}]*$' }), Type.Null()], {
  description: 'it must be text of at most 65535 characters, or null',
})

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
        'os-flavor-access:is_public': Type.Optional(Type.Boolean({ description: 'it must be true or false' })),
        description: Type.Optional(since('flavor.description', LongDescription)),
      },
      { additionalProperties: false },
    ),
  },
  { additionalProperties: false },
)
export type CreateFlavor = Static<typeof CreateFlavor>

const UpdateFlavor = Type.Object({ flavor: Type.Object({ description: LongDescription }, only) }, only)
const Tenant = Type.Object({ tenant: Id }, only)
const FlavorAction = Type.Object(
  { addTenantAccess: Type.Optional(Tenant), removeTenantAccess: Type.Optional(Tenant) },
  { ...only, minProperties: 1, maxProperties: 1 },
)

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
      return {
        flavors: items.filter(flavor => mayUse(request, flavor)).map(flavor => view(flavor, origin, request.novaMinor)),
        ...nextLinks('flavors', origin, request.url, next),
      }
    })
  }

  app.get<{ Params: IdParams }>(`${COMPUTE}/flavors/:id`, async request => {
    const flavor = await checkFlavor(request, api, plainId('Flavor', request.params.id))
    return { flavor: flavorDetail(flavor, originOf(request), request.novaMinor) }
  })

  app.post<{ Body: CreateFlavor }>(`${COMPUTE}/flavors`, { schema: { body: CreateFlavor } }, async request => {
    const { name, ram, vcpus, disk, id, description, 'os-flavor-access:is_public': isPublic } = request.body.flavor
    const said = { ...(description ? { description } : {}), ...(isPublic === false ? { isPublic } : {}) }
    const flavor = await api.createFlavor({ id: newFlavorId(id), name, vcpus, ramMb: ram, diskGb: disk, ...said })
    return { flavor: flavorDetail(flavor, originOf(request), request.novaMinor) }
  })

  const describe = { schema: { body: UpdateFlavor }, config: { since: 'flavor.description' } } as const
  app.put<{ Params: IdParams; Body: Static<typeof UpdateFlavor> }>(`${COMPUTE}/flavors/:id`, describe, async request => {
    const flavor = await api.describeFlavor({ id: plainId('Flavor', request.params.id), description: request.body.flavor.description })
    return { flavor: flavorDetail(flavor, originOf(request), request.novaMinor) }
  })

  const accessOf = ({ id, access = [] }: FlavorBody) => ({ flavor_access: access.map(project => ({ flavor_id: id, tenant_id: project })) })

  app.get<{ Params: IdParams }>(`${COMPUTE}/flavors/:id/os-flavor-access`, async request => {
    const flavor = await api.getFlavor({ id: plainId('Flavor', request.params.id) })
    if (flavor.isPublic ?? true) throw notFound('Access list of the public flavor', flavor.id)
    return accessOf(flavor)
  })

  app.post<{ Params: IdParams; Body: Static<typeof FlavorAction> }>(
    `${COMPUTE}/flavors/:id/action`,
    { schema: { body: FlavorAction } },
    async request => {
      const id = plainId('Flavor', request.params.id)
      const { addTenantAccess: add, removeTenantAccess: remove } = request.body
      const asked = add ?? remove
      if (!asked) throw badRequest('Invalid input: the body must have addTenantAccess or removeTenantAccess.')
      return accessOf(await api.setFlavorAccess({ id, project: checkProject('tenant', asked.tenant), granted: add !== undefined }))
    },
  )

  app.delete<{ Params: IdParams }>(`${COMPUTE}/flavors/:id`, async (request, reply) => {
    await api.deleteFlavor({ id: plainId('Flavor', request.params.id) })
    return reply.code(202).send()
  })
}
