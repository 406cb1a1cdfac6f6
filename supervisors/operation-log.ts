/** A line in the log when an operation begins and when it has ended, by which its request can be followed from the gateway to here. */
import type { OperationBody } from '../actors/api.ts'
import type { Logger } from '../actors/kernel/env.ts'

/** Operations that are remembered as begun; one forgotten while it runs is said to begin a second time. */
const REMEMBERED = 10_000

/** Given each committed row of an operation, in order. */
export function createOperationLog(log: Logger): (body: OperationBody) => void {
  const begun = new Set<string>()
  return ({ id, kind, requestId, by, status, endedAt, fault }) => {
    const fields = { operation: id, kind, requestId, ...by }
    if (endedAt === null) {
      if (begun.has(id)) return
      begun.add(id)
      if (begun.size > REMEMBERED) for (const oldest of begun) return void begun.delete(oldest)
      log.info(fields, 'an operation is under way')
      return
    }
    // Its report to its subject is one more commit, after its end.
    if (begun.delete(id)) log.info({ ...fields, status, ...(fault ? { fault } : {}) }, 'an operation has ended')
  }
}
