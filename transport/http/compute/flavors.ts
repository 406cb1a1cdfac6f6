/** /flavors: list, show, create, delete. Shapes of Nova's API reference, "Flavors". */
import { randomUUID } from 'node:crypto'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type Static, Type } from 'typebox'
import type { ClusterApi, FlavorBody, Page } from '../../../actors/api.ts'
import { COMPUTE, type HttpContext } from '../context.ts'
import { since } from '../requests/changes.ts'
import { badRequest, notFound } from '../requests/errors.ts'
import { pageOf } from '../requests/paging.ts'
import { checkFlavor, checkProject, isAdminOf, mayUse, originOf, plainId } from '../requests/request.ts'
import { DiskGb, Id, type IdParams, isOn, MAX_INT32, Name, pageFields, RamMb, SwapMb, Switch, Vcpus } from '../requests/schemas.ts'
import { flavorDetail, flavorSummary } from '../views/flavor.ts'
import { nextLinks } from '../views/links.ts'

const only = { additionalProperties: false } as const
const Amount = Type.String({ pattern: '^[0-9]{1,10}$', description: 'it must be a whole number of at least 0' })
const FlavorId = Type.Union(
  [Type.String({ minLength: 1, maxLength: 255, pattern: '^(?! )[a-zA-Z0-9. _-]+(?<! )$' }), Type.Integer({ minimum: 0 }), Type.Null()],
  { description: 'it must be 1 to 255 characters out of a-z, A-Z, 0-9, ".", "-", "_" and space; "auto" or null makes one' },
)

const Factor = Type.Union(
  [Type.Number({ exclusiveMinimum: 0, maximum: MAX_INT32 }), Type.String({ pattern: '^(?=.*[1-9])[0-9]{1,9}([.][0-9]{1,9})?$' })],
  { description: 'it must be a number above 0' },
)

const FlavorsQuery = Type.Object({
  ...pageFields,
  minRam: Type.Optional(Amount),
  minDisk: Type.Optional(Amount),
  is_public: Type.Optional(Type.Union([Switch, Type.Literal('None'), Type.Literal('none')], { description: 'it must be true, false or None' })),
})
type FlavorsQuery = Static<typeof FlavorsQuery>

/** Whether a list with this query has that flavor. Admins see public ones only, unless they ask for others; the rest what they may use. */
function isWanted(request: FastifyRequest<{ Querystring: FlavorsQuery }>, flavor: FlavorBody): boolean {
  const { minRam = 0, minDisk = 0, is_public: kind } = request.query
  if (flavor.ramMb < Number(minRam) || flavor.diskGb < Number(minDisk) || !mayUse(request, flavor)) return false
  if (!isAdminOf(request) || kind === 'None' || kind === 'none') return true
  return (flavor.isPublic ?? true) === (kind === undefined || isOn(kind))
}

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
        // Stored and shown; no instance is built of a flavor with swap or an ephemeral disk.
        swap: Type.Optional(SwapMb),
        rxtx_factor: Type.Optional(Factor),
        'OS-FLV-EXT-DATA:ephemeral': Type.Optional(DiskGb),
        'os-flavor-access:is_public': Type.Optional(Type.Union([Type.Boolean(), Switch], { description: 'it must be true or false' })),
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

function definitionOf(asked: CreateFlavor['flavor']): Parameters<ClusterApi['createFlavor']>[0] {
  const { id, name, description, swap = 0, rxtx_factor: factor = 1 } = asked
  const { 'OS-FLV-EXT-DATA:ephemeral': ephemeral = 0, 'os-flavor-access:is_public': isPublic = true } = asked
  return {
    id: newFlavorId(id),
    name,
    vcpus: Number(asked.vcpus),
    ramMb: Number(asked.ram),
    diskGb: Number(asked.disk),
    ...(description ? { description } : {}),
    ...(isOn(isPublic) ? {} : { isPublic: false }),
    ...(Number(ephemeral) > 0 ? { ephemeralGb: Number(ephemeral) } : {}),
    ...(Number(swap) > 0 ? { swapMb: Number(swap) } : {}),
    ...(Number(factor) === 1 ? {} : { rxtxFactor: Number(factor) }),
  }
}

/** `.` and `..` in a path go missing on the way here. */
const UNREACHABLE = new Set(['.', '..', 'detail'])

function newFlavorId(id: CreateFlavor['flavor']['id']): string {
  const text = id === undefined || id === null || id === 'auto' ? randomUUID() : String(id)
  if (UNREACHABLE.has(text)) throw badRequest(`Invalid input for flavor.id: ${text} cannot be an id.`)
  return text
}

export function flavorRoutes(app: FastifyInstance, { api, limits }: HttpContext): void {
  /** A full page of those that are wanted, if there are so many. */
  async function someFlavors(page: Page, wanted: (flavor: FlavorBody) => boolean): Promise<readonly FlavorBody[]> {
    const found: FlavorBody[] = []
    const { limit: wantedCount = limits.maxPageItems } = page
    for (let from = page; ; ) {
      const read = await api.listFlavors({ ...from, limit: limits.maxPageItems })
      found.push(...read.filter(wanted))
      const last = read.at(-1)
      if (found.length >= wantedCount || last === undefined || read.length < limits.maxPageItems) return found.slice(0, wantedCount)
      from = { ...from, marker: last.id }
    }
  }

  for (const [path, view] of [
    ['flavors', flavorSummary],
    ['flavors/detail', flavorDetail],
  ] as const) {
    app.get<{ Querystring: FlavorsQuery }>(`${COMPUTE}/${path}`, { schema: { querystring: FlavorsQuery } }, async request => {
      const { items, next } = await pageOf(request.query, limits.maxPageItems, page => someFlavors(page, flavor => isWanted(request, flavor)))
      const origin = originOf(request)
      return {
        flavors: items.map(flavor => view(flavor, origin, request.novaMinor)),
        ...nextLinks('flavors', origin, request.url, next),
      }
    })
  }

  app.get<{ Params: IdParams }>(`${COMPUTE}/flavors/:id`, async request => {
    const flavor = await checkFlavor(request, api, plainId('Flavor', request.params.id))
    return { flavor: flavorDetail(flavor, originOf(request), request.novaMinor) }
  })

  app.post<{ Body: CreateFlavor }>(`${COMPUTE}/flavors`, { schema: { body: CreateFlavor } }, async request => {
    const flavor = await api.createFlavor(definitionOf(request.body.flavor))
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
