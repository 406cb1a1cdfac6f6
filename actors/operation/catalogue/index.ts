/** All operations. A new one is a file beside this and a line here. */
import type { OperationSpec } from '../step.ts'
import { build } from './build.ts'
import { remove } from './delete.ts'
import { pause } from './pause.ts'
import { reboot } from './reboot.ts'
import { start } from './start.ts'
import { stop } from './stop.ts'
import { unpause } from './unpause.ts'

export const CATALOGUE: ReadonlyMap<string, OperationSpec> = new Map([build, start, stop, reboot, pause, unpause, remove].map((o) => [o.kind, o]))
