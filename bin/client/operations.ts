/** Operations over HTTP: finding the one behind a request, and following it to its end whatever happens to the gateway. */
import { setTimeout as delay } from 'node:timers/promises'
import type { OperationBody } from '../../actors/api.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { isOperation } from './bodies.ts'
import { shape } from './guards.ts'
import type { Client } from './http.ts'
import { listAll } from './pages.ts'

/** How long a gateway may be away while an operation is followed. */
const AWAY_MS = 60_000
/** How long after its own deadline an operation may take to say how it ended. */
const GRACE_MS = 60_000
/** A stream that says nothing for so long is opened again, in case the other end is gone without a word. */
const QUIET_MS = 30_000
const RECONNECT_MS = 250
/** How long an operation may take to begin after its request was answered, and how often it is looked for. */
export const BEGIN_MS = 10_000
export const LOOK_MS = 50

export interface OperationFilter {
  /** Id of the instance. */
  readonly subject?: string | undefined
  readonly requestId?: string | undefined
  readonly open?: boolean | undefined
  readonly kinds?: readonly string[] | undefined
}

const pathOf = (id: string): string => `/baton/v1/operations/${encodeURIComponent(id)}`

/** Newest first; all of them, or at most `limit`. */
export function listOperations(client: Client, filter: OperationFilter, limit?: number): Promise<OperationBody[]> {
  const query = { subject: filter.subject, request_id: filter.requestId, open: filter.open || undefined, kind: filter.kinds?.join(',') }
  return listAll(client, { path: '/baton/v1/operations', name: 'operations', item: isOperation, query, limit })
}

/** Rejects `NotFound`. */
export async function getOperation(client: Client, id: string): Promise<OperationBody> {
  return (await client.request('GET', pathOf(id), shape({ operation: isOperation }))).body.operation
}

/** The same of one whose id was just given out: it is begun a moment later. */
export async function begunOperation(client: Client, id: string): Promise<OperationBody> {
  const until = Date.now() + BEGIN_MS
  while (true) {
    try {
      return await getOperation(client, id)
    } catch (error) {
      if (!(error instanceof BatonError && error.code === 'NotFound') || Date.now() >= until) throw error
      await delay(LOOK_MS)
    }
  }
}

/** Asks an operation to stop. Rejects `Conflict` when it has ended or cannot be cancelled any more. */
export async function cancelOperation(client: Client, id: string): Promise<OperationBody> {
  return (await client.request('POST', `${pathOf(id)}/cancel`, shape({ operation: isOperation }))).body.operation
}

/** Wants a live migration over at any price. Rejects `Conflict` when there is none under way that could be. */
export async function forceOperation(client: Client, id: string): Promise<OperationBody> {
  return (await client.request('POST', `${pathOf(id)}/force-complete`, shape({ operation: isOperation }))).body.operation
}

/**
 * The operation that a request began on an instance; without a request id the newest. An operation is begun just after its
 * request was answered, so it is looked for a while; and a delete waits for the operation before it, however long that takes.
 * Never another request's operation. Rejects `NotFound`.
 */
export async function operationOf(client: Client, subject: string, requestId: string | null): Promise<OperationBody> {
  let until = Date.now() + (requestId === null ? 0 : BEGIN_MS)
  while (true) {
    const operations = await listOperations(client, { subject })
    const found = requestId === null ? operations[0] : operations.find(o => o.requestId === requestId)
    if (found !== undefined) return found
    if (operations.some(o => !hasEnded(o))) until = Date.now() + BEGIN_MS
    if (Date.now() >= until) {
      if (requestId === null) throw new BatonError('NotFound', `instance ${subject} has no operation`)
      throw notBegunYet(subject, `operation of request ${requestId}`)
    }
    await delay(LOOK_MS)
  }
}

export const notBegunYet = (subject: string, what: string): BatonError =>
  new BatonError(
    'NotFound',
    `instance ${subject} has no ${what} yet; it was accepted and may begin later: \`baton operation list --instance ${subject}\` shows it`,
  )

export const hasEnded = (operation: OperationBody): boolean => operation.endedAt !== null

/**
 * Follows an operation until it has ended, calling `onChange` with every state seen. A stream that breaks is opened again, at
 * this gateway or its successor. Rejects `NotFound`; `NotRunning` when no gateway came back within a minute.
 */
export async function follow(client: Client, id: string, onChange: (operation: OperationBody) => void): Promise<OperationBody> {
  const guard = shape({ operation: isOperation })
  const begun = Date.now()
  let lastContact = begun
  const seen = (operation: OperationBody): OperationBody => {
    lastContact = Date.now()
    onChange(operation)
    return operation
  }
  while (true) {
    try {
      const now = seen(await getOperation(client, id))
      if (hasEnded(now)) return now
      // Only differences count: the clock of the cluster is not the clock here.
      if (Date.now() - begun > now.deadlineAt - now.startedAt + GRACE_MS)
        throw new BatonError('Internal', `operation ${id} is past its deadline and has not ended`)
      for await (const line of client.lines(`${pathOf(id)}/watch`, AbortSignal.timeout(QUIET_MS)))
        if (guard(line) && hasEnded(seen(line.operation))) return line.operation
    } catch (error) {
      if (!mayPass(error) || Date.now() - lastContact > AWAY_MS) throw error
    }
    await delay(RECONNECT_MS)
  }
}

/** False for answers about the request itself; true for broken connections and clusters that are not ready. */
const mayPass = (error: unknown): boolean =>
  !(error instanceof BatonError) || ['NotRunning', 'Unavailable', 'Overloaded', 'Moved', 'DeadlineExceeded'].includes(error.code)
