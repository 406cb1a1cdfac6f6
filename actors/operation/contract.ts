/** What an operation is given by its subject, and what it reports back. */

import type { BlockMigration } from '../api.ts'
import type { Devices } from '../hypervisor/driver.ts'
import type { Change, InstanceSpec } from '../instance/model.ts'
import type { Fault } from '../kernel/errors.ts'

export interface OperationArgs {
  readonly spec: InstanceSpec
  /** Where the instance is when the operation begins; null when nowhere. */
  readonly host: string | null
  readonly claim: string | null
  readonly mode: 'soft' | 'hard' | null
  /** The second host that holds room for the instance, if any. */
  readonly origin?: End
  readonly change?: Change
  /** The devices it has when the operation begins; absent: none. */
  readonly devices?: Devices
  /** The host somebody asked for. */
  readonly wanted?: string
  /** Whether a live migration copies the disk too. */
  readonly blockMigration?: BlockMigration
  /** Whose operation it is; absent: an instance's. */
  readonly subjectKind?: 'agent'
  /** Whether the guest is to run when the operation is over. */
  readonly running?: boolean
}

/** A host, and the claim that holds room there. */
export interface End {
  readonly host: string
  readonly claim: string
}

/** `done`: as asked. `undone`: as before. `failed`: neither could be reached by the deadline; host and claim say what is left. */
export type Outcome = 'done' | 'undone' | 'failed'

export interface OperationEnded {
  readonly operation: string
  readonly outcome: Outcome
  readonly host: string | null
  readonly claim: string | null
  readonly origin?: End
  readonly fault: Fault | null
}
