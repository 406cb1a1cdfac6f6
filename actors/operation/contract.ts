/** What an operation is given by its subject, and what it reports back. */

import type { InstanceSpec } from '../instance/instance.ts'
import type { Fault } from '../kernel/errors.ts'

export interface OperationArgs {
  readonly spec: InstanceSpec
  /** Where the instance is when the operation begins; null when nowhere. */
  readonly host: string | null
  readonly claim: string | null
  readonly mode: 'soft' | 'hard' | null
}

/** `done`: as asked. `undone`: as before. `failed`: neither could be reached by the deadline; host and claim say what is left. */
export type Outcome = 'done' | 'undone' | 'failed'

export interface OperationEnded {
  readonly operation: string
  readonly outcome: Outcome
  readonly host: string | null
  readonly claim: string | null
  readonly fault: Fault | null
}
