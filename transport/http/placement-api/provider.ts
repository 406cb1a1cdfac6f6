/**
 * A compute host as OpenStack's Placement sees it: a resource provider with inventories, usages, traits and aggregates. Pure, and only a
 * way to look: the host's actor stays the one who decides what is claimed there. Hosts have no children, so a provider is its own tree.
 *
 * Of an inventory Baton knows the total, what is reserved and the ratio; amounts are not stepped, and nothing but the capacity limits
 * what one consumer may have, so `min_unit`, `max_unit` and `step_size` are Placement's defaults. Custom classes have their total alone.
 */
import type { AggregateBody, HostBody, HostPlacement, Resources } from '../../../actors/api.ts'

/** As Placement's: amounts are 32 bits wide. */
export const MAX_UNIT = 2 ** 31 - 1

export interface Inventory {
  readonly total: number
  readonly reserved: number
  readonly ratio: number
}

/** By resource class; what is not there is zero. */
export type ByClass = Readonly<Record<string, number>>

export interface Provider {
  readonly uuid: string
  readonly name: string
  readonly generation: number
  readonly inventories: Readonly<Record<string, Inventory>>
  readonly used: ByClass
  /** Sorted. */
  readonly traits: readonly string[]
  /** Those of the traits that are not an operator's to take away. */
  readonly reported: readonly string[]
  /** UUIDs, sorted. */
  readonly aggregates: readonly string[]
  /** Of its last change, ms. */
  readonly updatedAt: number
}

/** The classes a host reports by itself, and their fields. */
export const STANDARD_FIELDS = { VCPU: 'vcpus', MEMORY_MB: 'ramMb', DISK_GB: 'diskGb' } as const

/** The names of Placement's standard classes; hosts have the first three. */
export const STANDARD_CLASSES: readonly string[] = [
  ...['VCPU', 'MEMORY_MB', 'DISK_GB', 'PCI_DEVICE', 'SRIOV_NET_VF', 'NUMA_SOCKET', 'NUMA_CORE', 'NUMA_THREAD', 'NUMA_MEMORY_MB'],
  ...['IPV4_ADDRESS', 'VGPU', 'VGPU_DISPLAY_HEAD', 'NET_BW_EGR_KILOBIT_PER_SEC', 'NET_BW_IGR_KILOBIT_PER_SEC', 'PCPU'],
  ...['MEM_ENCRYPTION_CONTEXT', 'FPGA', 'PGPU', 'NET_PACKET_RATE_KILOPACKET_PER_SEC', 'NET_PACKET_RATE_EGR_KILOPACKET_PER_SEC'],
  'NET_PACKET_RATE_IGR_KILOPACKET_PER_SEC',
]

/** What Nova says of a host that takes no new instances. */
const DISABLED = 'COMPUTE_STATUS_DISABLED'

const NO_PLACEMENT: HostPlacement = {
  reserved: { vcpus: 0, ramMb: 0, diskGb: 0 },
  ratios: { vcpu: 1, ram: 1, disk: 1 },
  custom: {},
  customUsed: {},
  traits: [],
}

/** Amounts by class, without those of zero. */
export function byClass({ vcpus, ramMb, diskGb, custom = {} }: Resources): ByClass {
  const amounts = { VCPU: vcpus, MEMORY_MB: ramMb, DISK_GB: diskGb, ...custom }
  return Object.fromEntries(Object.entries(amounts).filter(([, amount]) => amount > 0))
}

export function plusByClass(a: ByClass, b: ByClass): ByClass {
  const sum: Record<string, number> = { ...a }
  for (const [name, amount] of Object.entries(b)) sum[name] = (sum[name] ?? 0) + amount
  return sum
}

/** `uuid` is that of the host as a hypervisor, as in Nova. */
export function providerOf(host: HostBody, uuid: string, aggregates: readonly AggregateBody[]): Provider {
  const { reserved, ratios, custom, customUsed, traits, reported = [] } = host.placement ?? NO_PLACEMENT
  const standard = {
    VCPU: { total: host.vcpus, reserved: reserved.vcpus, ratio: ratios.vcpu },
    MEMORY_MB: { total: host.ramMb, reserved: reserved.ramMb, ratio: ratios.ram },
    DISK_GB: { total: host.diskGb, reserved: reserved.diskGb, ratio: ratios.disk },
  }
  const customs = Object.entries(custom).map(([name, total]): [string, Inventory] => [name, { total, reserved: 0, ratio: 1 }])
  const status = host.enabled ? [] : [DISABLED]
  return {
    uuid,
    name: host.id,
    generation: host.generation ?? 0,
    // A class of which a host has nothing is one that it does not have.
    inventories: Object.fromEntries([...Object.entries(standard).filter(([, { total }]) => total > 0), ...customs]),
    used: { VCPU: host.vcpusUsed, MEMORY_MB: host.ramMbUsed, DISK_GB: host.diskGbUsed, ...customUsed },
    traits: [...new Set([...traits, ...status])].sort(),
    reported: [...new Set([...reported, ...status])].sort(),
    aggregates: aggregates
      .filter(({ hosts }) => hosts.includes(host.id))
      .map(aggregate => aggregate.uuid)
      .sort(),
    updatedAt: host.stateSince,
  }
}

/** What of a class can be promised in all. */
export const capacityOfClass = ({ total, reserved, ratio }: Inventory): number => Math.floor(Math.max(0, total - reserved) * ratio)

/** Whether all of `wanted` fits beside what is used. */
export function hasRoom({ inventories, used }: Provider, wanted: ByClass): boolean {
  return Object.entries(wanted).every(([name, amount]) => {
    const inventory = Object.hasOwn(inventories, name) ? inventories[name] : undefined
    return inventory !== undefined && (used[name] ?? 0) + amount <= capacityOfClass(inventory)
  })
}

/** Names of which one at least must be there. */
export type AnyOf = readonly string[]

/** What is asked of a provider. Lists of lists: each of them must be met. */
export interface Demand {
  readonly resources: ByClass
  readonly required: readonly AnyOf[]
  readonly forbidden: readonly string[]
  /** By the UUIDs of aggregates. */
  readonly memberOf: readonly AnyOf[]
  readonly notMemberOf: readonly string[]
  /** The UUID of a provider of the tree. */
  readonly inTree: string | null
}

export const NO_DEMAND: Demand = { resources: {}, required: [], forbidden: [], memberOf: [], notMemberOf: [], inTree: null }

const someOf = (have: readonly string[], anyOf: AnyOf): boolean => anyOf.some(name => have.includes(name))

/** Whether a provider is what is asked for, room apart. */
function suits({ uuid, traits, aggregates }: Provider, { required, forbidden, memberOf, notMemberOf, inTree }: Demand): boolean {
  if (inTree !== null && inTree !== uuid) return false
  if (required.some(anyOf => !someOf(traits, anyOf)) || someOf(traits, forbidden)) return false
  return memberOf.every(anyOf => someOf(aggregates, anyOf)) && !someOf(aggregates, notMemberOf)
}

/** Whether a provider is what is asked for, and has the room. */
export const meets = (provider: Provider, demand: Demand): boolean => suits(provider, demand) && hasRoom(provider, demand.resources)

/** A group of resources that one provider is to give; the name is what stands behind `resources` in the request, '' for the first. */
export interface RequestGroup extends Demand {
  readonly suffix: string
}

export interface CandidateRequest {
  readonly groups: readonly RequestGroup[]
  /** Whether groups with a name may come from the same provider. */
  readonly isolate: boolean
  /** Of the root of the tree. */
  readonly root: Pick<Demand, 'required' | 'forbidden'>
}

/**
 * The providers of which each could give all groups at once. A host has no children, so groups that must be of different providers
 * (`isolate`) are more than any can give.
 */
export function candidatesOf(providers: readonly Provider[], { groups, isolate, root }: CandidateRequest): Provider[] {
  const named = groups.filter(({ suffix, resources }) => suffix !== '' && Object.keys(resources).length > 0)
  if (isolate && named.length > 1) return []
  const wanted = totalOf(groups)
  return providers.filter(
    provider => suits(provider, { ...NO_DEMAND, ...root }) && groups.every(group => suits(provider, group)) && hasRoom(provider, wanted),
  )
}

export const totalOf = (groups: readonly RequestGroup[]): ByClass => groups.reduce<ByClass>((sum, group) => plusByClass(sum, group.resources), {})
