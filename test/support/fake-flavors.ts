/** The flavors of the cluster in memory. */
import type { ClusterApi, FlavorBody, Page } from '../../actors/api.ts'
import { BatonError } from '../../actors/kernel/errors.ts'

type FlavorMethods = 'listFlavors' | 'getFlavor' | 'createFlavor' | 'describeFlavor' | 'setFlavorAccess' | 'deleteFlavor'

export function fakeFlavors(
  flavors: Map<string, FlavorBody>,
  now: () => number,
  page: (rows: readonly FlavorBody[], page: Page) => FlavorBody[],
): Pick<ClusterApi, FlavorMethods> {
  const find = (id: string): FlavorBody => {
    const flavor = flavors.get(id)
    if (!flavor) throw new BatonError('NotFound', `Flavor ${id} could not be found.`)
    return flavor
  }
  return {
    listFlavors: async args => page([...flavors.values()], args),
    getFlavor: async ({ id }) => find(id),
    createFlavor: async args => {
      if (flavors.has(args.id)) throw new BatonError('Conflict', `Flavor with ID ${args.id} already exists.`)
      flavors.set(args.id, { ...args, createdAt: now() })
      return find(args.id)
    },
    describeFlavor: async ({ id, description }) => {
      flavors.set(id, { ...find(id), description })
      return find(id)
    },
    setFlavorAccess: async ({ id, project, granted }) => {
      const { access = [], ...flavor } = find(id)
      if (flavor.isPublic !== false) throw new BatonError('Conflict', `flavor ${id} is public`)
      const others = access.filter(other => other !== project)
      flavors.set(id, { ...flavor, access: granted ? [...others, project] : others })
      return find(id)
    },
    deleteFlavor: async ({ id }) => {
      find(id)
      flavors.delete(id)
      return {}
    },
  }
}
