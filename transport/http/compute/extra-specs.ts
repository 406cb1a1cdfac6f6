/** /flavors/:id/os-extra_specs. Shapes of Nova's API reference, "Flavors extra-specs". */
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { COMPUTE, type HttpContext } from '../context.ts'
import { badRequest, notFound } from '../requests/errors.ts'
import { plainId } from '../requests/request.ts'
import type { IdParams } from '../requests/schemas.ts'

/** Numbers are taken as text, as Nova does. */
const Value = Type.Union([Type.String({ maxLength: 255, pattern: '^[^\\u0000\\p{Cs}]*$' }), Type.Number()], {
  description: 'it must be text of at most 255 characters, or a number',
})
const Specs = Type.Record(Type.String({ pattern: '^[a-zA-Z0-9_:. -]{1,255}$' }), Value, {
  additionalProperties: false,
  minProperties: 1,
  description: 'keys have 1 to 255 characters out of a-z, A-Z, 0-9, "-", "_", ":", "." and space',
})
const CreateSpecs = Type.Object({ extra_specs: Specs }, { additionalProperties: false })
type Specs = Static<typeof Specs>
type CreateSpecs = Static<typeof CreateSpecs>
interface KeyParams extends IdParams {
  readonly key: string
}

const texts = (specs: Specs): Record<string, string> => Object.fromEntries(Object.entries(specs).map(([key, value]) => [key, String(value)]))

export function extraSpecRoutes(app: FastifyInstance, { api }: HttpContext): void {
  const path = `${COMPUTE}/flavors/:id/os-extra_specs`
  const flavorId = ({ id }: IdParams): string => plainId('Flavor', id)

  async function one(params: KeyParams): Promise<Record<string, string>> {
    const { extraSpecs = {} } = await api.getFlavor({ id: flavorId(params) })
    const value = Object.hasOwn(extraSpecs, params.key) ? extraSpecs[params.key] : undefined
    if (value === undefined) throw notFound(`Flavor ${params.id} has no extra spec; it`, params.key)
    return { [params.key]: value }
  }

  app.get<{ Params: IdParams }>(path, async request => ({
    extra_specs: (await api.getFlavor({ id: flavorId(request.params) })).extraSpecs ?? {},
  }))

  app.post<{ Params: IdParams; Body: CreateSpecs }>(path, { schema: { body: CreateSpecs } }, async request => ({
    extra_specs: await api.setFlavorSpecs({ id: flavorId(request.params), specs: texts(request.body.extra_specs) }),
  }))

  app.get<{ Params: KeyParams }>(`${path}/:key`, request => one(request.params))

  app.put<{ Params: KeyParams; Body: Specs }>(`${path}/:key`, { schema: { body: Specs } }, async request => {
    const { key } = request.params
    const specs = texts(request.body)
    if (Object.keys(specs).length !== 1 || !Object.hasOwn(specs, key)) throw badRequest(`Invalid input: the body must have the one item ${key}.`)
    await api.setFlavorSpecs({ id: flavorId(request.params), specs })
    return specs
  })

  app.delete<{ Params: KeyParams }>(`${path}/:key`, async (request, reply) => {
    await one(request.params)
    await api.setFlavorSpecs({ id: flavorId(request.params), specs: { [request.params.key]: null } })
    return reply.code(200).send()
  })
}
