/** Guests and their backups as gateways see them, and what may be asked of them. Times are cluster time in ms since 1970. */
import type { Json } from '../kernel/define.ts'
import type { Requester } from '../kernel/requester.ts'
import type { BackupKind, BackupReport, ServiceStatus } from './contract.ts'
import type { AgentLook } from './guests.ts'
import type { AgentAbout } from './report.ts'

/**
 * Whether the agent is heard. `never`: not yet; `off`: its guest does not run; `unknown`: it was heard once, and is not any more, so nobody
 * knows how its service is.
 */
export const AGENT_STATES = ['never', 'up', 'off', 'unknown'] as const
export type AgentState = (typeof AGENT_STATES)[number]

export interface GuestBody {
  /** That of its instance. */
  readonly id: string
  readonly project: string
  readonly host: string
  readonly agent: AgentState
  /** How its service is, by the agent's last word; ERROR also by the conductor's, when it never came to life. */
  readonly status: ServiceStatus
  readonly message: string | null
  readonly about: AgentAbout | null
  /** What the agent said last of a backup. */
  readonly backup: BackupReport | null
  readonly schedule: BackupSchedule | null
  /** The newest backup that is in the store, which an incremental one would build on. */
  readonly lastBackup: { readonly id: string; readonly kind: BackupKind; readonly at: number } | null
  /** What its host knows at this moment; absent when the host was not asked, or did not answer. */
  readonly live?: AgentLook
  readonly createdAt: number
  readonly updatedAt: number
}

/** What its image says of an agent in the guest. */
export interface ExpectedAgent {
  /** Whether a build waits until its service is ready. */
  readonly required: boolean
  /** Time until it must be heard, ms. */
  readonly bootMs: number
}

/** What an agent in a guest is to do. */
export interface GuestRequest {
  /** Of a backup: its kind, and what an incremental one builds on. */
  readonly kind?: BackupKind
  readonly parent?: string | null
  /** Of a restore: the backups to be put in their place, the full one first. */
  readonly backups?: readonly string[]
}

/** Backups that begin by themselves. */
export interface BackupSchedule {
  readonly everyMs: number
  /** Backups of the schedule that are kept; and those that they build on. */
  readonly keep: number
  /** One in so many is full, and the others are incremental; 1: all are full. */
  readonly fullEvery: number
}

/** A backup: an image of the image service, seen as what it is. */
export interface BackupBody {
  readonly id: string
  readonly name: string
  readonly project: string | null
  readonly instance: string
  readonly service: string
  readonly kind: BackupKind
  readonly parent: string | null
  readonly series: string
  /** Trove's words. COMPLETED: its bytes are in the store, and are those that the agent said. */
  readonly state: 'NEW' | 'BUILDING' | 'COMPLETED' | 'FAILED'
  readonly sizeBytes: number
  /** SHA-512 of its bytes, hex; null until it is COMPLETED. */
  readonly checksum: string | null
  /** Where its bytes are: their path in the image service. */
  readonly location: string
  readonly message: string | null
  readonly createdAt: number
  readonly updatedAt: number
}

export interface CreateBackup {
  /** Of the instance. */
  readonly id: string
  /** Of the backup, chosen by who asks. */
  readonly backup: string
  readonly name: string
  readonly kind: BackupKind
  /** What an incremental one builds on; default: the newest of this instance. */
  readonly parent?: string
  /** Of the series that is kept short; default: none is deleted. */
  readonly keep?: number
  readonly requestId: string
  readonly by?: Requester
}

export interface RestoreBackup {
  /** Of the instance that it is put into: one with an agent of the same service. */
  readonly id: string
  readonly backup: string
  readonly requestId: string
  readonly by?: Requester
}

interface Page {
  readonly limit?: number
  readonly marker?: string
  readonly project?: string
}

/** An agent's answer is waited for no longer, ms: the request itself is, for some seconds more. */
export const EXEC_MAX_MS = 12_000

export interface GuestApi {
  /** Guests with an agent, newest first. */
  listGuests(args: Page & { readonly agent?: AgentState }): Promise<GuestBody[]>
  /** Rejects `NotFound` for an instance whose image says nothing of an agent. */
  getGuest(args: { id: string }): Promise<GuestBody>
  /** Has the agent do what it declared. Never written down. Rejects `BadRequest` for anything else, `GuestFailed`. */
  execGuest(args: { id: string; method: string; args: Readonly<Record<string, Json>>; timeoutMs?: number }): Promise<{ readonly value: Json }>
  /** Null: no more. */
  scheduleBackups(args: { id: string; schedule: BackupSchedule | null }): Promise<GuestBody>
  createBackup(args: CreateBackup): Promise<{ readonly operation: string }>
  listBackups(args: Page & { readonly instance?: string }): Promise<BackupBody[]>
  getBackup(args: { id: string }): Promise<BackupBody>
  /** Rejects `Conflict` while others build on it. */
  deleteBackup(args: { id: string }): Promise<Record<string, never>>
  /** Rejects `Conflict` when it, or one that it builds on, is not COMPLETED. */
  restoreBackup(args: RestoreBackup): Promise<{ readonly operation: string }>
}
