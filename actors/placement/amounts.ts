/**
 * Amounts of resources, by resource class. The three standard classes have their own fields everywhere (`vcpus`, `ramMb`, `diskGb`);
 * custom ones (`CUSTOM_…`: licences, accelerators) are counted by name. What a host can promise of a class is
 * (total − reserved) × ratio, as in OpenStack's Placement; of a custom class, its total.
 */
export interface Resources {
  readonly vcpus: number
  readonly ramMb: number
  readonly diskGb: number
  readonly custom?: Amounts
}

/** Amounts of custom resources, by class. */
export type Amounts = Readonly<Record<string, number>>

/** How often each resource of a host is promised. */
export interface Ratios {
  readonly vcpu: number
  readonly ram: number
  readonly disk: number
}

/** What holds for a host of which no operator has said otherwise. */
export interface HostDefaults {
  readonly ratios: Ratios
  /** What is kept for the host itself. */
  readonly reserved: Resources
}

/** What a host has beyond its size: in force now, defaults included. */
export interface HostPlacement {
  readonly reserved: Resources
  readonly ratios: Ratios
  readonly custom: Amounts
  readonly customUsed: Amounts
  /** Of the driver and of operators, sorted. */
  readonly traits: readonly string[]
  /** Those of the driver alone; absent in rows from before they were told apart. */
  readonly reported?: readonly string[]
}

export const NOTHING: Resources = { vcpus: 0, ramMb: 0, diskGb: 0 }

/** What a host can promise in all. */
export function capacityOf(total: Resources, { reserved, ratios, custom }: Pick<HostPlacement, 'reserved' | 'ratios' | 'custom'>): Resources {
  return {
    vcpus: Math.max(0, total.vcpus - reserved.vcpus) * ratios.vcpu,
    ramMb: Math.max(0, total.ramMb - reserved.ramMb) * ratios.ram,
    diskGb: Math.max(0, total.diskGb - reserved.diskGb) * ratios.disk,
    custom,
  }
}

export function plus(a: Resources, b: Resources, sign: 1 | -1 = 1): Resources {
  const sum = { vcpus: a.vcpus + sign * b.vcpus, ramMb: a.ramMb + sign * b.ramMb, diskGb: a.diskGb + sign * b.diskGb }
  return a.custom || b.custom ? { ...sum, custom: plusAmounts(a.custom ?? {}, b.custom ?? {}, sign) } : sum
}

function plusAmounts(a: Amounts, b: Amounts, sign: 1 | -1): Amounts {
  const sum: Record<string, number> = { ...a }
  for (const [name, amount] of Object.entries(b)) sum[name] = (sum[name] ?? 0) + sign * amount
  return Object.fromEntries(Object.entries(sum).filter(([, amount]) => amount !== 0))
}

/** A resource of which there is not enough. */
export interface Shortage {
  /** As people read it, with its unit. */
  readonly resource: string
  readonly wanted: number
  readonly free: number
  readonly capacity: number
}

const CLASSES = [
  ['vcpus', 'vcpus'],
  ['ramMb', 'ram (MB)'],
  ['diskGb', 'disk (GB)'],
] as const

export function fits(capacity: Resources, used: Resources, wanted: Resources): boolean {
  // Said field by field: this is asked of every host for every choice.
  if (used.vcpus + wanted.vcpus > capacity.vcpus || used.ramMb + wanted.ramMb > capacity.ramMb || used.diskGb + wanted.diskGb > capacity.diskGb)
    return false
  for (const name in wanted.custom) {
    if ((used.custom?.[name] ?? 0) + (wanted.custom[name] ?? 0) > (capacity.custom?.[name] ?? 0)) return false
  }
  return true
}

/** Every resource that does not fit, with its numbers. */
export function shortages(capacity: Resources, used: Resources, wanted: Resources): Shortage[] {
  const found: Shortage[] = []
  const look = (resource: string, total: number, taken: number, want: number): void => {
    if (taken + want > total) found.push({ resource, wanted: want, free: Math.max(0, total - taken), capacity: total })
  }
  for (const [field, resource] of CLASSES) look(resource, capacity[field], used[field], wanted[field])
  for (const name in wanted.custom) look(name, capacity.custom?.[name] ?? 0, used.custom?.[name] ?? 0, wanted.custom[name] ?? 0)
  return found
}

const short = (n: number): string => String(Math.round(n * 100) / 100)

/** Names the first resource that does not fit, with its numbers, or null. */
export function lacks(capacity: Resources, used: Resources, wanted: Resources): string | null {
  if (fits(capacity, used, wanted)) return null
  const [first] = shortages(capacity, used, wanted)
  return first ? `${first.resource}: ${short(first.wanted)} wanted, ${short(first.free)} free of ${short(first.capacity)}` : null
}

/** `1 vcpus, 64 MB ram, 1 GB disk, 2 CUSTOM_FPGA` */
export const wantedText = ({ vcpus, ramMb, diskGb, custom = {} }: Resources): string =>
  [`${vcpus} vcpus, ${ramMb} MB ram, ${diskGb} GB disk`, ...Object.entries(custom).map(([name, amount]) => `${amount} ${name}`)].join(', ')
