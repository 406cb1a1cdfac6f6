/** What is known of the cluster when alerts are judged: what the nodes said last, and what was counted lately. Plain data. */
import type { HostBody } from '../host/body.ts'
import type { OperationBody } from '../operation/body.ts'

/** A host under the HA policy that is not heard just now. */
export interface SilentHost {
  readonly host: string
  readonly heardAgoMs: number
  /** Until its lease has run out for certain. */
  readonly leftMs: number
  /** Instances that it stops by itself then. */
  readonly instances: number
}

export interface ConductorFacts {
  readonly id: string
  readonly shards: number
  /** Until its lease runs out if it is not renewed, and how long a lease is, ms. */
  readonly leaseLeftMs: number
  readonly leaseMs: number
  /** The numbers it put into its lease; see `self-report.ts`. */
  readonly load: Readonly<Record<string, number>>
  /** Actors it has set aside. */
  readonly poisoned: readonly string[]
  readonly silent: readonly SilentHost[]
  /** Hosts it would have lost, were they not too many at once. */
  readonly held: readonly string[]
}

/** There may be ten thousand of them, so only what rules look at is copied. */
export interface HostFacts extends Pick<HostBody, 'id' | 'state' | 'mode' | 'claims'> {
  readonly load: Readonly<Record<string, number>>
}

export interface Facts {
  /** Cluster time, ms. */
  readonly now: number
  readonly conductors: readonly ConductorFacts[]
  readonly hosts: readonly HostFacts[]
  /** Those that are open, the oldest first; of very many the first few hundred. */
  readonly operations: readonly OperationBody[]
  /** Agents that were heard once and are not any more, of instances and of their own; of very many the first few hundred. */
  readonly silentAgents: readonly { readonly kind: 'instance' | 'agent'; readonly id: string; readonly service: string; readonly message: string }[]
  /** When the certificate of each gateway that has one ends. */
  readonly certificates: readonly { readonly node: string; readonly endsAt: number }[]
  /** Within the last `RECENT_MS`: commands for nobody by conductor, and how often each host was no longer heard. */
  readonly recently: { readonly deadLetters: ReadonlyMap<string, number>; readonly silences: ReadonlyMap<string, number> }
}

/** How far back counts look, ms. */
export const RECENT_MS = 600_000
