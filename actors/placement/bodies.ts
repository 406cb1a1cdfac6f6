/** Placement in the cluster's interface: aggregates, server groups, what hosts offer, and why a choice fell as it did. Plain data. */
import type { HostBody } from '../api.ts'
import type { Amounts, Ratios, Resources } from './amounts.ts'
import type { NameKind, PlacementNames } from './names.ts'

/** Where an instance was asked to go when it was created; it holds for every later move too. */
export interface Placement {
  readonly zone?: string
  /** The host it was to be built on; a later move is free of it. */
  readonly host?: string
  /** The server group it belongs to for life. */
  readonly group?: string
  /** Beside each of these instances. */
  readonly sameHost?: readonly string[]
  /** Beside none of these instances. */
  readonly differentHost?: readonly string[]
}

/** The zone of a host that is in no aggregate with one. */
export const DEFAULT_ZONE = 'nova'
/** The metadata of an aggregate that makes it a zone. */
export const ZONE_KEY = 'availability_zone'

export interface AggregateBody {
  readonly id: number
  readonly uuid: string
  readonly name: string
  readonly hosts: readonly string[]
  readonly metadata: Readonly<Record<string, string>>
  readonly createdAt: number
  readonly updatedAt: number
}

export const GROUP_POLICIES = ['affinity', 'anti-affinity', 'soft-affinity', 'soft-anti-affinity'] as const
export type GroupPolicy = (typeof GROUP_POLICIES)[number]

export interface GroupBody {
  readonly id: string
  readonly name: string
  readonly project: string
  readonly policy: GroupPolicy
  /** Members that one host may have; only an anti-affinity group has a limit. */
  readonly maxServerPerHost: number | null
  readonly members: readonly string[]
  readonly createdAt: number
}

/** What an operator changes of a host; what is not given stays. Null goes back to the configured default. */
export interface ConfigureHost {
  readonly id: string
  readonly reservedVcpus?: number | null
  readonly reservedRamMb?: number | null
  readonly reservedDiskGb?: number | null
  readonly cpuRatio?: number | null
  readonly ramRatio?: number | null
  readonly diskRatio?: number | null
  /** Totals of custom resources; 0 takes one away. */
  readonly custom?: Amounts
  /** Only when the host is still at this generation; otherwise `Conflict` with the one it is at. */
  readonly generation?: number
  readonly addTraits?: readonly string[]
  readonly removeTraits?: readonly string[]
}

export interface HostSettings {
  readonly reserved: { readonly vcpus: number | null; readonly ramMb: number | null; readonly diskGb: number | null }
  readonly ratios: { readonly [K in keyof Ratios]: number | null }
  readonly custom: Amounts
  readonly traits: readonly string[]
}

export interface ExplainSchedule {
  readonly flavor: string
  /** Without one no host is refused for its driver. */
  readonly image?: string
  readonly placement?: Placement
  /** Every host; otherwise a few of each kind. */
  readonly all?: boolean
}

export interface HostVerdict {
  readonly host: string
  readonly fits: boolean
  /** Of a host that fits: the larger, the sooner it is taken. */
  readonly weight: number | null
  readonly refusals: readonly { readonly filter: string; readonly reason: string }[]
}

export interface Explanation {
  /** Hosts known, and those that pass every filter. */
  readonly hosts: number
  readonly fitting: number
  readonly wanted: string
  /** Hosts refused, by the first filter that did. */
  readonly refusedBy: Readonly<Record<string, number>>
  /** Those that fit first, best first; then the others, those that lack least first. */
  readonly verdicts: readonly HostVerdict[]
  /** What would make it fit, the least change first; empty when it fits. */
  readonly nearest: readonly string[]
}

/** Room that is held on a host. */
export interface ClaimBody {
  readonly claim: string
  readonly instance: string
  readonly resources: Resources
  /** Cluster time, ms. */
  readonly since: number
}

/** What the instances of a project hold on hosts, moves under way included. */
export interface ProjectUsage {
  readonly instances: number
  readonly resources: Resources
}

export interface ResourceApi {
  /** Rejects `NotFound` for the host. */
  listClaims(args: { host: string; instance?: string }): Promise<ClaimBody[]>
  projectUsage(args: { project: string }): Promise<ProjectUsage>
  /** Custom names that somebody has said; those that hosts have exist beside them. */
  placementNames(args: Record<string, never>): Promise<PlacementNames>
  /** Rejects `BadRequest` for what is no such name. `changed`: whether it was not so before. */
  setPlacementName(args: { kind: NameKind; name: string; present: boolean }): Promise<{ changed: boolean }>
}

export interface PlacementApi extends ResourceApi {
  listAggregates(args: Record<string, never>): Promise<AggregateBody[]>
  getAggregate(args: { id: number }): Promise<AggregateBody>
  /** Rejects `Conflict` when the name is taken. */
  createAggregate(args: { uuid: string; name: string; zone?: string }): Promise<AggregateBody>
  updateAggregate(args: { id: number; name?: string; zone?: string }): Promise<AggregateBody>
  /** Null takes an item away. Rejects `Conflict` when a host would be in two zones. */
  setAggregateMetadata(args: { id: number; metadata: Readonly<Record<string, string | null>> }): Promise<AggregateBody>
  /** Rejects `NotFound` for the host, `Conflict` when it is there already or in another zone. */
  addAggregateHost(args: { id: number; host: string }): Promise<AggregateBody>
  removeAggregateHost(args: { id: number; host: string }): Promise<AggregateBody>
  /** Rejects `BadRequest` while it has hosts. */
  deleteAggregate(args: { id: number }): Promise<Record<string, never>>

  listGroups(args: { project?: string; limit?: number; marker?: string }): Promise<GroupBody[]>
  getGroup(args: { id: string }): Promise<GroupBody>
  createGroup(args: { id: string; name: string; project: string; policy: GroupPolicy; maxServerPerHost?: number }): Promise<GroupBody>
  /** Its members stay where they are; nothing holds them together or apart any more. */
  deleteGroup(args: { id: string }): Promise<Record<string, never>>

  /** Null takes one away. Rejects `BadRequest` for what placement cannot understand, `NotFound` for taking away what is not there. */
  setFlavorSpecs(args: { id: string; specs: Readonly<Record<string, string | null>> }): Promise<Readonly<Record<string, string>>>
  /** Rejects `BadRequest` when more is reserved than there is. */
  configureHost(args: ConfigureHost): Promise<HostBody>
  explainSchedule(args: ExplainSchedule): Promise<Explanation>
}
