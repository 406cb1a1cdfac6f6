/**
 * What a conductor tells of operations as they are committed: a line in the log when one begins and when it has ended, by which its request can
 * be followed from the gateway to here, how long it took, and its spans.
 */
import type { OperationBody, OperationStatus } from '../../actors/api.ts'
import { isHostOperation } from '../../actors/host-operation/contract.ts'
import type { ViewRow } from '../../actors/kernel/define.ts'
import type { Env, Logger } from '../../actors/kernel/env.ts'
import { operationSpans } from '../../actors/operation/trace.ts'
import type { Observe } from './metrics-table.ts'

/** Operations of which it is remembered what was said; of one that is forgotten it is said again. */
const REMEMBERED = 10_000

/** Given each committed row of an operation, in order. An operation that is taken over begins once more here. */
export function createOperationLog(log: Logger, observe?: Observe, onEnded?: (status: OperationStatus) => void): (body: OperationBody) => void {
  const said = new Map<string, 'begun' | 'ended'>()

  /** False when that was said already. */
  function isNew(id: string, what: 'begun' | 'ended'): boolean {
    if (said.get(id) === what) return false
    said.delete(id)
    said.set(id, what)
    const [oldest] = said.size > REMEMBERED ? said.keys() : []
    if (oldest !== undefined) said.delete(oldest)
    return true
  }

  return ({ id, kind, subject, requestId, by, status, startedAt, endedAt, fault }) => {
    const fields = { operation: id, kind, [isHostOperation(kind) ? 'host' : 'instance']: subject, requestId, ...by }
    if (endedAt === null) {
      if (isNew(id, 'begun')) log.info(fields, 'an operation is under way')
    } else if (isNew(id, 'ended')) {
      log.info({ ...fields, status, ...(fault ? { fault } : {}) }, 'an operation has ended')
      onEnded?.(status)
      observe?.('operation_duration_seconds', Math.max(0, endedAt - startedAt) / 1000, { kind, outcome: status }, by?.trace)
    }
  }
}

export interface OperationTellerOptions {
  /** Told of each operation that has ended, once. */
  onEnded?(status: OperationStatus): void
  readonly env: Pick<Env, 'log' | 'tracing'>
  /** Cluster time, ms. */
  now(): number
  readonly observe: Observe | undefined
}

/** Given each row of an operation, in order; `isNew` when it was committed just now, and not only loaded. */
export function createOperationTeller({
  env: { log, tracing },
  now,
  observe,
  onEnded,
}: OperationTellerOptions): (row: ViewRow, isNew: boolean) => void {
  const note = createOperationLog(log, observe, onEnded)
  return ({ body, columns }, isNew) => {
    const operation = body as OperationBody
    note(operation)
    if (!tracing || !isNew) return
    const aheadMs = tracing.nowMs() - now()
    for (const span of operationSpans(operation, Number(columns.updated_at), aheadMs)) tracing.record(span)
  }
}
