/** All operations. A new one is a file beside this and a line here. */
import type { OperationSpec } from '../step.ts'
import { attachDisk } from './attach-disk.ts'
import { attachInterface } from './attach-interface.ts'
import { backup } from './backup.ts'
import { build } from './build.ts'
import { confirmResize } from './confirm-resize.ts'
import { remove } from './delete.ts'
import { detachDisk } from './detach-disk.ts'
import { detachInterface } from './detach-interface.ts'
import { evacuate } from './evacuate.ts'
import { guestBackup } from './guest-backup.ts'
import { guestRestore } from './guest-restore.ts'
import { liveMigrate } from './live-migrate.ts'
import { pause } from './pause.ts'
import { reboot } from './reboot.ts'
import { rebuild } from './rebuild.ts'
import { rescue } from './rescue.ts'
import { migrate, resize } from './resize.ts'
import { restore } from './restore.ts'
import { resume } from './resume.ts'
import { revertResize } from './revert-resize.ts'
import { shelve } from './shelve.ts'
import { shelveOffload } from './shelve-offload.ts'
import { snapshot } from './snapshot.ts'
import { softDelete } from './soft-delete.ts'
import { start } from './start.ts'
import { stop } from './stop.ts'
import { suspend } from './suspend.ts'
import { unpause } from './unpause.ts'
import { unrescue } from './unrescue.ts'
import { unshelve } from './unshelve.ts'

const OPERATIONS: readonly OperationSpec[] = [
  ...[build, remove, softDelete, restore],
  ...[start, stop, reboot, pause, unpause, suspend, resume, rescue, unrescue, rebuild],
  ...[guestBackup, guestRestore],
  ...[snapshot, backup, attachDisk, detachDisk, attachInterface, detachInterface],
  ...[resize, migrate, liveMigrate, confirmResize, revertResize, evacuate, shelve, shelveOffload, unshelve],
]

/** These find a host and make a guest, so they may take as long. */
const LIKE_A_BUILD: ReadonlySet<OperationSpec> = new Set([build, resize, migrate, liveMigrate, evacuate, unshelve])

export interface Deadlines {
  readonly buildMs: number
  readonly actionMs: number
  readonly deleteMs: number
}

/** The operations by kind; an operator may set how long they may take. */
export function catalogue(deadlines?: Deadlines): ReadonlyMap<string, OperationSpec> {
  const deadlineOf = (spec: OperationSpec): number => {
    if (!deadlines) return spec.deadlineMs
    return LIKE_A_BUILD.has(spec) ? deadlines.buildMs : spec === remove ? deadlines.deleteMs : deadlines.actionMs
  }
  return new Map(OPERATIONS.map(spec => [spec.kind, { ...spec, deadlineMs: deadlineOf(spec) }]))
}
