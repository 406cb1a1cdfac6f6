/** All operations. A new one is a file beside this and a line here. */
import type { OperationSpec } from '../step.ts'
import { build } from './build.ts'
import { remove } from './delete.ts'
import { pause } from './pause.ts'
import { reboot } from './reboot.ts'
import { start } from './start.ts'
import { stop } from './stop.ts'
import { unpause } from './unpause.ts'

const OPERATIONS: readonly OperationSpec[] = [build, start, stop, reboot, pause, unpause, remove]

export interface Deadlines {
  readonly buildMs: number
  readonly actionMs: number
  readonly deleteMs: number
}

/** The operations by kind; an operator may set how long they may take. */
export function catalogue(deadlines?: Deadlines): ReadonlyMap<string, OperationSpec> {
  const deadlineOf = (spec: OperationSpec): number => {
    if (!deadlines) return spec.deadlineMs
    return spec === build ? deadlines.buildMs : spec === remove ? deadlines.deleteMs : deadlines.actionMs
  }
  return new Map(OPERATIONS.map(spec => [spec.kind, { ...spec, deadlineMs: deadlineOf(spec) }]))
}
