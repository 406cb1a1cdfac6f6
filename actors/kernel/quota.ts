/**
 * What a project may have a limited amount of, under Nova's names, and sums of it. Plain data that the project actor, those who hold
 * something of a project, and the API share.
 */

/**
 * `server_group_members` limits a single group, `metadata_items` a single instance or image, and neither is summed up; ram and
 * `image_size_total` are in MiB. The last two are Glance's.
 */
export const RESOURCES = [
  ...(['instances', 'cores', 'ram', 'server_groups', 'server_group_members', 'key_pairs', 'metadata_items'] as const),
  ...(['image_count_total', 'image_size_total'] as const),
] as const
export type Resource = (typeof RESOURCES)[number]

/** What is left out is none. */
export type Amounts = Readonly<Partial<Record<Resource, number>>>

/** One number per resource; `UNLIMITED` is no limit. */
export type Limits = Readonly<Record<Resource, number>>

export interface QuotaBody {
  /** The project. */
  readonly id: string
  readonly limits: Limits
  /** Those of a project that has none of its own. */
  readonly defaults: Limits
  readonly used: Limits
}

/** Those of projects that have none of their own. */
export interface DefaultLimits {
  readonly limits: Limits
  /** What Nova had quotas of and Baton does not have: kept for the clients that set them, and limiting nothing. */
  readonly unused: Readonly<Record<string, number>>
}

/** A holder for which a project has entered other amounts than it holds. */
export interface QuotaDifference {
  readonly holder: string
  readonly entered: Amounts | null
  readonly held: Amounts | null
}

export const UNLIMITED = -1
/** Nova's limits are 32 bits wide. */
export const LIMIT_MAX = 2 ** 31 - 1

/** The limits of whoever sets none. */
export const NO_LIMITS: Limits = {
  ...{ instances: -1, cores: -1, ram: -1, server_groups: -1, server_group_members: -1, key_pairs: -1, metadata_items: -1 },
  ...{ image_count_total: -1, image_size_total: -1 },
}

/** A project's name is its actor's id, so it has no dot: what stands behind one does not count for the shard. */
export const PROJECT_NAME = /^[a-zA-Z0-9_-]{1,64}$/

export const isResource = (name: string): name is Resource => RESOURCES.some(resource => resource === name)

const combine = (a: Amounts, b: Amounts, how: (a: number, b: number) => number): Amounts => {
  const sum: Partial<Record<Resource, number>> = {}
  for (const resource of RESOURCES) {
    const amount = how(a[resource] ?? 0, b[resource] ?? 0)
    if (amount !== 0) sum[resource] = amount
  }
  return sum
}

export const plus = (a: Amounts, b: Amounts): Amounts => combine(a, b, (x, y) => x + y)
export const minus = (a: Amounts, b: Amounts): Amounts => combine(a, b, (x, y) => x - y)
/** Of each resource the larger amount. */
export const largest = (a: Amounts, b: Amounts): Amounts => combine(a, b, Math.max)

export const sameAmounts = (a: Amounts | null, b: Amounts | null): boolean =>
  a === null || b === null ? a === b : RESOURCES.every(resource => (a[resource] ?? 0) === (b[resource] ?? 0))

/** What one instance of this size takes. */
export const amountsOf = ({ vcpus, ramMb }: { readonly vcpus: number; readonly ramMb: number }): Amounts => ({
  instances: 1,
  cores: vcpus,
  ram: ramMb,
})
