/** What is looked for: everything the filters and weighers may ask about one instance, already looked up. */
import type { Resources } from '../placement/amounts.ts'
import type { GroupView } from '../placement/rules.ts'
import type { Specs, TraitDemand } from '../placement/specs.ts'

/** Another instance, and its host; null when it is on none. */
export interface Neighbour {
  readonly instance: string
  readonly host: string | null
}

export interface Demand extends Resources {
  /** Hosts that have refused or failed already, and the one it is to leave. */
  readonly avoid: readonly string[]
  /** The driver that can run the image; null when the image is unknown, and then no host refuses it for that. */
  readonly driver: string | null
  /** The hosts that have the image, when it is to be booted and not all hosts have it. */
  readonly imageHosts: readonly string[] | null
  readonly zone: string | null
  /** The only host that will do. */
  readonly host: string | null
  readonly traits: TraitDemand
  /** Metadata that aggregates of the host must have. */
  readonly aggregateSpecs: Specs
  readonly group: GroupView | null
  readonly beside: readonly Neighbour[]
  readonly apartFrom: readonly Neighbour[]
}

/** Room for an instance, anywhere. */
export const ANYWHERE: Omit<Demand, keyof Resources> = {
  avoid: [],
  driver: null,
  imageHosts: null,
  zone: null,
  host: null,
  traits: { required: [], forbidden: [] },
  aggregateSpecs: {},
  group: null,
  beside: [],
  apartFrom: [],
}
