/**
 * /placement/resource_providers/{uuid}/inventories. What a host reports of itself (its VCPU, MEMORY_MB and DISK_GB) has the total it has, and
 * cannot be taken away; an operator says how much of it is reserved and how often it is promised, and which custom classes there are. All
 * of it is one command to the host's actor, which takes it at the generation the client has read and at no other.
 */
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import type { ConfigureHost } from '../../../actors/api.ts'
import { BatonError } from '../../../actors/kernel/errors.ts'
import type { HttpContext } from '../context.ts'
import { badRequest, printable } from '../requests/errors.ts'
import type { IdParams } from '../requests/schemas.ts'
import { arrives } from './changes.ts'
import { isCustom, type Known } from './known.ts'
import { MAX_UNIT, type Provider } from './provider.ts'
import { PROVIDERS } from './providers.ts'
import { inventoriesView, inventoryView } from './views.ts'

const only = { additionalProperties: false } as const
const amount = (minimum: number) => Type.Integer({ minimum, maximum: MAX_UNIT })
export const ClassName = Type.String({
  pattern: '^[A-Z][A-Z0-9_]{0,254}$',
  description: 'it must be the name of a resource class: up to 255 letters A-Z, digits and _, a letter first',
})
export const Generation = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })

const FIELDS = {
  total: amount(1),
  reserved: Type.Optional(amount(0)),
  min_unit: Type.Optional(amount(1)),
  max_unit: Type.Optional(amount(1)),
  step_size: Type.Optional(amount(1)),
  allocation_ratio: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 3.40282e38 })),
}
const Inventory = Type.Object(FIELDS, only)
type Inventory = Static<typeof Inventory>

const PutAll = Type.Object(
  { inventories: Type.Record(ClassName, Inventory, { ...only, maxProperties: 256 }), resource_provider_generation: Generation },
  only,
)
const PutOne = Type.Object({ ...FIELDS, resource_provider_generation: Generation }, only)
const PostOne = Type.Object({ ...FIELDS, resource_class: ClassName, resource_provider_generation: Type.Optional(Generation) }, only)

interface ClassParams extends IdParams {
  readonly name: string
}

type Change = Omit<ConfigureHost, 'id'>

const conflict = (message: string) => new BatonError('Conflict', message)

const STANDARD = {
  VCPU: (reserved: number, ratio: number): Change => ({ reservedVcpus: reserved, cpuRatio: ratio }),
  MEMORY_MB: (reserved: number, ratio: number): Change => ({ reservedRamMb: reserved, ramRatio: ratio }),
  DISK_GB: (reserved: number, ratio: number): Change => ({ reservedDiskGb: reserved, diskRatio: ratio }),
} as const satisfies Record<string, unknown>

const isStandard = (name: string): name is keyof typeof STANDARD => Object.hasOwn(STANDARD, name)

/** What a host is told so that it has this much of a class. Throws what cannot be said of it. */
export function changeFor(name: string, given: Inventory, provider: Provider): Change {
  const { total, reserved = 0, min_unit: min = 1, max_unit: max = MAX_UNIT, step_size: step = 1, allocation_ratio: ratio = 1 } = given
  if (min !== 1 || step !== 1 || max < total) {
    throw badRequest(
      `Invalid inventory for ${name}: amounts are not stepped or limited here; min_unit and step_size are 1, max_unit is no less than total.`,
    )
  }
  if (isStandard(name)) {
    const there = provider.inventories[name]
    if (!there) throw conflict(`Host ${provider.name} reports no ${name}; what it has of that it says itself.`)
    if (there.total !== total) {
      throw conflict(
        `Host ${provider.name} reports ${there.total} ${name} itself, so its total cannot be ${total}; set reserved or allocation_ratio.`,
      )
    }
    return STANDARD[name](reserved, ratio)
  }
  if (!isCustom(name)) throw badRequest(`No host has ${name} here: VCPU, MEMORY_MB and DISK_GB are reported, and operators add CUSTOM_ classes.`)
  if (reserved !== 0 || ratio !== 1) throw badRequest(`Invalid inventory for ${name}: a custom class has its total alone, no reserved and no ratio.`)
  return { custom: { [name]: total } }
}

/** Throws when a host is to have none of what it reports. */
function withoutClass(name: string, provider: Provider): Change {
  if (isStandard(name)) throw conflict(`Host ${provider.name} reports its ${name} itself; that cannot be deleted. Disable the host instead.`)
  return { custom: { [name]: 0 } }
}

const merged = (changes: readonly Change[]): Change => ({
  ...Object.assign({}, ...changes),
  custom: Object.assign({}, ...changes.map(({ custom }) => custom)),
})

export function inventoryRoutes(app: FastifyInstance, { api }: HttpContext, known: Known): void {
  const path = `${PROVIDERS}/:id/inventories`

  /** Tells a host, and answers with its provider as it is then. */
  async function tell({ name, uuid }: Provider, change: Change): Promise<Provider> {
    await api.configureHost({ id: name, ...change })
    return known.provider(uuid)
  }

  async function checkClasses(names: readonly string[]): Promise<void> {
    const { resourceClasses } = await known.names()
    const unknown = names.find(name => !resourceClasses.includes(name))
    if (unknown !== undefined) throw badRequest(`Unknown resource class ${printable(unknown)}; make it by PUT /placement/resource_classes/{name}.`)
  }

  const noSuch = (provider: Provider, name: string) =>
    new BatonError('NotFound', `No inventory of class ${printable(name)} found for resource provider ${provider.uuid}.`)

  app.get<{ Params: IdParams }>(path, async request => inventoriesView(await known.provider(request.params.id)))

  app.put<{ Params: IdParams; Body: Static<typeof PutAll> }>(path, { schema: { body: PutAll } }, async request => {
    const provider = await known.provider(request.params.id)
    const { inventories, resource_provider_generation: generation } = request.body
    const gone = Object.keys(provider.inventories).filter(name => !Object.hasOwn(inventories, name))
    await checkClasses(Object.keys(inventories))
    const changes = [
      ...gone.map(name => withoutClass(name, provider)),
      ...Object.entries(inventories).map(([name, inventory]) => changeFor(name, inventory, provider)),
    ]
    return inventoriesView(await tell(provider, { ...merged(changes), generation }))
  })

  app.post<{ Params: IdParams; Body: Static<typeof PostOne> }>(path, { schema: { body: PostOne } }, async (request, reply) => {
    const provider = await known.provider(request.params.id)
    const { resource_class: name, resource_provider_generation: generation = provider.generation, ...inventory } = request.body
    await checkClasses([name])
    if (Object.hasOwn(provider.inventories, name)) throw conflict(`Resource provider ${provider.uuid} has an inventory of ${name} already; use PUT.`)
    const after = await tell(provider, { ...changeFor(name, inventory, provider), generation })
    reply.code(201).header('location', `${PROVIDERS}/${provider.uuid}/inventories/${name}`)
    return { ...oneView(after, name), resource_provider_generation: after.generation }
  })

  // Without a generation, as Placement has it: only custom classes that nobody uses are taken away, and only what was read.
  app.delete<{ Params: IdParams }>(path, { config: arrives('inventories.delete') }, async (request, reply) => {
    const provider = await known.provider(request.params.id)
    const changes = Object.keys(provider.inventories).map(name => withoutClass(name, provider))
    if (changes.length > 0) await tell(provider, { ...merged(changes), generation: provider.generation })
    return reply.code(204).send()
  })

  const oneView = ({ inventories }: Provider, name: string): object => {
    const inventory = Object.hasOwn(inventories, name) ? inventories[name] : undefined
    return inventory ? inventoryView(inventory) : {}
  }

  app.get<{ Params: ClassParams }>(`${path}/:name`, async request => {
    const { name } = request.params
    const provider = await known.provider(request.params.id)
    if (!Object.hasOwn(provider.inventories, name)) throw noSuch(provider, name)
    return { ...oneView(provider, name), resource_provider_generation: provider.generation }
  })

  app.put<{ Params: ClassParams; Body: Static<typeof PutOne> }>(`${path}/:name`, { schema: { body: PutOne } }, async request => {
    const { name } = request.params
    const provider = await known.provider(request.params.id)
    const { resource_provider_generation: generation, ...inventory } = request.body
    if (!Object.hasOwn(provider.inventories, name))
      throw badRequest(`Resource provider ${provider.uuid} has no inventory of ${printable(name)}; use POST.`)
    const after = await tell(provider, { ...changeFor(name, inventory, provider), generation })
    return { ...oneView(after, name), resource_provider_generation: after.generation }
  })

  app.delete<{ Params: ClassParams }>(`${path}/:name`, async (request, reply) => {
    const { name } = request.params
    const provider = await known.provider(request.params.id)
    if (!Object.hasOwn(provider.inventories, name)) throw noSuch(provider, name)
    await tell(provider, withoutClass(name, provider))
    return reply.code(204).send()
  })
}
