/** The order of instances in lists of the cluster in memory. */
import type { InstanceBody, InstanceSort } from '../../actors/api.ts'

/** By the first key alone. */
export function sorted(rows: readonly InstanceBody[], [first]: readonly InstanceSort[] = []): InstanceBody[] {
  if (!first) return [...rows]
  const keys = {
    created_at: 'createdAt',
    updated_at: 'updatedAt',
    name: 'name',
    project: 'project',
    vm_state: 'vmState',
    host: 'host',
    id: 'id',
  } as const
  const key = first.column === 'task_state' ? 'taskState' : keys[first.column]
  const sign = first.direction === 'asc' ? 1 : -1
  return [...rows].sort((a, b) => sign * ((a[key] ?? '') < (b[key] ?? '') ? -1 : 1))
}
