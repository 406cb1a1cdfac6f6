/** What a list of instances can ask for. */
import type { Page, VmState } from '../api.ts'

export interface ListInstances extends Page {
  readonly name?: string
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

/** What instances can be sorted by. */
export const INSTANCE_SORT_KEYS = ['created_at', 'updated_at', 'name', 'project', 'vm_state', 'task_state', 'host', 'id'] as const
export interface InstanceSort {
  readonly column: (typeof INSTANCE_SORT_KEYS)[number]
  readonly direction: 'asc' | 'desc'
}
