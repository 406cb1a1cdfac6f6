/**
 * What conductors do for gateways: the cluster's own interface, one method per request, plain data both ways.
 * A gateway holds a proxy of it whose calls travel over links to a conductor; a conductor holds the implementation.
 * Every method may reject with a `BatonError` of the table in `kernel/errors.ts`.
 */
import type { PowerState } from './hypervisor/driver.ts'
import type { Fault } from './kernel/errors.ts'

/** Nova's vm states, in the order of a life. */
export const VM_STATES = [
  ...(['building', 'active', 'stopped', 'paused', 'suspended', 'rescued'] as const),
  ...(['resized', 'shelved', 'shelved_offloaded', 'soft-delete', 'error', 'deleted'] as const),
] as const
export type VmState = (typeof VM_STATES)[number]
/** Nova's task states, null when nothing is under way. */
export type TaskState =
  | 'scheduling'
  | 'spawning'
  | 'powering-on'
  | 'powering-off'
  | 'rebooting'
  | 'rebooting_hard'
  | 'pausing'
  | 'unpausing'
  | 'suspending'
  | 'resuming'
  | 'rescuing'
  | 'unrescuing'
  | 'rebuilding'
  | 'resize_prep'
  | 'resize_confirming'
  | 'resize_reverting'
  | 'migrating'
  | 'shelving'
  | 'shelving_offloading'
  | 'unshelving'
  | 'soft-deleting'
  | 'restoring'
  | 'deleting'
  | null

export interface FlavorBody {
  readonly id: string
  readonly name: string
  readonly vcpus: number
  readonly ramMb: number
  readonly diskGb: number
  readonly createdAt: number
}

export interface ImageBody {
  readonly id: string
  readonly name: string
  readonly driver: string
  readonly sizeBytes: number
  readonly createdAt: number
}

/** Times are cluster time in ms since 1970. */
export interface InstanceBody {
  readonly id: string
  readonly name: string
  readonly project: string
  readonly flavor: Omit<FlavorBody, 'createdAt'>
  readonly image: string
  readonly metadata: Readonly<Record<string, string>>
  readonly reservation: string
  readonly vmState: VmState
  readonly taskState: TaskState
  readonly powerState: PowerState | null
  readonly host: string | null
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
  /** The other host that holds room for it, while a resize waits to be confirmed or reverted. */
  readonly origin: { readonly host: string; readonly claim: string; readonly flavor: string } | null
}

export type OperationStatus = 'running' | 'undoing' | 'done' | 'undone' | 'failed'

/**
 * How far something is: figures by name, units in the names. A live migration says `memoryTotalBytes`, `memoryProcessedBytes`,
 * `memoryRemainingBytes` and the same of `disk`; a drain says `total`, `moved`, `failed` and `left`, in instances.
 */
export type Progress = Readonly<Record<string, number>>

export interface StepRecord {
  readonly name: string
  readonly direction: 'do' | 'undo'
  readonly state: 'running' | 'done' | 'failed'
  readonly attempt: number
  readonly startedAt: number
  readonly endedAt: number | null
  readonly fault: Fault | null
  /** Absent when the step says nothing of it. */
  readonly progress?: Progress
}

/** From where to where an operation moves its instance. */
export interface Move {
  readonly from: string | null
  /** Null as long as nobody has chosen. */
  readonly to: string | null
  readonly oldFlavor: string
  readonly newFlavor: string
}

export interface OperationBody {
  /** `<instance id>.<number>` */
  readonly id: string
  readonly kind: string
  readonly subject: string
  readonly requestId: string
  readonly status: OperationStatus
  /** Steps in the order in which they were begun, undo included; the newest of each is kept, at most 64. */
  readonly steps: readonly StepRecord[]
  /** Names of the steps the operation is made of. */
  readonly plan: readonly string[]
  readonly startedAt: number
  readonly endedAt: number | null
  readonly deadlineAt: number
  readonly cancelRequested: boolean
  readonly fault: Fault | null
  /** Of an operation that moves its instance to another host. */
  readonly move?: Move
}

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
}

export interface NodeBody {
  readonly id: string
  readonly role: 'conductor' | 'compute' | 'gateway'
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

export interface StatusBody {
  readonly version: string
  readonly nodes: readonly NodeBody[]
  readonly instances: Readonly<Record<VmState, number>>
  readonly operationsOpen: number
  readonly mapVersion: number
  readonly database: { readonly connected: boolean; readonly waitingCommits: number }
  /** Whether to add a conductor, with the numbers behind it. */
  readonly advice: { readonly addConductor: boolean; readonly because: string }
  /** Actors set aside after failing too often. */
  readonly poisoned: readonly string[]
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
  /** Where to, for a migrate, live-migrate, evacuate or unshelve; default: the scheduler chooses. */
  readonly host?: string
  /** Of a live-migrate: whether the disk is copied too; `auto`: when the hosts do not share it, and the default. */
  readonly blockMigration?: BlockMigration
  readonly requestId: string
}

/** What may be changed of an instance at any time, whatever is under way. Each given part replaces what was there. */
export interface UpdateInstance {
  readonly id: string
  readonly name?: string
  readonly metadata?: Readonly<Record<string, string>>
  /** Added to the metadata there is, or to the one given. */
  readonly setMetadata?: Readonly<Record<string, string>>
  readonly unsetMetadata?: readonly string[]
  readonly tags?: readonly string[]
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
  readonly requestId: string
}

export interface Page {
  readonly limit?: number
  readonly marker?: string
}

export interface ListInstances extends Page {
  readonly name?: string
  readonly vmState?: VmState
  readonly host?: string
  readonly project?: string
  /** Deleted ones instead of the living. */
  readonly deleted?: boolean
}

export interface EmptyHost {
  readonly id: string
  /** Instances moved at a time; default 2. */
  readonly parallel?: number
  readonly requestId: string
}

export interface ClusterApi {
  /** Resolves when every one of them is durable. Rejects `NotFound` for flavor or image, before anything is created. */
  createInstances(args: CreateInstances): Promise<InstanceBody[]>
  getInstance(args: { id: string }): Promise<InstanceBody>
  listInstances(args: ListInstances): Promise<InstanceBody[]>
  /** Rejects `Conflict` when the state does not allow it, naming the states that would. */
  actOnInstance(args: ActOnInstance): Promise<{ operation: string }>
  /** Softly when the cluster keeps deleted instances for a while, unless `force`; see `instances.reclaimMs`. */
  deleteInstance(args: { id: string; force?: boolean; requestId: string }): Promise<{ operation: string }>
  updateInstance(args: UpdateInstance): Promise<InstanceBody>
  lockInstance(args: { id: string; reason?: string }): Promise<InstanceBody>
  unlockInstance(args: { id: string }): Promise<InstanceBody>
  /** Says what an instance is, when what Baton believes is wrong. Changes nothing on its host. */
  resetInstance(args: { id: string; state: 'active' | 'error' }): Promise<InstanceBody>
  /** Never written down: it goes straight to the host. Rejects `DriverUnsupported` where the driver cannot. */
  changePassword(args: { id: string; password: string }): Promise<Record<string, never>>
  consoleLog(args: { id: string; maxBytes: number }): Promise<{ output: string }>

  listFlavors(args: Page): Promise<FlavorBody[]>
  getFlavor(args: { id: string }): Promise<FlavorBody>
  createFlavor(args: { id: string; name: string; vcpus: number; ramMb: number; diskGb: number }): Promise<FlavorBody>
  deleteFlavor(args: { id: string }): Promise<Record<string, never>>
  listImages(args: Page): Promise<ImageBody[]>
  getImage(args: { id: string }): Promise<ImageBody>

  listOperations(args: Page & { subject?: string; open?: boolean; requestId?: string; kinds?: readonly string[] }): Promise<OperationBody[]>
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
  listNodes(args: Record<string, never>): Promise<NodeBody[]>
  drainNode(args: { id: string }): Promise<{ state: string }>
  listQueues(args: Record<string, never>): Promise<QueueBody[]>
  status(args: Record<string, never>): Promise<StatusBody>
}
