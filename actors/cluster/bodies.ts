/** The cluster as others see it: its nodes, their queues, and its health. */
import type { Advice } from '../alerts/advice.ts'
import type { VmState } from '../api.ts'

export const NODE_ROLES = ['conductor', 'compute', 'gateway'] as const
export type NodeRole = (typeof NODE_ROLES)[number]

export interface NodeBody {
  readonly id: string
  readonly role: NodeRole
  readonly pid: number
  readonly state: string
  readonly endpoint: string
  readonly version: string
  /** `process.version` of the node. */
  readonly node: string
  /** Shards owned, for conductors. */
  readonly shards: number
  readonly load: Readonly<Record<string, number>>
}

export interface QueueBody {
  readonly node: string
  readonly queue: string
  readonly depth: number
  readonly limit: number
  readonly oldestMs: number
  /** The actor with the longest inbox, if any waits. */
  readonly busiest: string | null
}

/** All compute hosts in a few numbers. Amounts are of those that are up. */
export interface HostFigures {
  readonly count: number
  /** By state, or for those that are up by mode. */
  readonly states: Readonly<Record<string, number>>
  /** Those that are up by how full they are of what they are fullest of: below a tenth of what may be promised, below two …, the rest. */
  readonly fill: readonly number[]
  readonly vcpus: number
  readonly vcpusUsed: number
  readonly ramMb: number
  readonly ramMbUsed: number
  readonly diskGb: number
  readonly diskGbUsed: number
  readonly claims: number
}

export interface StatusBody {
  readonly version: string
  readonly nodes: readonly NodeBody[]
  readonly hosts: HostFigures
  readonly instances: Readonly<Record<VmState, number>>
  readonly operationsOpen: number
  readonly mapVersion: number
  readonly database: { readonly connected: boolean; readonly waitingCommits: number }
  /** Whether to add a conductor, with the numbers behind it. */
  readonly advice: Advice
  /** Actors set aside after failing too often. */
  readonly poisoned: readonly string[]
  /** The alerts that fire, in words; `baton alerts` tells more of them. */
  readonly alerts: readonly string[]
}
