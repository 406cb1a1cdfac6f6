/** Where an instance is to be, as requests say it; and Baton's own paths about hosts and choices. */
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import type { Placement } from '../../../actors/api.ts'
import { BATON, type HttpContext } from '../context.ts'
import { badRequest } from '../requests/errors.ts'
import { plainId } from '../requests/request.ts'
import { Id, type IdParams } from '../requests/schemas.ts'

const only = { additionalProperties: false } as const

const Instances = Type.Union([Id, Type.Array(Id, { minItems: 1, maxItems: 20 })], {
  description: 'it must be the id of an instance, or a list of at most 20 of them',
})

export const Hints = Type.Object(
  {
    group: Type.Optional(Type.Union([Id, Type.Array(Id, { minItems: 1, maxItems: 1 })])),
    same_host: Type.Optional(Instances),
    different_host: Type.Optional(Instances),
  },
  // As in Nova, hints that no filter knows mean nothing, and are no mistake.
  { additionalProperties: true, maxProperties: 64 },
)
export type Hints = Static<typeof Hints>

export const Zone = Type.String({
  minLength: 1,
  maxLength: 511,
  pattern: '^[^\\p{Cc}\\p{Cs}]+$',
  description: "it must be a zone, or 'zone:host' for one host of it",
})

const listOf = (ids: string | string[]): string[] => [...new Set([ids].flat())]

/** `zone`, `zone:host`, or `:host` for a host of any zone. Undefined when nothing is asked for. */
export function placementOf(zoneAndHost: string | undefined, hints: Hints = {}): Placement | undefined {
  const [zone = '', host = '', ...more] = zoneAndHost?.split(':') ?? []
  if (more.length > 0) throw badRequest(`Invalid input for server.availability_zone: it must be a zone, or 'zone:host'.`)
  if (zoneAndHost?.includes(':') && host === '') throw badRequest('Invalid input for server.availability_zone: the host after ":" is missing.')
  const { group, same_host: same, different_host: different } = hints
  const placement: Placement = {
    ...(zone === '' ? {} : { zone }),
    ...(host === '' ? {} : { host }),
    ...(group === undefined ? {} : { group: [group].flat()[0] ?? '' }),
    ...(same === undefined ? {} : { sameHost: listOf(same) }),
    ...(different === undefined ? {} : { differentHost: listOf(different) }),
  }
  return Object.keys(placement).length > 0 ? placement : undefined
}

const amount = Type.Optional(
  Type.Union([Type.Integer({ minimum: 0 }), Type.Null()], { description: 'it must be a whole number of at least 0, or null' }),
)
const ratio = Type.Optional(
  Type.Union([Type.Number({ minimum: 0.01, maximum: 1000 }), Type.Null()], { description: 'it must be from 0.01 to 1000, or null' }),
)
const Traits = Type.Optional(Type.Array(Id, { maxItems: 256 }))

const ConfigureHost = Type.Object(
  {
    reservedVcpus: amount,
    reservedRamMb: amount,
    reservedDiskGb: amount,
    cpuRatio: ratio,
    ramRatio: ratio,
    diskRatio: ratio,
    custom: Type.Optional(Type.Record(Id, Type.Integer({ minimum: 0 }), { maxProperties: 256 })),
    addTraits: Traits,
    removeTraits: Traits,
  },
  { ...only, minProperties: 1 },
)
type ConfigureHost = Static<typeof ConfigureHost>

const Explain = Type.Object(
  {
    flavor: Id,
    image: Type.Optional(Id),
    availability_zone: Type.Optional(Zone),
    hints: Type.Optional(Hints),
    all: Type.Optional(Type.Boolean()),
  },
  only,
)
type Explain = Static<typeof Explain>

export function placementRoutes(app: FastifyInstance, { api }: HttpContext): void {
  app.post<{ Params: IdParams; Body: ConfigureHost }>(`${BATON}/hosts/:id/configure`, { schema: { body: ConfigureHost } }, async request => ({
    host: await api.configureHost({ id: plainId('Host', request.params.id), ...request.body }),
  }))

  app.post<{ Body: Explain }>(`${BATON}/schedule/explain`, { schema: { body: Explain } }, async request => {
    const { flavor, image, availability_zone: zone, hints, all } = request.body
    const placement = placementOf(zone, hints)
    const asked = { ...(image === undefined ? {} : { image }), ...(placement ? { placement } : {}), ...(all === undefined ? {} : { all }) }
    return { explanation: await api.explainSchedule({ flavor, ...asked }) }
  })
}
