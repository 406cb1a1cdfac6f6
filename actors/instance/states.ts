/**
 * The life of an instance as one table: in which states an operation may begin, what the instance is called meanwhile, and
 * what it is when the operation is done, undone or failed. Names are Nova's. Everything that depends on a state reads this
 * table: the instance actor, the API's status words, and the diagram in docs/states.md.
 */
import { type InstanceAction, type TaskState, VM_STATES, type VmState } from '../api.ts'
import type { PowerState } from '../hypervisor/driver.ts'

export type InstanceOperation = 'build' | InstanceAction | 'soft-delete' | 'delete'

/**
 * What an instance becomes. `same`: as it is. `kept`: as it was before the resize that waits for confirmation. `back`: off if
 * it was stopped before, else running.
 */
export interface Settled {
  readonly vmState: VmState | 'same' | 'kept' | 'back'
  readonly powerState: PowerState | null | 'same' | 'kept' | 'back'
}

export interface OperationRow {
  /** States in which the operation may begin. */
  readonly from: readonly VmState[]
  readonly task: NonNullable<TaskState>
  readonly done: Settled
  readonly undone: Settled
  readonly failed: Settled
  /** Whether a locked instance refuses it. */
  readonly locks: boolean
  /** Whether it needs an instance on a host. */
  readonly onHost: boolean
  /** Whether it is for an instance that holds room on a second host: only then, also then, or never. */
  readonly second: 'needs' | 'may' | 'never'
  /** Whether the instance leaves its host: then it can have no local disks. */
  readonly moves: boolean
}

const to = (vmState: Settled['vmState'], powerState: Settled['powerState']): Settled => ({ vmState, powerState })

const SAME = to('same', 'same')
/** What could neither be done nor undone needs a person. */
const ERROR = to('error', 'same')

type Given = Pick<OperationRow, 'from' | 'task' | 'done'> & Partial<OperationRow>

const row = (given: Given): OperationRow => ({
  ...{ undone: SAME, failed: ERROR, locks: true, onHost: true, second: 'never', moves: false },
  ...given,
})

/** What is made beside the guest: it goes on as it is, whatever comes of that. */
const beside = (given: Omit<Given, 'done'>): OperationRow => row({ done: SAME, failed: SAME, ...given })
/** The guest goes on; but when nobody can say which devices it was left with, that needs a person. */
const plugged = (given: Omit<Given, 'done'>): OperationRow => row({ done: SAME, ...given })

/** States in which a disk holds what its guest has written, so that a copy of it is worth something. */
const WITH_DISK: readonly VmState[] = ['active', 'stopped', 'paused', 'suspended']
/** Nova's, but for those in which no guest is on a host. The memory of a suspended guest was saved with the devices it had. */
const WITH_DEVICES: readonly VmState[] = ['active', 'stopped', 'paused']

const LIVING: readonly VmState[] = VM_STATES.filter(state => state !== 'deleted')

export const INSTANCE_OPERATIONS: Readonly<Record<InstanceOperation, OperationRow>> = {
  // A build that is undone leaves nothing behind but its instance, which says why.
  build: row({ from: ['building'], task: 'scheduling', done: to('active', 'running'), undone: ERROR, locks: false, onHost: false }),
  start: row({ from: ['stopped'], task: 'powering-on', done: to('active', 'running') }),
  stop: row({ from: ['active', 'error'], task: 'powering-off', done: to('stopped', 'shutdown') }),
  // Soft; for a hard one see below.
  reboot: row({ from: ['active'], task: 'rebooting', done: to('active', 'running') }),
  pause: row({ from: ['active'], task: 'pausing', done: to('paused', 'paused') }),
  unpause: row({ from: ['paused'], task: 'unpausing', done: to('active', 'running') }),
  suspend: row({ from: ['active'], task: 'suspending', done: to('suspended', 'suspended') }),
  resume: row({ from: ['suspended'], task: 'resuming', done: to('active', 'running') }),
  rescue: row({ from: ['active', 'stopped', 'error'], task: 'rescuing', done: to('rescued', 'running') }),
  unrescue: row({ from: ['rescued'], task: 'unrescuing', done: to('active', 'running') }),
  // The old disk may be gone already when a rebuild gives up.
  rebuild: row({ from: ['active', 'stopped', 'error'], task: 'rebuilding', done: to('back', 'back'), undone: ERROR }),
  resize: row({ from: ['active', 'stopped'], task: 'resize_prep', done: to('resized', 'back'), moves: true }),
  migrate: row({ from: ['active', 'stopped'], task: 'resize_prep', done: to('resized', 'back'), moves: true }),
  // Running or paused it was, and running or paused it stays. A lock is against its users; this is an operator's.
  'live-migrate': row({ from: ['active', 'paused'], task: 'migrating', done: SAME, locks: false, moves: true }),
  // From error too: it frees the second host of a move that went wrong half-way, and changes nothing else.
  'confirm-resize': row({ from: ['resized', 'error'], task: 'resize_confirming', done: to('kept', 'same'), second: 'needs' }),
  'revert-resize': row({ from: ['resized'], task: 'resize_reverting', done: to('kept', 'kept'), second: 'needs' }),
  evacuate: row({ from: ['active', 'stopped', 'error'], task: 'rebuilding', done: to('back', 'back'), locks: false, moves: true }),
  shelve: row({ from: ['active', 'stopped', 'paused', 'suspended'], task: 'shelving', done: to('shelved', 'shutdown') }),
  'shelve-offload': row({ from: ['shelved'], task: 'shelving_offloading', done: to('shelved_offloaded', 'shutdown'), moves: true }),
  unshelve: row({ from: ['shelved', 'shelved_offloaded'], task: 'unshelving', done: to('active', 'running'), onHost: false }),
  snapshot: beside({ from: WITH_DISK, task: 'image_snapshot', locks: false }),
  backup: beside({ from: WITH_DISK, task: 'image_backup', locks: false }),
  'guest-backup': beside({ from: ['active'], task: 'image_backup', locks: false }),
  // Its service may be left half-way, and says so; the guest itself goes on.
  'guest-restore': beside({ from: ['active'], task: 'restoring' }),
  'attach-disk': plugged({ from: WITH_DEVICES, task: 'attaching' }),
  'detach-disk': plugged({ from: WITH_DEVICES, task: 'detaching' }),
  'attach-interface': plugged({ from: WITH_DEVICES, task: 'attaching' }),
  'detach-interface': plugged({ from: WITH_DEVICES, task: 'detaching' }),
  'soft-delete': row({
    from: ['active', 'stopped', 'paused', 'suspended', 'rescued', 'shelved', 'error'],
    task: 'soft-deleting',
    done: to('soft-delete', 'shutdown'),
  }),
  restore: row({ from: ['soft-delete'], task: 'restoring', done: to('active', 'running') }),
  delete: row({ from: LIVING, task: 'deleting', done: to('deleted', null), onHost: false, second: 'may' }),
}

/** A hard reboot pulls the plug, so it helps where a soft one, which asks the guest, cannot; even a move that went wrong half-way. */
const HARD_REBOOT: OperationRow = {
  ...INSTANCE_OPERATIONS.reboot,
  from: ['active', 'stopped', 'paused', 'suspended', 'error'],
  task: 'rebooting_hard',
  second: 'may',
}

export const rowOf = (kind: InstanceOperation, mode: 'soft' | 'hard' | null = null): OperationRow =>
  kind === 'reboot' && mode === 'hard' ? HARD_REBOOT : INSTANCE_OPERATIONS[kind]

/** All rows, as people ask for them. */
export const OPERATION_ROWS: readonly (readonly [name: string, row: OperationRow])[] = Object.entries(INSTANCE_OPERATIONS).flatMap(
  ([name, entry]): [string, OperationRow][] =>
    name === 'reboot'
      ? [
          [name, entry],
          ['reboot (hard)', HARD_REBOOT],
        ]
      : [[name, entry]],
)

export const ACTIONS: readonly InstanceAction[] = Object.keys(INSTANCE_OPERATIONS).filter(isAction)

function isAction(name: string): name is InstanceAction {
  return name !== 'build' && name !== 'soft-delete' && name !== 'delete'
}

/** What is known of an instance when something of it ends. */
export interface Standing {
  readonly vmState: VmState
  readonly powerState: PowerState | null
  /** As it was before the resize that waits for confirmation. */
  readonly kept: { readonly vmState: VmState; readonly powerState: PowerState | null } | null
}

/** Whether the guest is to run when a move or a rebuild is over. */
export const isToRun = ({ vmState, kept }: Standing): boolean => (kept?.vmState ?? vmState) !== 'stopped'

const RUNNING = { vmState: 'active', powerState: 'running' } as const
const OFF = { vmState: 'stopped', powerState: 'shutdown' } as const

/** What an instance is after an operation has ended so. */
export function settle({ vmState, powerState }: Settled, now: Standing): Pick<Standing, 'vmState' | 'powerState'> {
  const relative = { same: now, kept: now.kept ?? now, back: isToRun(now) ? RUNNING : OFF }
  return {
    vmState: vmState === 'same' || vmState === 'kept' || vmState === 'back' ? relative[vmState].vmState : vmState,
    powerState: powerState === 'same' || powerState === 'kept' || powerState === 'back' ? relative[powerState].powerState : powerState,
  }
}
