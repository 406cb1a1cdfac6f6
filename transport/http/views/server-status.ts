/** Nova's table from vm_state and task_state to the one word people see, and back for the `status` filter. */
import type { InstanceBody, ListInstances, TaskState, VmState } from '../../../actors/api.ts'
import { badRequest, printable } from '../errors.ts'

export type ServerStatus = 'BUILD' | 'ACTIVE' | 'SHUTOFF' | 'PAUSED' | 'ERROR' | 'DELETED' | 'REBOOT' | 'HARD_REBOOT'
type Task = NonNullable<TaskState>

interface StatusRow {
  readonly status: ServerStatus
  /** Tasks during which the status is another one. */
  readonly during?: Partial<Record<Task, ServerStatus>>
}

export const SERVER_STATUS: Readonly<Record<VmState, StatusRow>> = {
  building: { status: 'BUILD' },
  active: { status: 'ACTIVE', during: { rebooting: 'REBOOT', rebooting_hard: 'HARD_REBOOT' } },
  stopped: { status: 'SHUTOFF' },
  paused: { status: 'PAUSED' },
  error: { status: 'ERROR' },
  deleted: { status: 'DELETED' },
}

/** States of Nova that no instance of Baton is in (yet): asking for them is right and finds nothing. */
const NEVER = new Set([
  'MIGRATING',
  'PASSWORD',
  'REBUILD',
  'RESCUE',
  'RESIZE',
  'REVERT_RESIZE',
  'SHELVED',
  'SHELVED_OFFLOADED',
  'SOFT_DELETED',
  'SUSPENDED',
  'UNKNOWN',
  'VERIFY_RESIZE',
])

export function serverStatus(instance: Pick<InstanceBody, 'vmState' | 'taskState'>): ServerStatus {
  const row = SERVER_STATUS[instance.vmState]
  return (instance.taskState === null ? undefined : row.during?.[instance.taskState]) ?? row.status
}

export interface StatusFilter {
  readonly where: Pick<ListInstances, 'vmState' | 'deleted'>
  /** What the cluster cannot select by, to be checked on each. */
  readonly task: Task | null
}

const FILTERS: ReadonlyMap<string, StatusFilter> = new Map(tableRows())

function* tableRows(): Generator<[string, StatusFilter]> {
  for (const state of ['building', 'active', 'stopped', 'paused', 'error', 'deleted'] satisfies VmState[]) {
    const { status, during } = SERVER_STATUS[state]
    yield [status, { where: state === 'deleted' ? { deleted: true } : { vmState: state }, task: null }]
    for (const task of ['rebooting', 'rebooting_hard'] satisfies Task[]) {
      const special = during?.[task]
      if (special) yield [special, { where: { vmState: state }, task }]
    }
  }
}

/** How to find the servers of a status; null when there can be none. Throws 400 for a word that is no status. */
export function statusFilter(text: string): StatusFilter | null {
  const word = text.toUpperCase()
  const found = FILTERS.get(word)
  if (found) return found
  if (NEVER.has(word)) return null
  throw badRequest(`Invalid status value: ${printable(text)}. It must be one of ${[...FILTERS.keys()].join(', ')}.`)
}
