/** /placement/resource_classes and /placement/traits: the names there are; and the traits of a provider. */
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import type { NameKind } from '../../../actors/api.ts'
import { BatonError } from '../../../actors/kernel/errors.ts'
import { type HttpContext, PLACEMENT } from '../context.ts'
import { badRequest, printable } from '../requests/errors.ts'
import type { IdParams } from '../requests/schemas.ts'
import { arrives, since } from './changes.ts'
import { ClassName, Generation } from './inventories.ts'
import { classesIn, isCustom, type Known, traitsIn } from './known.ts'
import { type Provider, STANDARD_CLASSES } from './provider.ts'
import { PROVIDERS } from './providers.ts'
import { classView, traitsView } from './views.ts'

const only = { additionalProperties: false } as const

const CreateClass = Type.Object({ name: ClassName }, only)
const Trait = Type.String({
  pattern: '^[A-Z][A-Z0-9_]{0,254}$',
  description: 'it must be a trait: up to 255 letters A-Z, digits and _, a letter first',
})
const TraitQuery = Type.Object(
  {
    name: Type.Optional(
      Type.String({
        pattern: '^(in:[A-Z0-9_]{1,255}(,[A-Z0-9_]{1,255})*|startswith:[A-Z0-9_]{1,255})$',
        maxLength: 4096,
        description: 'it must be in:A,B or startswith:A',
      }),
    ),
    associated: Type.Optional(Type.String({ pattern: '^(?:[tT]rue|[fF]alse)$', description: 'it must be true or false' })),
  },
  only,
)
const PutTraits = Type.Object({ traits: Type.Array(Trait, { maxItems: 512 }), resource_provider_generation: Generation }, only)

interface NameParams {
  readonly name: string
}

const CLASSES = `${PLACEMENT}/resource_classes`
const TRAITS = `${PLACEMENT}/traits`

const conflict = (message: string) => new BatonError('Conflict', message)

/** Whether `name` is one of those that the query of the list of traits asks for. */
export function traitFilter(asked: string | undefined): (name: string) => boolean {
  if (asked === undefined) return () => true
  if (asked.startsWith('startswith:')) return name => name.startsWith(asked.slice('startswith:'.length))
  const names = asked.slice('in:'.length).split(',')
  return name => names.includes(name)
}

/** Traits to give and to take so that a provider has exactly these. Throws when one is left out that its host reports itself. */
export function traitChange({ name, traits, reported }: Provider, wanted: readonly string[]) {
  const kept = reported.find(trait => !wanted.includes(trait))
  if (kept !== undefined) throw conflict(`Host ${name} reports ${kept} itself, so it cannot be taken away; say it too.`)
  return {
    addTraits: wanted.filter(trait => !traits.includes(trait)),
    removeTraits: traits.filter(trait => !wanted.includes(trait)),
  }
}

export function nameRoutes(app: FastifyInstance, { api }: HttpContext, known: Known): void {
  const noClass = (name: string) => new BatonError('NotFound', `No such resource class: ${printable(name)}.`)
  const noTrait = (name: string) => new BatonError('NotFound', `No such trait: ${printable(name)}.`)

  /** Takes back a custom name that no host has. */
  async function remove(kind: NameKind, name: string, used: readonly string[]): Promise<boolean> {
    if (used.includes(name)) throw conflict(`${name} is in use: a host has it. Take it away there first.`)
    return (await api.setPlacementName({ kind, name, present: false })).changed
  }

  const classes = { config: arrives('classes') }

  app.get(CLASSES, classes, async () => ({ resource_classes: (await known.names()).resourceClasses.map(classView) }))

  app.post<{ Body: Static<typeof CreateClass> }>(CLASSES, { schema: { body: CreateClass }, ...classes }, async (request, reply) => {
    const { name } = request.body
    if ((await known.names()).resourceClasses.includes(name)) throw conflict(`Conflicting resource class already exists: ${name}.`)
    await api.setPlacementName({ kind: 'resourceClasses', name, present: true })
    return reply.code(201).header('location', `${CLASSES}/${name}`).send()
  })

  app.get<{ Params: NameParams }>(`${CLASSES}/:name`, classes, async request => {
    const { name } = request.params
    if (!(await known.names()).resourceClasses.includes(name)) throw noClass(name)
    return classView(name)
  })

  app.put<{ Params: NameParams }>(`${CLASSES}/:name`, classes, async (request, reply) => {
    const { name } = request.params
    if (!since(request.placementMinor, 'classes.put')) {
      throw badRequest('A resource class keeps its name here; since 1.7 this request makes one.')
    }
    const isThere = (await known.names()).resourceClasses.includes(name)
    if (!isThere) await api.setPlacementName({ kind: 'resourceClasses', name, present: true })
    return reply
      .code(isThere ? 204 : 201)
      .header('location', `${CLASSES}/${encodeURIComponent(name)}`)
      .send()
  })

  app.delete<{ Params: NameParams }>(`${CLASSES}/:name`, classes, async (request, reply) => {
    const { name } = request.params
    if (STANDARD_CLASSES.includes(name)) throw badRequest(`Cannot delete the standard resource class ${name}.`)
    const providers = await known.providers()
    if (!(await remove('resourceClasses', name, classesIn(providers)))) throw noClass(name)
    return reply.code(204).send()
  })

  const traits = { config: arrives('traits') }

  app.get<{ Querystring: Static<typeof TraitQuery> }>(TRAITS, { schema: { querystring: TraitQuery }, ...traits }, async request => {
    const { name, associated } = request.query
    const used = associated === undefined ? [] : traitsIn(await known.providers())
    const isAsked = (trait: string) => associated === undefined || used.includes(trait) === /^true$/i.test(associated)
    return { traits: (await known.names()).traits.filter(traitFilter(name)).filter(isAsked) }
  })

  app.get<{ Params: NameParams }>(`${TRAITS}/:name`, traits, async (request, reply) => {
    const { name } = request.params
    if (!(await known.names()).traits.includes(name)) throw noTrait(name)
    return reply.code(204).send()
  })

  app.put<{ Params: NameParams }>(`${TRAITS}/:name`, traits, async (request, reply) => {
    const { name } = request.params
    const isThere = (await known.names()).traits.includes(name)
    if (!isThere) await api.setPlacementName({ kind: 'traits', name, present: true })
    return reply
      .code(isThere ? 204 : 201)
      .header('location', `${TRAITS}/${encodeURIComponent(name)}`)
      .send()
  })

  app.delete<{ Params: NameParams }>(`${TRAITS}/:name`, traits, async (request, reply) => {
    const { name } = request.params
    const used = traitsIn(await known.providers())
    if (!isCustom(name) && used.includes(name)) throw badRequest(`Cannot delete the standard trait ${name}.`)
    if (!(await remove('traits', name, used))) throw noTrait(name)
    return reply.code(204).send()
  })

  const ofProvider = `${PROVIDERS}/:id/traits`

  app.get<{ Params: IdParams }>(ofProvider, traits, async request => traitsView(await known.provider(request.params.id)))

  app.put<{ Params: IdParams; Body: Static<typeof PutTraits> }>(ofProvider, { schema: { body: PutTraits }, ...traits }, async request => {
    const provider = await known.provider(request.params.id)
    const { traits: wanted, resource_provider_generation: generation } = request.body
    await known.check([{ resources: {}, required: [wanted], forbidden: [] }], await known.providers())
    await api.configureHost({ id: provider.name, generation, ...traitChange(provider, wanted) })
    return traitsView(await known.provider(provider.uuid))
  })

  app.delete<{ Params: IdParams }>(ofProvider, traits, async (request, reply) => {
    const provider = await known.provider(request.params.id)
    await api.configureHost({ id: provider.name, generation: provider.generation, ...traitChange(provider, []) })
    return reply.code(204).send()
  })
}
