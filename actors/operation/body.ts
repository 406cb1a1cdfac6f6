/** An operation as others see it: what lists and the API read. Times are cluster time in ms since 1970. */
import type { Fault } from '../kernel/errors.ts'
import type { Requester } from '../kernel/requester.ts'

export type OperationStatus = 'running' | 'undoing' | 'done' | 'undone' | 'failed'

/**
 * How far something is: figures by name, units in the names. A live migration says `memoryTotalBytes`, `memoryProcessedBytes`,
 * `memoryRemainingBytes` and the same of `disk`; a drain says `total`, `moved`, `failed` and `left`, in instances.
 */
export type Progress = Readonly<Record<string, number>>

export interface StepRecord {
  readonly name: string
  readonly direction: 'do' | 'undo'
  readonly state: 'running' | 'done' | 'failed'
  readonly attempt: number
  readonly startedAt: number
  readonly endedAt: number | null
  readonly fault: Fault | null
  /** Absent when the step says nothing of it. */
  readonly progress?: Progress
}

/** From where to where an operation moves its instance. */
export interface Move {
  readonly from: string | null
  /** Null as long as nobody has chosen. */
  readonly to: string | null
  readonly oldFlavor: string
  readonly newFlavor: string
}

export interface OperationBody {
  /** `<instance id>.<number>` */
  readonly id: string
  readonly kind: string
  readonly subject: string
  readonly requestId: string
  readonly by?: Requester
  /** Of its subject; absent in older rows, and where the subject is of no project. */
  readonly project?: string
  readonly status: OperationStatus
  /** Steps in the order in which they were begun, undo included; the newest of each is kept, at most 64. */
  readonly steps: readonly StepRecord[]
  /** Names of the steps the operation is made of. */
  readonly plan: readonly string[]
  readonly startedAt: number
  readonly endedAt: number | null
  readonly deadlineAt: number
  readonly cancelRequested: boolean
  readonly fault: Fault | null
  /** Of an operation that moves its instance to another host. */
  readonly move?: Move
  /** Number of events behind this row: the newer of two copies has the larger. Absent in rows of before there was any. */
  readonly rev?: number
}
