/** What a list of instances can ask for. */
import type { Page, VmState } from '../api.ts'

export interface ListInstances extends Page {
  readonly name?: string
  /** In the id, the name or the host, in small letters or large. */
  readonly find?: string
  readonly vmState?: VmState
  readonly host?: string
  readonly project?: string
  /** Deleted ones instead of the living; `any` for both. */
  readonly deleted?: boolean | 'any'
  /** Changed within, cluster time in ms. */
  readonly changed?: { readonly from?: number; readonly to?: number }
  /** Default: newest first. */
  readonly sort?: readonly InstanceSort[]
}

/** Whether a text is found in an instance, as `find` means it. */
export const isFoundIn = (
  find: string,
  { id, name, host }: { readonly id: string; readonly name: string; readonly host: string | null },
): boolean => {
  const text = find.toLowerCase()
  return name.toLowerCase().includes(text) || id.includes(text) || (host?.toLowerCase().includes(text) ?? false)
}

/** What instances can be sorted by. */
export const INSTANCE_SORT_KEYS = ['created_at', 'updated_at', 'name', 'project', 'vm_state', 'task_state', 'host', 'id'] as const
export interface InstanceSort {
  readonly column: (typeof INSTANCE_SORT_KEYS)[number]
  readonly direction: 'asc' | 'desc'
}
