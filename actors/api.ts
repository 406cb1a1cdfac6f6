/**
 * What conductors do for gateways: the cluster's own interface, one method per request, plain data both ways.
 * A gateway holds a proxy of it whose calls travel over links to a conductor; a conductor holds the implementation.
 * Every method may reject with a `BatonError` of the table in `kernel/errors.ts`.
 */

import type { AgentApi } from './agent/body.ts'
import type { AlertsBody } from './alerts/body.ts'
import type { NodeBody, NodeRole, QueueBody, StatusBody } from './cluster/bodies.ts'
import type { EvidenceApi } from './cluster/evidence.ts'
import type { HistoryAsked, HistoryPart } from './cluster/history.ts'
import type { DoctorBody, DoctorScope } from './doctor/report.ts'
import type { ExpectedAgent, GuestApi, GuestRequest } from './guest/body.ts'
import type { HostBody } from './host/body.ts'
import type { AttachedDisk, Devices, Diagnostics, Interface, PowerState, StreamKind } from './hypervisor/driver.ts'
import type { ConsoleTicket, TicketOwner } from './hypervisor/remote-consoles.ts'
import type { ImageApi } from './image/body.ts'
import type { AboutChange, InstanceAbout } from './instance/about.ts'
import type { ListInstances } from './instance/list.ts'
import type { TaskState, VmState } from './instance/words.ts'
import type { AuditEntry, AuditLine, AuditMark, AuditVerdict } from './kernel/audit.ts'
import type { Fault } from './kernel/errors.ts'
import type { Requester } from './kernel/requester.ts'
import type { KeyPairApi } from './key-pairs/body.ts'
import type { OperationBody } from './operation/body.ts'
import type { Placement, PlacementApi } from './placement/bodies.ts'

export * from './agent/body.ts'
export type { AlertBody, AlertsBody, Notification } from './alerts/body.ts'
export { type HostFigures, NODE_ROLES, type NodeBody, type NodeRole, type QueueBody, type StatusBody } from './cluster/bodies.ts'
export * from './cluster/evidence.ts'
export * from './cluster/history.ts'
export * from './guest/body.ts'
export { BACKUP_KINDS, type BackupKind } from './guest/contract.ts'
export type { HostBody, HostHa, HostLease, HostMode, HostState } from './host/body.ts'
export type { ConsoleOpened } from './hypervisor/remote-consoles.ts'
export * from './image/body.ts'
export type { AboutChange, DiskConfig, GuestFile, InstanceAbout } from './instance/about.ts'
export { hostnameOf } from './instance/hostname.ts'
export * from './instance/list.ts'
export { type TaskState, VM_STATES, type VmState } from './instance/words.ts'
export type { KeyPairApi, KeyPairBody } from './key-pairs/body.ts'
export type { Move, OperationBody, OperationStatus, Progress, StepRecord } from './operation/body.ts'
export type { HostPlacement, Ratios, Resources } from './placement/amounts.ts'
export * from './placement/bodies.ts'
export type { NameKind, PlacementNames } from './placement/names.ts'
export { zoneOf, zoneOfHost, zonesOf } from './placement/zones.ts'

import type { Amounts, DefaultLimits, QuotaBody, QuotaDifference } from './kernel/quota.ts'

export interface FlavorBody {
  readonly id: string
  readonly name: string
  readonly vcpus: number
  readonly ramMb: number
  readonly diskGb: number
  /** Disks beside the root disk, and the factor for networks of old. Absent: 0, 0 and 1. What no driver makes no instance is built of. */
  readonly ephemeralGb?: number
  readonly swapMb?: number
  readonly rxtxFactor?: number
  /** Nova's extra specs: custom resources, traits, aggregate metadata and whatever else. Absent when there never were any. */
  readonly extraSpecs?: Readonly<Record<string, string>>
  /** Absent: null. */
  readonly description?: string | null
  /** Absent: true. One that is not public is for the projects of `access` alone. */
  readonly isPublic?: boolean
  readonly access?: readonly string[]
  readonly createdAt: number
}

/** A disk beside the one an instance boots from. It is a file of one host, and outlives the instances it is attached to. */
export interface DiskBody {
  readonly id: string
  readonly sizeGb: number
  readonly host: string
  readonly status: 'attached' | 'available' | 'deleted'
  /** The instance it is attached to, or is just being attached to or detached from. */
  readonly instance: string | null
  /** Of the instance it was made for; absent of disks of before. */
  readonly project?: string
  readonly createdAt: number
  readonly updatedAt: number
}

/**
 * What is done when a guest is no longer there though it should run. `restart-in-place`: one that crashed or vanished is started
 * again on its host. `evacuate`: that too, and it is made anew elsewhere when its host is lost.
 */
export const HA_POLICIES = ['none', 'restart-in-place', 'evacuate'] as const
export type HaPolicy = (typeof HA_POLICIES)[number]

/** Times are cluster time in ms since 1970. */
export interface InstanceBody {
  readonly id: string
  readonly name: string
  readonly project: string
  /** Who created it; absent where there are no identities. */
  readonly user?: string
  readonly flavor: Omit<FlavorBody, 'createdAt'>
  readonly image: string
  readonly metadata: Readonly<Record<string, string>>
  readonly reservation: string
  /** Absent is `none`. */
  readonly ha?: HaPolicy
  readonly vmState: VmState
  readonly taskState: TaskState
  readonly powerState: PowerState | null
  readonly host: string | null
  /** The claim that holds its room on that host. */
  readonly claim: string | null
  readonly createdAt: number
  readonly updatedAt: number
  readonly launchedAt: number | null
  readonly deletedAt: number | null
  readonly fault: (Fault & { readonly at: number }) | null
  /** The operation under way. */
  readonly operation: string | null
  /** Null when it is not locked. A locked instance refuses what changes it. */
  readonly locked: { readonly reason: string | null } | null
  readonly tags: readonly string[]
  readonly devices: Devices
  /** The other host that holds room for it, while a resize waits to be confirmed or reverted. */
  readonly origin:
    | ({ readonly host: string; readonly claim: string; readonly flavor: string } & Pick<FlavorBody, 'vcpus' | 'ramMb' | 'diskGb'>)
    | null
  /** Where it was asked to be; absent when it may be anywhere. */
  readonly placement?: Placement
  readonly about?: InstanceAbout
  /** Of an image with an agent; absent: there is none. */
  readonly agent?: ExpectedAgent
  /** Number of events behind this row: the newer of two copies has the larger. Absent in rows of before there was any. */
  readonly rev?: number
}

export type InstanceAction =
  | 'start'
  | 'stop'
  | 'reboot'
  | 'pause'
  | 'unpause'
  | 'suspend'
  | 'resume'
  | 'rescue'
  | 'unrescue'
  | 'rebuild'
  | 'restore'
  | 'resize'
  | 'migrate'
  | 'live-migrate'
  | 'confirm-resize'
  | 'revert-resize'
  | 'evacuate'
  | 'shelve'
  | 'shelve-offload'
  | 'unshelve'
  | 'snapshot'
  | 'backup'
  | 'guest-backup'
  | 'guest-restore'
  | 'attach-disk'
  | 'detach-disk'
  | 'attach-interface'
  | 'detach-interface'

/** Backups of one series that can be kept. */
export const MAX_ROTATION = 1000

/** The image a snapshot or backup makes. */
export interface SnapshotRequest {
  /** Id of the image, chosen by who asks. */
  readonly image: string
  readonly name: string
  readonly properties: Readonly<Record<string, string>>
  /** Of a backup: the series it belongs to, and how many of the series are kept, this one included. */
  readonly backupType?: string
  readonly rotation?: number
}

export interface DiskRequest {
  readonly id: string
  /** Of a disk that is not there yet; one that is has its size. Default 1. */
  readonly sizeGb?: number
  /** Its name in the guest, `/dev/vdb` …; default: the first that is free. */
  readonly device?: string
  readonly tag?: string
  /** Whether it goes with the instance; default: it stays. */
  readonly deleteOnTermination?: boolean
}

export interface InterfaceRequest {
  readonly id: string
  readonly network?: string
  readonly tag?: string
}

export type BlockMigration = boolean | 'auto'

export interface ActOnInstance {
  readonly id: string
  readonly action: InstanceAction
  /** Of a reboot. */
  readonly mode?: 'soft' | 'hard'
  /** Of a rebuild, and the one to boot for a rescue: default the instance's own. */
  readonly image?: string
  /** Of a resize. */
  readonly flavor?: string
  /** Of a rebuild: what is said of the instance and given to the guest from then on. */
  readonly about?: AboutChange
  /** Where to, for a migrate, live-migrate, evacuate or unshelve; default: the scheduler chooses. */
  readonly host?: string
  /** Of a snapshot or backup. */
  readonly snapshot?: SnapshotRequest
  /** Of an attach or detach. */
  readonly disk?: DiskRequest
  readonly interface?: InterfaceRequest
  /** Of a guest-backup or guest-restore. */
  readonly guest?: GuestRequest
  /** Of a live-migrate: whether the disk is copied too; `auto`: when the hosts do not share it, and the default. */
  readonly blockMigration?: BlockMigration
  readonly requestId: string
  readonly by?: Requester
}

export interface Accepted {
  readonly operation: string
  /** What is attached, as it will be. */
  readonly disk?: AttachedDisk
  readonly interface?: Interface
}

/** What may be changed of an instance at any time, whatever is under way. Each given part replaces what was there. */
export interface UpdateInstance {
  readonly id: string
  /** By it a request that comes again is known, and changes nothing a second time. */
  readonly requestId: string
  readonly name?: string
  readonly metadata?: Readonly<Record<string, string>>
  /** Added to the metadata there is, or to the one given. */
  readonly setMetadata?: Readonly<Record<string, string>>
  readonly unsetMetadata?: readonly string[]
  readonly tags?: readonly string[]
  /** To those there are, or from them; more than 50 together are refused. */
  readonly addTags?: readonly string[]
  readonly removeTags?: readonly string[]
  /** Whether an attached disk goes with it. Rejects `NotFound` when it is not attached. */
  readonly disk?: { readonly id: string; readonly deleteOnTermination: boolean }
  /** Only the parts given are replaced; null takes one away. */
  readonly about?: AboutChange
}

export interface CreateInstances {
  /** Ids chosen by the gateway; the same id asked for twice is the same instance. */
  readonly ids: readonly string[]
  /** For several, each gets `-1`, `-2` … behind the name. */
  readonly name: string
  readonly project: string
  readonly flavor: string
  readonly image: string
  readonly metadata: Readonly<Record<string, string>>
  readonly reservation: string
  /** Default: what the metadata item `ha_policy` says, else `none`. */
  readonly ha?: HaPolicy
  readonly requestId: string
  readonly by?: Requester
  readonly placement?: Placement
  readonly about?: InstanceAbout
  readonly tags?: readonly string[]
  /**
   * Whether the same ids will be asked for again if this fails: then what was created stays. Otherwise nobody knows the ids, and
   * what was created is deleted again.
   */
  readonly repeatable?: boolean
}

export interface Page {
  readonly limit?: number
  readonly marker?: string
}

export interface ListOperations extends Page {
  readonly subject?: string
  readonly open?: boolean
  readonly requestId?: string
  readonly kinds?: readonly string[]
  /** Changed within, cluster time in ms, both ends included. */
  readonly changed?: { readonly from?: number; readonly to?: number }
}

export interface EmptyHost {
  readonly id: string
  /** Instances moved at a time; default 2. */
  readonly parallel?: number
  readonly requestId: string
  readonly by?: Requester
}

export interface ClusterApi extends PlacementApi, KeyPairApi, ImageApi, GuestApi, AgentApi, EvidenceApi {
  /**
   * Resolves when every one of them is durable. Rejects `NotFound` for flavor, image and whatever `placement` names, `Conflict` for a
   * host that takes nothing, and `QuotaExceeded` when the project may not have all of them, before anything is created.
   */
  createInstances(args: CreateInstances): Promise<InstanceBody[]>
  getInstance(args: { id: string }): Promise<InstanceBody>
  listInstances(args: ListInstances): Promise<InstanceBody[]>
  /** Rejects `Conflict` when the state does not allow it, naming the states that would. */
  actOnInstance(args: ActOnInstance): Promise<Accepted>
  /** Softly when the cluster keeps deleted instances for a while, unless `force`; see `instances.reclaimMs`. */
  deleteInstance(args: { id: string; force?: boolean; requestId: string; by?: Requester }): Promise<{ operation: string }>
  updateInstance(args: UpdateInstance): Promise<InstanceBody>
  lockInstance(args: { id: string; reason?: string }): Promise<InstanceBody>
  unlockInstance(args: { id: string }): Promise<InstanceBody>
  setInstanceHa(args: { id: string; policy: HaPolicy }): Promise<InstanceBody>
  /** Says what an instance is, when what Baton believes is wrong. Changes nothing on its host. */
  resetInstance(args: { id: string; state: 'active' | 'error' }): Promise<InstanceBody>
  /** Never written down: it goes straight to the host. Rejects `DriverUnsupported` where the driver cannot. */
  changePassword(args: { id: string; password: string }): Promise<Record<string, never>>
  consoleLog(args: { id: string; maxBytes: number }): Promise<{ output: string }>
  /** Lets somebody open a console of its guest once, at its host. Rejects `Conflict` when it is on no host, `DriverUnsupported`. */
  consoleTicket(args: { id: string; kind: StreamKind; by: TicketOwner }): Promise<ConsoleTicket & { readonly host: string }>
  /** What its guest uses, from the driver of its host. Rejects `Conflict` when nothing runs, `DriverUnsupported` where the driver cannot tell. */
  instanceDiagnostics(args: { id: string }): Promise<Diagnostics & { readonly driver: string }>
  /** Has the guest's system write a dump of itself, as far as it is set up to. Rejects `DriverUnsupported` where the driver cannot. */
  triggerCrashDump(args: { id: string }): Promise<Record<string, never>>

  listFlavors(args: Page): Promise<FlavorBody[]>
  getFlavor(args: { id: string }): Promise<FlavorBody>
  createFlavor(args: Omit<FlavorBody, 'createdAt' | 'extraSpecs' | 'access'>): Promise<FlavorBody>
  describeFlavor(args: { id: string; description: string | null }): Promise<FlavorBody>
  /** Rejects `Conflict` for a public flavor, or a project that has access already; `NotFound` when there is none to take away. */
  setFlavorAccess(args: { id: string; project: string; granted: boolean }): Promise<FlavorBody>
  deleteFlavor(args: { id: string }): Promise<Record<string, never>>
  listDisks(args: Page & { instance?: string }): Promise<DiskBody[]>
  getDisk(args: { id: string }): Promise<DiskBody>
  /** Rejects `Conflict` while it is attached. */
  deleteDisk(args: { id: string }): Promise<Record<string, never>>

  /** Every project that could be is there, with the default limits until it is given others. */
  getQuota(args: { id: string }): Promise<QuotaBody>
  /** Rejects `BadRequest` for a limit below -1, or below what is used unless `force`. Limits that are not given stay. */
  setQuota(args: { id: string; limits: Amounts; force?: boolean }): Promise<QuotaBody>
  /** Back to the defaults, whatever is used. */
  resetQuota(args: { id: string }): Promise<QuotaBody>
  getDefaultLimits(args: Record<string, never>): Promise<DefaultLimits>
  /** Rejects `BadRequest` for a limit below -1. Limits that are not given stay; projects with own ones keep them. */
  setDefaultLimits(args: { limits: Amounts; unused: Readonly<Record<string, number>> }): Promise<DefaultLimits>
  /** Compares what is entered for a project with what its instances hold; there should never be a difference that stays. */
  checkQuota(args: { id: string }): Promise<{ holders: number; differences: readonly QuotaDifference[] }>

  listOperations(args: ListOperations): Promise<OperationBody[]>
  getOperation(args: { id: string }): Promise<OperationBody>
  cancelOperation(args: { id: string }): Promise<OperationBody>
  /** Wants what takes long over at any price: a live migration pauses its guest. Rejects `Conflict` when there is no such step under way. */
  forceOperation(args: { id: string }): Promise<OperationBody>

  listHosts(args: Page): Promise<HostBody[]>
  getHost(args: { id: string }): Promise<HostBody>
  /** A disabled host keeps its instances and takes no new ones. */
  setHostEnabled(args: { id: string; enabled: boolean; reason?: string }): Promise<HostBody>
  /** An operator's word that nothing runs on this host any more. Rejects `Conflict` unless the host is down. */
  fenceHost(args: { id: string }): Promise<HostBody>
  /**
   * Moves every instance off a host, which takes no new ones meanwhile or, when that was done, afterwards. Rejects `Conflict` when one
   * is under way.
   */
  drainHost(args: EmptyHost & { readonly cold?: boolean }): Promise<{ operation: string }>
  /** Lets a host take instances again; a drain under way is cancelled, and stops after what it has begun. */
  undrainHost(args: { id: string }): Promise<HostBody>
  /** Makes every instance of a fenced host anew elsewhere. Rejects `Conflict` unless it is fenced. */
  evacuateHost(args: EmptyHost): Promise<{ operation: string }>
  /** On: drains the host, then holds it in maintenance until it is switched off. */
  setHostMaintenance(args: EmptyHost & { readonly on: boolean; readonly cold?: boolean }): Promise<HostBody>
  /** Forgets a host that is down or fenced and holds no claim. Its agent registers it anew when it comes back. */
  deleteHost(args: { id: string }): Promise<Record<string, never>>
  /** Of compute hosts a page. `roles`: only nodes of these; of all when it is left out. */
  listNodes(args: { readonly roles?: readonly NodeRole[] }): Promise<NodeBody[]>
  drainNode(args: { id: string }): Promise<{ state: string }>
  /** Of conductors, gateways, and a hundred compute hosts: each is asked. */
  listQueues(args: Record<string, never>): Promise<QueueBody[]>
  /** `roles`: of its nodes, those of these. */
  status(args: { readonly roles?: readonly NodeRole[] }): Promise<StatusBody>
  /**
   * How the cluster looked within the last hour: what came after a time, or all of it when `epoch` is another than that of the answer.
   * Parts of an answer follow each other while `more` is true.
   */
  clusterHistory(args: HistoryAsked): Promise<HistoryPart>
  /** The alerts that fire, and those that are over. */
  listAlerts(args: Record<string, never>): Promise<AlertsBody>
  /** Appends to the audit log what is not there yet; done when it is on disk. Rejects `Unavailable` where there is none. */
  appendAudit(args: { readonly lines: readonly AuditLine[] }): Promise<Record<string, never>>
  /** The audit log, newest first, those before number `before`. */
  listAudit(args: { readonly limit?: number; readonly before?: number }): Promise<AuditEntry[]>
  /** Looks whether the chain is whole, a part of it at a time. */
  verifyAudit(args: { readonly after?: AuditMark }): Promise<AuditVerdict>
  /** Looks at the truth of every side; changes nothing. Rejects `NotFound` for an instance or host that nobody knows of. */
  diagnose(args: DoctorScope): Promise<DoctorBody>
  /** Looks twice, repairs what was seen both times, each through its owner, and looks again. */
  repair(args: DoctorScope): Promise<DoctorBody>
}
