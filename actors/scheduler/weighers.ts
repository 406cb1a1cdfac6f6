/**
 * Weighers: pure numbers about hosts that passed every filter; the larger the better. Those about room are scaled to 0…1 over the
 * candidates, so that megabytes and processors can be added; a positive multiplier spreads instances, a negative one packs them.
 * Those about preferences are between -1 and 1 as they are: one failed build long ago must not weigh like ten of today.
 */
import type { Demand } from './demand.ts'
import type { HostView } from './host-view.ts'

interface Weigher {
  readonly name: string
  readonly kind: 'room' | 'preference'
  readonly weigh: (host: HostView, demand: Demand) => number
}

const WEIGHERS: readonly Weigher[] = [
  { name: 'ram', kind: 'room', weigh: ({ capacity, expected }) => capacity.ramMb - expected.ramMb },
  { name: 'cpu', kind: 'room', weigh: ({ capacity, expected }) => capacity.vcpus - expected.vcpus },
  { name: 'disk', kind: 'room', weigh: ({ capacity, expected }) => capacity.diskGb - expected.diskGb },
  { name: 'group', kind: 'preference', weigh: softly },
  { name: 'failures', kind: 'preference', weigh: ({ failures }) => -Math.min(1, failures) },
]

/** The share of the group's other members that are on this host: better or worse by the soft policies, nothing to the others. */
function softly({ id }: HostView, { group }: Demand): number {
  if (group?.policy !== 'soft-affinity' && group?.policy !== 'soft-anti-affinity') return 0
  const here = group.others[id]
  if (here === undefined) return 0
  const most = Math.max(...Object.values(group.others))
  return group.policy === 'soft-affinity' ? here / most : -here / most
}

export const WEIGHER_NAMES: readonly string[] = WEIGHERS.map(({ name }) => name)

/** Multipliers by the name of the weigher; what is not named weighs nothing. */
export type Multipliers = Readonly<Record<string, number>>

export interface Weight {
  readonly total: number
  /** The part of it that is about preferences: among hosts that differ in it, chance must not choose. */
  readonly preference: number
}

/** The weight of each host, in the order given. */
export function weigh(hosts: readonly HostView[], demand: Demand, multipliers: Multipliers): Weight[] {
  const room = new Float64Array(hosts.length)
  const preference = new Float64Array(hosts.length)
  for (const { name, kind, weigh: of } of WEIGHERS) {
    const multiplier = multipliers[name] ?? 0
    if (multiplier === 0) continue
    if (kind === 'preference') addTo(preference, hosts, host => multiplier * of(host, demand))
    else addScaled(room, hosts, host => of(host, demand), multiplier)
  }
  return hosts.map((_, i) => ({ total: (room[i] ?? 0) + (preference[i] ?? 0), preference: preference[i] ?? 0 }))
}

function addTo(totals: Float64Array, hosts: readonly HostView[], of: (host: HostView) => number): void {
  let i = 0
  for (const host of hosts) {
    totals[i] = (totals[i] ?? 0) + of(host)
    i++
  }
}

function addScaled(totals: Float64Array, hosts: readonly HostView[], of: (host: HostView) => number, multiplier: number): void {
  const raw = new Float64Array(hosts.length)
  addTo(raw, hosts, of)
  let least = Number.POSITIVE_INFINITY
  let most = Number.NEGATIVE_INFINITY
  for (const value of raw) {
    if (value < least) least = value
    if (value > most) most = value
  }
  const span = most - least
  if (span > 0) for (let i = 0; i < raw.length; i++) totals[i] = (totals[i] ?? 0) + (multiplier * ((raw[i] ?? 0) - least)) / span
}
