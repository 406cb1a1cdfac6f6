/** What the emptying of a host is given by it, and what it reports back. */
import type { Requester } from '../kernel/requester.ts'
import type { Outcome } from '../operation/contract.ts'

/** `maintenance` is a drain after which the host is left alone. */
export const HOST_OPERATION_KINDS = ['drain', 'maintenance', 'evacuate-host'] as const
export type HostOperationKind = (typeof HOST_OPERATION_KINDS)[number]

/** Operations of hosts stand beside those of instances in lists, and have an actor of their own kind. */
export const isHostOperation = (kind: unknown): kind is HostOperationKind => HOST_OPERATION_KINDS.some(known => known === kind)
export const operationActorOf = (kind: unknown): 'operation' | 'host-operation' => (isHostOperation(kind) ? 'host-operation' : 'operation')

export interface HostOperationArgs {
  readonly kind: HostOperationKind
  /** Instances moved at a time. */
  readonly parallel: number
  /** Whether running instances are stopped for the move, also where the driver could carry them as they run. */
  readonly cold: boolean
  readonly requestId: string
  /** Absent in operations of before it was known. */
  readonly by?: Requester
}

export interface HostOperationEnded {
  readonly operation: string
  /** `undone`: cancelled; what was moved stays moved. */
  readonly outcome: Outcome
  /** One line for people. */
  readonly reason: string
}
