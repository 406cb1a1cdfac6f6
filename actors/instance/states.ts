/**
 * The life of an instance as tables: which action is allowed in which state, what it is called while it runs, and what
 * the instance is when it has ended. Names are Nova's.
 */
import type { TaskState, VmState } from '../api.ts'
import type { PowerState } from '../hypervisor/driver.ts'

export type InstanceOperation = 'build' | 'start' | 'stop' | 'reboot' | 'pause' | 'unpause' | 'delete'

interface OperationEntry {
  /** States in which the operation may begin. */
  readonly from: readonly VmState[]
  readonly task: TaskState
  /** What the instance is when it went well. */
  readonly done: { readonly vmState: VmState; readonly powerState: PowerState | null }
}

export const INSTANCE_OPERATIONS: Readonly<Record<InstanceOperation, OperationEntry>> = {
  build: { from: ['building'], task: 'scheduling', done: { vmState: 'active', powerState: 'running' } },
  start: { from: ['stopped'], task: 'powering-on', done: { vmState: 'active', powerState: 'running' } },
  stop: { from: ['active', 'error'], task: 'powering-off', done: { vmState: 'stopped', powerState: 'shutdown' } },
  reboot: { from: ['active', 'stopped', 'paused', 'error'], task: 'rebooting', done: { vmState: 'active', powerState: 'running' } },
  pause: { from: ['active'], task: 'pausing', done: { vmState: 'paused', powerState: 'paused' } },
  unpause: { from: ['paused'], task: 'unpausing', done: { vmState: 'active', powerState: 'running' } },
  delete: { from: ['building', 'active', 'stopped', 'paused', 'error'], task: 'deleting', done: { vmState: 'deleted', powerState: null } },
}

/** A soft reboot asks the guest, so the guest must run. */
export const SOFT_REBOOT_FROM: readonly VmState[] = ['active']
