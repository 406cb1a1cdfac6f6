/**
 * What QEMU says about a guest that it sends (`query-migrate`, `query-block-jobs`), as progress in bytes and as one word for where it
 * stands. Pure.
 */
import type { Json } from '../../../kernel/define.ts'
import type { TransferProgress } from '../../migration.ts'
import { isObject } from './wire.ts'

/** Names of the job and of the node by which a disk is copied. */
export const MIRROR = 'mirror'

/**
 * Of the memory. `waits`: little is left, its processors stand still, and it waits to be told to send the rest. `sent`: all is at the other
 * end, and the guest stands still for good unless it is told to go on.
 */
export type MemoryState = 'none' | 'active' | 'waits' | 'sent' | 'failed'

const STATES: Readonly<Record<string, MemoryState>> = {
  none: 'none',
  setup: 'active',
  active: 'active',
  'wait-unplug': 'active',
  'pre-switchover': 'waits',
  device: 'active',
  cancelling: 'active',
  cancelled: 'failed',
  failed: 'failed',
  completed: 'sent',
}

export interface MemoryTransfer {
  readonly state: MemoryState
  /** Why it has failed. */
  readonly reason: string
  readonly totalBytes: number
  readonly sentBytes: number
  readonly leftBytes: number
  /** How often all that the guest had changed was looked for. */
  readonly rounds: number
  readonly bytesPerMs: number
  /** How long the guest stood still, and how long it took, ms; known when it is over. */
  readonly downtimeMs: number | null
  readonly totalMs: number | null
}

const numberOf = (value: Json | undefined): number => (typeof value === 'number' && Number.isFinite(value) ? value : 0)

/** `answer`: that to `query-migrate`. */
export function memoryTransfer(answer: Json): MemoryTransfer {
  const said = isObject(answer) ? answer : {}
  const ram = isObject(said.ram) ? said.ram : {}
  const status = typeof said.status === 'string' ? said.status : 'none'
  return {
    state: Object.hasOwn(STATES, status) ? (STATES[status] ?? 'active') : 'active',
    reason: typeof said['error-desc'] === 'string' ? said['error-desc'] : `it was ${status}`,
    totalBytes: numberOf(ram.total),
    sentBytes: numberOf(ram.transferred),
    leftBytes: numberOf(ram.remaining),
    rounds: numberOf(ram['dirty-sync-count']),
    // QEMU says 10^6 bits a second.
    bytesPerMs: (numberOf(ram.mbps) * 1e6) / 8 / 1000,
    downtimeMs: typeof said.downtime === 'number' ? said.downtime : null,
    totalMs: typeof said['total-time'] === 'number' ? said['total-time'] : null,
  }
}

/** The copying of a disk. */
export interface Mirror {
  readonly lengthBytes: number
  readonly copiedBytes: number
  /** All is there, and what is written goes to both. */
  readonly ready: boolean
}

/** `answer`: that to `query-block-jobs`. Null: there is no such job. */
export function mirrorOf(answer: Json): Mirror | null {
  const job = Array.isArray(answer) ? answer.filter(isObject).find(({ device }) => device === MIRROR) : undefined
  return job ? { lengthBytes: numberOf(job.len), copiedBytes: numberOf(job.offset), ready: job.ready === true } : null
}

/**
 * How far it is. `downtimeMs`: how long the guest may stand still; what is sent in that time is little. A guest whose processors stand still
 * already leaves nothing to wait for.
 */
export function progressOf(memory: MemoryTransfer, mirror: Mirror | null, ramBytes: number, copyDisk: boolean, downtimeMs: number): TransferProgress {
  const begun = memory.state !== 'none'
  const enough = memory.rounds > 1 && memory.leftBytes <= memory.bytesPerMs * downtimeMs
  const disk = copyDisk && mirror ? mirror : { lengthBytes: 0, copiedBytes: 0 }
  return {
    converged: memory.state === 'waits' || memory.state === 'sent' || (memory.state === 'active' && enough),
    memoryTotalBytes: begun ? memory.totalBytes : ramBytes,
    memoryProcessedBytes: memory.sentBytes,
    memoryRemainingBytes: begun ? memory.leftBytes : ramBytes,
    diskTotalBytes: disk.lengthBytes,
    diskProcessedBytes: disk.copiedBytes,
    diskRemainingBytes: Math.max(0, disk.lengthBytes - disk.copiedBytes),
  }
}
