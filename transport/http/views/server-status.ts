/** Nova's table from vm_state and task_state to the one word people see, and back for the `status` filter. */
import { type InstanceBody, type ListInstances, type TaskState, VM_STATES, type VmState } from '../../../actors/api.ts'
import { badRequest, printable } from '../requests/errors.ts'

export type ServerStatus =
  | ('BUILD' | 'ACTIVE' | 'SHUTOFF' | 'PAUSED' | 'SUSPENDED' | 'RESCUE' | 'VERIFY_RESIZE')
  | ('SHELVED' | 'SHELVED_OFFLOADED' | 'SOFT_DELETED' | 'ERROR' | 'DELETED')
  | ('REBOOT' | 'HARD_REBOOT' | 'REBUILD' | 'RESIZE' | 'REVERT_RESIZE' | 'MIGRATING')
type Task = NonNullable<TaskState>

interface StatusRow {
  readonly status: ServerStatus
  /** Tasks during which the status is another one. */
  readonly during?: Partial<Record<Task, ServerStatus>>
}

const MOVES = { rebuilding: 'REBUILD', resize_prep: 'RESIZE' } as const

export const SERVER_STATUS: Readonly<Record<VmState, StatusRow>> = {
  building: { status: 'BUILD' },
  active: { status: 'ACTIVE', during: { ...MOVES, rebooting: 'REBOOT', rebooting_hard: 'HARD_REBOOT', migrating: 'MIGRATING' } },
  stopped: { status: 'SHUTOFF', during: MOVES },
  paused: { status: 'PAUSED', during: { migrating: 'MIGRATING' } },
  suspended: { status: 'SUSPENDED' },
  rescued: { status: 'RESCUE' },
  resized: { status: 'VERIFY_RESIZE', during: { resize_reverting: 'REVERT_RESIZE' } },
  shelved: { status: 'SHELVED' },
  shelved_offloaded: { status: 'SHELVED_OFFLOADED' },
  'soft-delete': { status: 'SOFT_DELETED' },
  error: { status: 'ERROR', during: { rebuilding: 'REBUILD' } },
  deleted: { status: 'DELETED' },
}

/** States of Nova that no instance of Baton is in (yet): asking for them is right and finds nothing. */
const NEVER = new Set(['PASSWORD', 'UNKNOWN'])

export function serverStatus(instance: Pick<InstanceBody, 'vmState' | 'taskState'>): ServerStatus {
  const row = SERVER_STATUS[instance.vmState]
  return (instance.taskState === null ? undefined : row.during?.[instance.taskState]) ?? row.status
}

export interface StatusFilter {
  readonly where: Pick<ListInstances, 'vmState' | 'deleted'>
  /** What the cluster cannot select by, to be checked on each. */
  readonly task: Task | null
}

/** Tasks during which some state has another status. Each status stands for one of them. */
const TASKS = ['rebooting', 'rebooting_hard', 'rebuilding', 'resize_prep', 'resize_reverting', 'migrating'] as const satisfies readonly Task[]

const FILTERS: ReadonlyMap<string, StatusFilter> = new Map(tableRows())

function* tableRows(): Generator<[string, StatusFilter]> {
  for (const state of VM_STATES) {
    yield [SERVER_STATUS[state].status, { where: state === 'deleted' ? { deleted: true } : { vmState: state }, task: null }]
  }
  const special = VM_STATES.flatMap(state => duringOf(state).map(([task, status]) => ({ state, task, status })))
  for (const { state, task, status } of special) {
    const elsewhere = special.some(other => other.status === status && other.state !== state)
    yield [status, { where: elsewhere ? {} : { vmState: state }, task }]
  }
}

function duringOf(state: VmState): [Task, ServerStatus][] {
  const during = SERVER_STATUS[state].during ?? {}
  return TASKS.flatMap((task): [Task, ServerStatus][] => {
    const status = during[task]
    return status ? [[task, status]] : []
  })
}

export const isStatus = (text: string): boolean => FILTERS.has(text.toUpperCase()) || NEVER.has(text.toUpperCase())

/** How to find the servers of a status; null when there can be none. Throws 400 for a word that is no status. */
export function statusFilter(text: string): StatusFilter | null {
  const word = text.toUpperCase()
  const found = FILTERS.get(word)
  if (found) return found
  if (NEVER.has(word)) return null
  throw badRequest(`Invalid status value: ${printable(text)}. It must be one of ${[...FILTERS.keys()].join(', ')}.`)
}
