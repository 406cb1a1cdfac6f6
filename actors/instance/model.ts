/** What an instance remembers, the events that change it, and how others see it. */
import type { Accepted, BlockMigration, FlavorBody, GuestRequest, InstanceBody, SnapshotRequest, TaskState, VmState } from '../api.ts'
import { type Devices, NO_DEVICES, type PowerState } from '../hypervisor/driver.ts'
import type { Fault } from '../kernel/errors.ts'
import { type Amounts, amountsOf, largest } from '../kernel/quota.ts'
import type { Requester } from '../kernel/requester.ts'
import type { OperationEnded } from '../operation/contract.ts'
import type { Holding, HoldingEvent } from '../project/holding.ts'
import type { AboutChange } from './about.ts'
import { type InstanceOperation, rowOf, type Standing } from './states.ts'

export type InstanceSpec = Pick<
  InstanceBody,
  'name' | 'project' | 'user' | 'flavor' | 'image' | 'metadata' | 'reservation' | 'placement' | 'ha' | 'about' | 'agent'
>

export type FlavorSize = Omit<FlavorBody, 'createdAt'>

/** What an operation makes different when it is done. */
export interface Change {
  readonly image?: string
  readonly flavor?: FlavorSize
  /** All its devices, and the one that comes or goes: a disk, or an interface by its id. */
  readonly devices?: Devices
  readonly disk?: { readonly id: string; readonly sizeGb: number }
  readonly interface?: string
  /** Of a rebuild: what the owner says anew, in force from its acceptance on, so that the guest is made with it. */
  readonly about?: AboutChange
  /** The image it makes, and the driver that can run it. */
  readonly snapshot?: SnapshotRequest & { readonly driver: string }
  readonly guest?: GuestRequest
}

export interface Task {
  readonly operation: string
  readonly kind: InstanceOperation
  readonly requestId: string
  readonly by?: Requester
  readonly mode: 'soft' | 'hard' | null
  readonly change?: Change
  /** The host somebody asked for. */
  readonly wanted?: string
  /** Of a live migration: whether the disk is copied too. */
  readonly blockMigration?: BlockMigration
  /** What is to begin by itself, so long after this is done, ms. */
  readonly followUp?: { readonly kind: InstanceOperation; readonly afterMs: number }
  /** Begun by the HA policy and not by a person. */
  readonly ha?: true
}

/** The other end of a move: room is held there, and a guest may be there that does not run. */
export interface Origin {
  readonly host: string
  readonly claim: string
  readonly flavor: FlavorSize
}

/** An operation that begins by itself at this cluster time, unless another has begun and was done before. */
export interface Due {
  readonly kind: InstanceOperation
  readonly at: number
  readonly mode?: 'hard'
  /** Wanted by the HA policy. */
  readonly ha?: true
  /** `traceparent` of what made it due, where that is traced. */
  readonly verdict?: string
}

/** A report to the server group. */
export interface Told {
  /** The operation after which it was told last; 0 for its birth, -1 for never. */
  readonly operations: number
  readonly failures: number
  /** Cluster time, ms. */
  readonly notBefore: number
}

/**
 * What a request was answered for good. Copies of one request may be served by two conductors, and what one of them was told holds for the
 * other: what was accepted is not done twice, and what was refused is not done later.
 */
export type Answered = { readonly requestId: string } & ({ readonly accepted: Accepted } | { readonly refused: Fault })

export interface InstanceState extends Standing {
  readonly spec: InstanceSpec | null
  /** What was asked for at first; by it a create that comes again is known. */
  readonly asked: { readonly name: string; readonly flavor: string; readonly image: string } | null
  readonly host: string | null
  /** The claim that holds this instance's room on its host. */
  readonly claim: string | null
  readonly origin: Origin | null
  /** Operations so far; also the number of the newest. */
  readonly operations: number
  /** Rank of the first command of the newest operation that was done. */
  readonly obeyed: number
  readonly task: Task | null
  /** Times the task's operation could not be started, and the cluster time before which it is not tried again, ms. */
  readonly startFailures: number
  readonly startAt: number
  readonly next: Task | null
  /** The newest task that has ended, so that a repeated request is answered like the first. */
  readonly last: Task | null
  readonly due: Due | null
  /** The newest requests that changed something of it at once; absent in older snapshots. */
  readonly updates?: readonly string[]
  /** What the newest requests were answered, the newest last; absent in older snapshots. */
  readonly answers?: readonly Answered[]
  /** What its server group has been told: after which operation, and when it is tried again if it could not be told. */
  readonly told?: Told
  /** Cluster times at which the HA policy has started the guest again within the last hour; absent in older snapshots. */
  readonly restarts?: readonly number[]
  readonly locked: { readonly reason: string | null } | null
  readonly tags: readonly string[]
  readonly devices: Devices
  /** What its project has entered for it. */
  readonly holding: Holding | null
  readonly fault: (Fault & { readonly at: number }) | null
  readonly createdAt: number
  readonly updatedAt: number
  readonly launchedAt: number | null
  readonly deletedAt: number | null
}

export type InstanceEvent =
  | { readonly type: 'created'; readonly spec: InstanceSpec; readonly tags?: readonly string[]; readonly task: Task }
  | { readonly type: 'taskAccepted'; readonly task: Task }
  /** The task's operation could not be started. */
  | { readonly type: 'startFailed'; readonly notBefore: number }
  /** A delete arrived while another operation ran. */
  | { readonly type: 'deleteQueued'; readonly task: Task }
  | {
      readonly type: 'taskEnded'
      readonly operation: string
      readonly outcome: OperationEnded['outcome']
      readonly host: string | null
      readonly claim: string | null
      readonly origin?: { readonly host: string; readonly claim: string }
      readonly fault: Fault | null
    }
  | { readonly type: 'powerObserved'; readonly power: PowerState; readonly vmState: VmState; readonly fault: Fault | null }
  | { readonly type: 'broke'; readonly fault: Fault }
  /** The HA policy wants the guest started again on its host. */
  | { readonly type: 'restartDue'; readonly due: Due; readonly power: PowerState | null; readonly fault: Fault }
  | { readonly type: 'locked'; readonly reason: string | null }
  | { readonly type: 'unlocked' }
  | {
      readonly type: 'updated'
      readonly spec: Partial<Pick<InstanceSpec, 'name' | 'metadata' | 'ha' | 'about'>>
      readonly tags?: readonly string[]
      readonly devices?: Devices
      /** Absent in older events. */
      readonly requestId?: string
    }
  | { readonly type: 'stateReset'; readonly vmState: 'active' | 'error' }
  /** A request that nothing came of, written down before whoever made it hears of that. */
  | { readonly type: 'declined'; readonly requestId: string; readonly fault: Fault }
  /** The server group knows where the instance was left by its newest operation, or could not be told. */
  | { readonly type: 'groupTold'; readonly operations: number }
  | { readonly type: 'groupNotTold'; readonly notBefore: number }
  | HoldingEvent

export const INITIAL: InstanceState = {
  spec: null,
  asked: null,
  vmState: 'building',
  powerState: null,
  kept: null,
  host: null,
  claim: null,
  origin: null,
  operations: 0,
  obeyed: 0,
  task: null,
  startFailures: 0,
  startAt: 0,
  next: null,
  last: null,
  due: null,
  locked: null,
  tags: [],
  devices: NO_DEVICES,
  holding: null,
  fault: null,
  createdAt: 0,
  updatedAt: 0,
  launchedAt: null,
  deletedAt: null,
}

/** Rank of a hypervisor command: newer operations outrank older ones, later commands of one outrank its earlier ones. */
export const commandOrder = (operation: number, serial: number): number => operation * 1_000_000 + serial

/** The operation of which a command of this rank is. */
export const operationOf = (instance: string, order: number): string => `${instance}.${Math.floor(order / 1_000_000)}`

function taskStateOf({ task, next }: InstanceState): TaskState {
  if (next) return rowOf(next.kind).task
  return task ? rowOf(task.kind, task.mode).task : null
}

export const sizeOf = ({ vcpus, ramMb, diskGb }: FlavorSize) => ({ vcpus, ramMb, diskGb })
/**
 * What it needs of its project's quotas: while a resize is under way, or waits to be confirmed or reverted, of each the larger amount.
 * As in Nova, one that is deleted softly or shelved still counts: it can come back at any time. Null when it is gone for good.
 */
export function needsOf({ spec, vmState, origin, task }: InstanceState): Amounts | null {
  if (!spec || vmState === 'deleted') return null
  const sizes = [spec.flavor, origin?.flavor, task?.change?.flavor]
  return sizes.reduce<Amounts>((sum, size) => (size ? largest(sum, amountsOf(size)) : sum), {})
}

export function bodyOf(state: InstanceState, id: string): InstanceBody | null {
  const { spec, origin } = state
  if (!spec) return null
  return {
    id,
    ...spec,
    ha: spec.ha ?? 'none',
    vmState: state.vmState,
    taskState: taskStateOf(state),
    powerState: state.powerState,
    host: state.host,
    claim: state.claim,
    createdAt: state.createdAt,
    updatedAt: state.updatedAt,
    launchedAt: state.launchedAt,
    deletedAt: state.deletedAt,
    fault: state.fault,
    operation: state.task?.operation ?? null,
    locked: state.locked,
    tags: state.tags,
    // States of yesterday have none.
    devices: state.devices ?? NO_DEVICES,
    origin: origin && { host: origin.host, claim: origin.claim, flavor: origin.flavor.id, ...sizeOf(origin.flavor) },
  }
}
