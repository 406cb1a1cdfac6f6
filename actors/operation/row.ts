/** The row of an operation's view, whichever actor it is of. */
import type { ViewRow } from '../kernel/define.ts'
import type { OperationBody } from './body.ts'

/** `open`: work is left, even if nobody is told of it any more. */
export function operationRow(id: string, body: OperationBody, open: boolean, updatedAt: number): ViewRow {
  const columns = {
    kind: body.kind,
    subject: body.subject,
    status: body.status,
    open,
    request_id: body.requestId,
    created_at: body.startedAt,
    updated_at: updatedAt,
    ended_at: body.endedAt,
  }
  return { table: 'operation', id, columns, body }
}
