/** The order of instances in lists of the cluster in memory, and their pages. */
import type { InstanceBody, InstanceSort, Page } from '../../actors/api.ts'
import { BatonError } from '../../actors/kernel/errors.ts'

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

/** One page in the order given. Throws like the real views on an unknown marker. */
export function page<T extends { readonly id: string }>(rows: readonly T[], { limit, marker }: Page): T[] {
  const at = marker === undefined ? 0 : rows.findIndex(({ id }) => id === marker) + 1
  if (marker !== undefined && at === 0) throw new BatonError('BadRequest', `marker [${marker}] not found`)
  return rows.slice(at, limit === undefined ? undefined : at + limit)
}
