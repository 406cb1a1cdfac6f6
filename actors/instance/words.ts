/** Nova's words for how an instance is. */

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
  | 'image_snapshot'
  | 'image_backup'
  // Nova has no task state for these; here a device changes in an operation like any other.
  | 'attaching'
  | 'detaching'
  | 'soft-deleting'
  | 'restoring'
  | 'deleting'
  | null
