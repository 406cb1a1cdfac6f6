/**
 * Who holds what: allocations of consumers (instances) and of providers, usages of projects. Only to be read: an allocation is a claim, and
 * a claim belongs to an operation or an instance. Written from outside it would be room that nobody gives back, or room taken from a guest
 * that runs; so each such request is refused with what to do instead.
 */
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import type { ClaimBody, InstanceBody } from '../../../actors/api.ts'
import { BatonError } from '../../../actors/kernel/errors.ts'
import { type HttpContext, PLACEMENT, USER } from '../context.ts'
import { Id, type IdParams } from '../requests/schemas.ts'
import { arrives, from, since } from './changes.ts'
import { type Known, providerUuid } from './known.ts'
import { type ByClass, byClass, plusByClass } from './provider.ts'
import { PROVIDERS } from './providers.ts'

const UsageQuery = Type.Object(
  {
    project_id: Id,
    user_id: Type.Optional(Id),
    consumer_type: Type.Optional(
      from(
        'consumer.type',
        Type.String({ pattern: '^[A-Z0-9_]{1,255}$|^all$|^unknown$', description: 'it must be a consumer type, all or unknown' }),
      ),
    ),
  },
  { additionalProperties: false },
)

/** All consumers are of it. */
const INSTANCE = 'INSTANCE'

/** What each consumer holds. */
export function byConsumer(claims: readonly ClaimBody[]): Map<string, ByClass> {
  const held = new Map<string, ByClass>()
  for (const { instance, resources } of claims) held.set(instance, plusByClass(held.get(instance) ?? {}, byClass(resources)))
  return held
}

/** The hosts on which an instance may hold room. */
const hostsOf = ({ host, origin }: InstanceBody): string[] => [
  ...new Set([host, origin?.host ?? null].filter((name): name is string => name !== null)),
]

const refusal = (message: string) => async () => {
  throw new BatonError('Forbidden', message)
}

const WRITTEN =
  'Allocations are the claims of operations: create, resize, move or delete the server, and its allocations follow. ' +
  '`baton doctor --repair` gives back room that is held for nobody.'

export function allocationRoutes(app: FastifyInstance, { api }: HttpContext, known: Known): void {
  app.get<{ Params: IdParams }>(`${PROVIDERS}/:id/allocations`, async request => {
    const { name, generation } = await known.provider(request.params.id)
    const claims = await api.listClaims({ host: name })
    const minor = request.placementMinor
    const more = since(minor, 'consumer.generation') ? { consumer_generation: 1 } : {}
    return {
      allocations: Object.fromEntries([...byConsumer(claims)].map(([consumer, resources]) => [consumer, { resources, ...more }])),
      resource_provider_generation: generation,
    }
  })

  // Of a consumer nobody knows there is nothing, and that is no mistake.
  app.get<{ Params: IdParams }>(`${PLACEMENT}/allocations/:id`, async request => {
    const id = request.params.id.toLowerCase()
    const minor = request.placementMinor
    const instance = await instanceOf(id)
    if (instance === null) return { allocations: {} }
    const allocations: Record<string, object> = {}
    for (const host of hostsOf(instance)) {
      const { generation, uuid } = await known.provider(providerUuid(host))
      const resources = byConsumer(await api.listClaims({ host, instance: id })).get(id)
      if (resources) allocations[uuid] = { generation, resources }
    }
    if (Object.keys(allocations).length === 0) return { allocations }
    return {
      allocations,
      ...(since(minor, 'allocations.by-provider') ? { project_id: instance.project, user_id: USER } : {}),
      ...(since(minor, 'consumer.generation') ? { consumer_generation: 1 } : {}),
      ...(since(minor, 'consumer.type') ? { consumer_type: INSTANCE } : {}),
    }
  })

  async function instanceOf(id: string): Promise<InstanceBody | null> {
    try {
      return await api.getInstance({ id })
    } catch (error) {
      if (error instanceof BatonError && error.code === 'NotFound') return null
      throw error
    }
  }

  app.put(`${PLACEMENT}/allocations/:id`, refusal(WRITTEN))
  app.delete(`${PLACEMENT}/allocations/:id`, refusal(WRITTEN))
  app.post(`${PLACEMENT}/allocations`, { config: arrives('allocations.post') }, refusal(WRITTEN))
  app.post(
    `${PLACEMENT}/reshaper`,
    { config: arrives('reshaper') },
    refusal(`Providers are hosts without children, so there is nothing to reshape. ${WRITTEN}`),
  )

  const usages = { schema: { querystring: UsageQuery }, config: arrives('usages') }
  app.get<{ Querystring: Static<typeof UsageQuery> }>(`${PLACEMENT}/usages`, usages, async request => {
    const { project_id: project, user_id: user = USER, consumer_type: type = 'all' } = request.query
    const { instances, resources } = await api.projectUsage({ project })
    // Instances are of a project and not of a user: all of them are the one user's.
    const amounts = user === USER ? byClass(resources) : {}
    if (!since(request.placementMinor, 'consumer.type')) return { usages: amounts }
    if (Object.keys(amounts).length === 0 || (type !== 'all' && type !== INSTANCE)) return { usages: {} }
    const key = request.query.consumer_type === 'all' ? 'all' : INSTANCE
    return { usages: { [key]: { consumer_count: instances, ...amounts } } }
  })
}
