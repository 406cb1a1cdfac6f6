/** A compute host as others see it: the row that lists and the API read. */
import type { HostPlacement } from '../placement/amounts.ts'

export type HostState = 'up' | 'suspect' | 'down' | 'fenced' | 'gone'

/** Whether a host takes new instances, whatever its state: only `enabled` does. */
export type HostMode = 'enabled' | 'disabled' | 'draining' | 'maintenance'

export interface HostBody {
  readonly id: string
  readonly state: HostState
  /** Whether its mode is `enabled`. */
  readonly enabled: boolean
  readonly mode: HostMode
  /** The drain or evacuation under way. */
  readonly operation: string | null
  readonly disabledReason: string | null
  readonly driver: string
  readonly vcpus: number
  readonly ramMb: number
  readonly diskGb: number
  readonly vcpusUsed: number
  readonly ramMbUsed: number
  readonly diskGbUsed: number
  /** Claims held: one per instance or build in flight. */
  readonly claims: number
  readonly pid: number
  readonly version: string
  readonly createdAt: number
  readonly stateSince: number
  /** Counts changes of what it has, offers and has promised, as Placement's generation does; absent in rows from before it was counted. */
  readonly generation?: number
  /** Absent in rows of before hosts had any. */
  readonly placement?: HostPlacement
  /** Absent in rows from before there was a policy. */
  readonly ha?: HostHa
  /** What only its monitor knows; absent in lists. */
  readonly lease?: HostLease | null
  /** For how long its machine has been running, as it said last; absent in lists, too. */
  readonly uptimeS?: number | null
  /** Number of events behind this row: the newer of two copies has the larger. Absent in rows of before there was any. */
  readonly rev?: number
}

/** Guests under the HA policy on a host, and what is done about them when it is lost. */
export interface HostHa {
  /** Instances that the host is to stop by itself when it is no longer heard. */
  readonly instances: number
  /** Those of them that it has learned of. */
  readonly learned: number
  /** When its lease had run out for certain; null while it has not. */
  readonly lostAt: number | null
  /** Instances on their way to another host. */
  readonly evacuating: number
  /** Times that the fence command has failed since. */
  readonly fenceTries: number
}

export interface HostLease {
  /** Time since the host was last heard, ms. */
  readonly heardAgoMs: number
  /** Time until its lease has run out for certain, if it is not heard again, ms. */
  readonly leftMs: number
  /** Whether its watchdog is armed with the newest offer. */
  readonly armed: boolean
}
