/** Placement's shapes. */

import { PLACEMENT } from '../context.ts'
import { type PlacementChange, since } from './changes.ts'
import { capacityOfClass, type Inventory, MAX_UNIT, type Provider } from './provider.ts'

const LINKS: readonly (readonly [rel: string, change: PlacementChange | null])[] = [
  ['inventories', null],
  ['usages', null],
  ['aggregates', 'provider.aggregates'],
  ['traits', 'traits'],
  ['allocations', 'provider.allocations-link'],
]

export function providerView({ uuid, name, generation }: Provider, minor: number) {
  const href = `${PLACEMENT}/resource_providers/${uuid}`
  const links = LINKS.filter(([, change]) => change === null || since(minor, change)).map(([rel]) => ({ rel, href: `${href}/${rel}` }))
  return {
    uuid,
    name,
    generation,
    ...(since(minor, 'tree') ? { parent_provider_uuid: null, root_provider_uuid: uuid } : {}),
    links: [{ rel: 'self', href }, ...links],
  }
}

export const inventoryView = ({ total, reserved, ratio }: Inventory) => ({
  total,
  reserved,
  min_unit: 1,
  max_unit: MAX_UNIT,
  step_size: 1,
  allocation_ratio: ratio,
})

export const inventoriesView = ({ inventories, generation }: Provider) => ({
  inventories: Object.fromEntries(Object.entries(inventories).map(([name, inventory]) => [name, inventoryView(inventory)])),
  resource_provider_generation: generation,
})

/** Of every class of which it has something. */
export const usagesView = ({ inventories, used, generation }: Provider) => ({
  usages: Object.fromEntries(Object.keys(inventories).map(name => [name, used[name] ?? 0])),
  resource_provider_generation: generation,
})

export const traitsView = ({ traits, generation }: Provider) => ({ traits, resource_provider_generation: generation })

export const classView = (name: string) => ({ name, links: [{ rel: 'self', href: `${PLACEMENT}/resource_classes/${name}` }] })

/** Of a candidate: what it has of these classes, or of all. */
export function summaryView({ uuid, inventories, used, traits }: Provider, wanted: readonly string[], minor: number) {
  const shown = Object.entries(inventories).filter(([name]) => since(minor, 'candidates.all-classes') || wanted.includes(name))
  return {
    resources: Object.fromEntries(shown.map(([name, inventory]) => [name, { capacity: capacityOfClass(inventory), used: used[name] ?? 0 }])),
    ...(since(minor, 'candidates.required') ? { traits } : {}),
    ...(since(minor, 'candidates.tree') ? { parent_provider_uuid: null, root_provider_uuid: uuid } : {}),
  }
}
