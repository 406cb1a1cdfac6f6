/** /os-aggregates and /os-availability-zone. Shapes of Nova's API reference, "Host aggregates" and "Availability zones". */
import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { COMPUTE, type HttpContext } from '../context.ts'
import { badRequest, notFound } from '../requests/errors.ts'
import { Id, type IdParams, Name } from '../requests/schemas.ts'
import { aggregateView, zoneDetail, zoneList } from '../views/aggregate.ts'
import { allHosts } from './hypervisors.ts'
import { unknownReference } from './server-create.ts'

const only = { additionalProperties: false } as const
const Zone = Type.String({
  minLength: 1,
  maxLength: 255,
  pattern: '^[^:\\p{Cc}\\p{Cs}]+$',
  description: 'it must be text of 1 to 255 characters without ":"',
})
const CreateAggregate = Type.Object(
  { aggregate: Type.Object({ name: Name, availability_zone: Type.Optional(Type.Union([Zone, Type.Null()])) }, only) },
  only,
)
type CreateAggregate = Static<typeof CreateAggregate>

const UpdateAggregate = Type.Object(
  { aggregate: Type.Object({ name: Type.Optional(Name), availability_zone: Type.Optional(Zone) }, { ...only, minProperties: 1 }) },
  only,
)
type UpdateAggregate = Static<typeof UpdateAggregate>

const OneHost = Type.Object({ host: Id }, only)
const Item = Type.Union([Type.String({ maxLength: 255, pattern: '^[^\\u0000\\p{Cs}]*$' }), Type.Null()], {
  description: 'it must be text of at most 255 characters, or null to take it away',
})
const Items = Type.Record(Type.String({ pattern: '^[a-zA-Z0-9_:. -]{1,255}$' }), Item, { additionalProperties: false, minProperties: 1 })
const AggregateAction = Type.Object(
  {
    add_host: Type.Optional(OneHost),
    remove_host: Type.Optional(OneHost),
    set_metadata: Type.Optional(Type.Object({ metadata: Items }, only)),
  },
  { ...only, minProperties: 1, maxProperties: 1 },
)
type AggregateAction = Static<typeof AggregateAction>

function aggregateId(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw notFound('Aggregate', text)
  return Number(text)
}

const CacheImages = Type.Object(
  { cache: Type.Array(Type.Object({ id: Id }, only), { minItems: 1, maxItems: 100, description: 'it must be 1 to 100 images' }) },
  only,
)

export function aggregateRoutes(app: FastifyInstance, { api, limits }: HttpContext): void {
  const path = `${COMPUTE}/os-aggregates`

  app.get(path, async request => ({ aggregates: (await api.listAggregates({})).map(each => aggregateView(each, request.novaMinor)) }))

  app.post<{ Body: CreateAggregate }>(path, { schema: { body: CreateAggregate } }, async request => {
    const { name, availability_zone: zone } = request.body.aggregate
    const made = await api.createAggregate({ uuid: randomUUID(), name, ...(zone === undefined || zone === null ? {} : { zone }) })
    // A new one has neither, and Nova does not say so.
    const { hosts: _, metadata: _metadata, ...shown } = aggregateView(made, request.novaMinor)
    return { aggregate: shown }
  })

  app.get<{ Params: IdParams }>(`${path}/:id`, async request => ({
    aggregate: aggregateView(await api.getAggregate({ id: aggregateId(request.params.id) }), request.novaMinor),
  }))

  app.put<{ Params: IdParams; Body: UpdateAggregate }>(`${path}/:id`, { schema: { body: UpdateAggregate } }, async request => {
    const { name, availability_zone: zone } = request.body.aggregate
    const change = { ...(name === undefined ? {} : { name }), ...(zone === undefined ? {} : { zone }) }
    return { aggregate: aggregateView(await api.updateAggregate({ id: aggregateId(request.params.id), ...change }), request.novaMinor) }
  })

  app.delete<{ Params: IdParams }>(`${path}/:id`, async (request, reply) => {
    await api.deleteAggregate({ id: aggregateId(request.params.id) })
    return reply.code(200).send()
  })

  // Hosts have the images that come with Baton, and fetch others when an instance is built of them; so all there is to do is to look.
  app.post<{ Params: IdParams; Body: Static<typeof CacheImages> }>(
    `${path}/:id/images`,
    { schema: { body: CacheImages }, config: { since: 'aggregate.images' } },
    async (request, reply) => {
      const ids = request.body.cache.map(({ id }) => id)
      if (new Set(ids).size < ids.length) throw badRequest('Duplicate images in request')
      await api.getAggregate({ id: aggregateId(request.params.id) })
      for (const id of ids) await api.getImage({ id }).catch(unknownReference)
      return reply.code(202).send()
    },
  )

  app.post<{ Params: IdParams; Body: AggregateAction }>(`${path}/:id/action`, { schema: { body: AggregateAction } }, async request => {
    const id = aggregateId(request.params.id)
    const { add_host, remove_host, set_metadata } = request.body
    if (add_host) return { aggregate: aggregateView(await api.addAggregateHost({ id, host: add_host.host }), request.novaMinor) }
    if (remove_host) return { aggregate: aggregateView(await api.removeAggregateHost({ id, host: remove_host.host }), request.novaMinor) }
    return { aggregate: aggregateView(await api.setAggregateMetadata({ id, metadata: set_metadata?.metadata ?? {} }), request.novaMinor) }
  })

  const known = () => Promise.all([api.listAggregates({}), allHosts(page => api.listHosts(page), limits.maxPageItems)])

  app.get(`${COMPUTE}/os-availability-zone`, async () => {
    const [aggregates, hosts] = await known()
    return { availabilityZoneInfo: zoneList(aggregates, hosts).map(({ here: _, ...zone }) => zone) }
  })

  app.get(`${COMPUTE}/os-availability-zone/detail`, async request => {
    const [[aggregates, hosts], nodes] = await Promise.all([known(), api.listNodes({})])
    return { availabilityZoneInfo: zoneDetail(aggregates, hosts, nodes, request.novaMinor) }
  })
}
