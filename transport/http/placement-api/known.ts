/** What there is: providers, resource classes and traits. Everything here is read anew for each request; only which UUID is whose is kept. */
import type { AggregateBody, ClusterApi, HostBody, PlacementNames } from '../../../actors/api.ts'
import { BatonError } from '../../../actors/kernel/errors.ts'
import { allHosts } from '../compute/hypervisors.ts'
import type { HttpContext } from '../context.ts'
import { badRequest, printable } from '../requests/errors.ts'
import { nameUuid } from '../requests/tokens.ts'
import { type Demand, type Provider, providerOf, STANDARD_CLASSES } from './provider.ts'

/** Hosts remembered by their UUID; more than that are looked for again. */
const MAX_REMEMBERED = 100_000

export interface Known {
  providers(): Promise<Provider[]>
  /** Rejects `NotFound`. */
  provider(uuid: string): Promise<Provider>
  /** The names in use and those that were made, both sorted. */
  names(): Promise<PlacementNames>
  /** Rejects 400 when a custom class or trait is named that nobody knows. */
  check(demands: readonly Pick<Demand, 'resources' | 'required' | 'forbidden'>[], providers: readonly Provider[]): Promise<void>
}

/** The UUID of a host as a hypervisor, since 2.53. */
export const providerUuid = (host: string): string => nameUuid(`hypervisor ${host}`)

export const isCustom = (name: string): boolean => name.startsWith('CUSTOM_')

const sortedUnion = (...lists: readonly (readonly string[])[]): string[] => [...new Set(lists.flat())].sort()

export const classesIn = (providers: readonly Provider[]): string[] => sortedUnion(...providers.map(({ inventories }) => Object.keys(inventories)))
export const traitsIn = (providers: readonly Provider[]): string[] => sortedUnion(...providers.map(({ traits }) => traits))

export function createKnown({ api, limits }: Pick<HttpContext, 'api' | 'limits'>): Known {
  const hostOf = new Map<string, string>()

  async function hosts(): Promise<HostBody[]> {
    const found = await allHosts(page => api.listHosts(page), limits.maxPageItems)
    if (hostOf.size > MAX_REMEMBERED) hostOf.clear()
    for (const { id } of found) hostOf.set(providerUuid(id), id)
    return found
  }

  const seen = (host: HostBody, aggregates: readonly AggregateBody[]) => providerOf(host, providerUuid(host.id), aggregates)

  async function providers(): Promise<Provider[]> {
    const [found, aggregates] = await Promise.all([hosts(), api.listAggregates({})])
    return found.map(host => seen(host, aggregates)).sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  async function provider(id: string): Promise<Provider> {
    const uuid = id.toLowerCase()
    if (!hostOf.has(uuid)) await hosts()
    const name = hostOf.get(uuid)
    const host = name === undefined ? null : await found(api, name)
    if (host === null) throw new BatonError('NotFound', `No resource provider with uuid ${printable(id)} found.`)
    return seen(host, await api.listAggregates({}))
  }

  async function names(given?: readonly Provider[]): Promise<PlacementNames> {
    const [made, there] = await Promise.all([api.placementNames({}), given ?? providers()])
    return {
      resourceClasses: sortedUnion(made.resourceClasses, classesIn(there), STANDARD_CLASSES),
      traits: sortedUnion(made.traits, traitsIn(there)),
    }
  }

  return {
    providers,
    provider,
    names: () => names(),
    async check(demands, there) {
      const classes = demands.flatMap(({ resources }) => Object.keys(resources))
      const traits = demands.flatMap(({ required, forbidden }) => [...required.flat(), ...forbidden]).filter(isCustom)
      if (classes.every(name => STANDARD_CLASSES.includes(name)) && traits.length === 0) return
      const all = await names(there)
      const noClass = classes.find(name => !all.resourceClasses.includes(name))
      if (noClass !== undefined) throw badRequest(`Invalid resource class in resources parameter: there is no class ${noClass}.`)
      const noTraits = traits.filter(name => !all.traits.includes(name))
      if (noTraits.length > 0) throw badRequest(`No such trait(s): ${printable(noTraits.join(', '))}.`)
    },
  }
}

async function found(api: Pick<ClusterApi, 'getHost'>, id: string): Promise<HostBody | null> {
  try {
    return await api.getHost({ id })
  } catch (error) {
    if (error instanceof BatonError && error.code === 'NotFound') return null
    throw error
  }
}
