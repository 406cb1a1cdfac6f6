/** All targets. A new one is a file beside this and a line here. */
import type { Target } from '../target.ts'
import { cliTarget } from './cli.ts'
import { configTarget } from './config.ts'
import { doorTarget } from './door.ts'
import { guestTarget } from './guest.ts'
import { httpTarget } from './http.ts'
import { journalTarget } from './journal.ts'
import { nodeTarget } from './node.ts'
import { openApiTarget } from './openapi.ts'
import { recordsTarget } from './records.ts'
import { wireTarget } from './wire.ts'

export const TARGETS: ReadonlyMap<string, () => Target> = new Map(
  Object.entries({
    wire: wireTarget,
    guest: guestTarget,
    door: doorTarget,
    http: httpTarget,
    cli: cliTarget,
    config: configTarget,
    journal: journalTarget,
    node: nodeTarget,
    openapi: openApiTarget,
    records: recordsTarget,
  }),
)
