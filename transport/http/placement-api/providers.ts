/** /placement/resource_providers: compute hosts as providers, what they have, use and are. */
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { BatonError } from '../../../actors/kernel/errors.ts'
import { type HttpContext, PLACEMENT } from '../context.ts'
import { type IdParams, Name } from '../requests/schemas.ts'
import { arrives, since } from './changes.ts'
import type { Known } from './known.ts'
import { meets } from './provider.ts'
import { demandOf, PROVIDER_DEMAND, Uuid } from './query.ts'
import { providerView, usagesView } from './views.ts'

const only = { additionalProperties: false } as const

const ListQuery = Type.Object({ name: Type.Optional(Name), uuid: Type.Optional(Uuid), ...PROVIDER_DEMAND }, only)
type ListQuery = Static<typeof ListQuery>

const CreateProvider = Type.Object(
  { name: Name, uuid: Type.Optional(Uuid), parent_provider_uuid: Type.Optional(Type.Union([Uuid, Type.Null()])) },
  only,
)
const UpdateProvider = Type.Object({ name: Name, parent_provider_uuid: Type.Optional(Type.Union([Uuid, Type.Null()])) }, only)
type UpdateProvider = Static<typeof UpdateProvider>

const Aggregates = Type.Union([
  Type.Array(Uuid, { maxItems: 1000 }),
  Type.Object({ aggregates: Type.Array(Uuid, { maxItems: 1000 }), resource_provider_generation: Type.Integer({ minimum: 0 }) }, only),
])

export const PROVIDERS = `${PLACEMENT}/resource_providers`

export function providerRoutes(app: FastifyInstance, { api }: HttpContext, known: Known): void {
  app.get<{ Querystring: ListQuery }>(PROVIDERS, { schema: { querystring: ListQuery } }, async request => {
    const { query, placementMinor: minor } = request
    const demand = demandOf(query, minor)
    const all = await known.providers()
    await known.check([demand], all)
    const { name, uuid } = query
    const found = all.filter(provider => (name ?? provider.name) === provider.name && (uuid?.toLowerCase() ?? provider.uuid) === provider.uuid)
    return { resource_providers: found.filter(provider => meets(provider, demand)).map(provider => providerView(provider, minor)) }
  })

  app.post(PROVIDERS, { schema: { body: CreateProvider } }, async () => {
    throw new BatonError('Forbidden', 'Resource providers are the compute hosts: start an agent (`baton compute`), and its provider is there.')
  })

  app.get<{ Params: IdParams }>(`${PROVIDERS}/:id`, async request => providerView(await known.provider(request.params.id), request.placementMinor))

  app.put<{ Params: IdParams; Body: UpdateProvider }>(`${PROVIDERS}/:id`, { schema: { body: UpdateProvider } }, async request => {
    const provider = await known.provider(request.params.id)
    const { name, parent_provider_uuid: parent } = request.body
    if (name !== provider.name || (parent !== undefined && parent !== null)) {
      throw new BatonError('Forbidden', `Resource provider ${provider.name} is a compute host: it keeps its name, and has no parent.`)
    }
    return providerView(provider, request.placementMinor)
  })

  // The host's actor decides: a host that is up, or holds claims, is not forgotten.
  app.delete<{ Params: IdParams }>(`${PROVIDERS}/:id`, async (request, reply) => {
    const { name } = await known.provider(request.params.id)
    await api.deleteHost({ id: name })
    return reply.code(204).send()
  })

  app.get<{ Params: IdParams }>(`${PROVIDERS}/:id/usages`, async request => usagesView(await known.provider(request.params.id)))

  app.get<{ Params: IdParams }>(`${PROVIDERS}/:id/aggregates`, { config: arrives('provider.aggregates') }, async request => {
    const { aggregates, generation } = await known.provider(request.params.id)
    return { aggregates, ...(since(request.placementMinor, 'aggregates.generation') ? { resource_provider_generation: generation } : {}) }
  })

  app.put<{ Params: IdParams }>(
    `${PROVIDERS}/:id/aggregates`,
    { schema: { body: Aggregates }, config: arrives('provider.aggregates') },
    async request => {
      const { name } = await known.provider(request.params.id)
      const how = 'POST /compute/v2.1/os-aggregates/{id}/action with add_host or remove_host'
      throw new BatonError('Forbidden', `The aggregates of ${name} are the host aggregates it is in; change that by ${how}.`)
    },
  )
}
