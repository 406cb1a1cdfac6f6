/** `baton operation list`, `show`, `watch` and `cancel` */
import type { OperationBody, StepRecord } from '../../actors/api.ts'
import { argument, type Call, given, integer, text } from '../call.ts'
import { endpointOf } from '../client/endpoint.ts'
import { httpClient } from '../client/http.ts'
import { watchOperation } from '../client/live.ts'
import { cancelOperation, follow, getOperation, hasEnded, listOperations } from '../client/operations.ts'
import { findInstance } from '../client/resolve.ts'
import { failUnlessDone, watchAll } from '../client/wait.ts'
import { progress } from '../output/progress.ts'
import { type Column, card, duration, print, printList, table, timeText } from '../output/table.ts'

const took = (o: { readonly startedAt: number; readonly endedAt: number | null }): string | null =>
  o.endedAt === null ? null : duration(o.endedAt - o.startedAt)

const COLUMNS: readonly Column<OperationBody>[] = [
  ['ID', o => o.id],
  ['KIND', o => o.kind],
  ['STATUS', o => o.status],
  ['STEP', o => o.steps.findLast(s => s.state === 'running')?.name],
  ['STARTED', o => timeText(o.startedAt)],
  ['TOOK', took],
]

const DETAILS: readonly Column<OperationBody>[] = [
  ...COLUMNS,
  ['SUBJECT', o => o.subject],
  ['REQUEST', o => o.requestId],
  ['DEADLINE', o => timeText(o.deadlineAt)],
  ['CANCEL ASKED', o => (o.cancelRequested ? 'yes' : 'no')],
  ['FAULT', o => o.fault?.message],
]

const STEPS: readonly Column<StepRecord>[] = [
  ['STEP', s => s.name],
  ['DIRECTION', s => s.direction],
  ['STATE', s => s.state],
  ['ATTEMPT', s => s.attempt],
  ['STARTED', s => timeText(s.startedAt)],
  ['TOOK', took],
  ['FAULT', s => s.fault?.message],
]

/** How many a list shows unless told otherwise: a busy cluster keeps very many. */
const LIST_LIMIT = 100

const describe = (operation: OperationBody): string => `${card(DETAILS, operation)}\n\n${table(STEPS, operation.steps)}`

export async function list(call: Call): Promise<void> {
  const client = httpClient(endpointOf(call.options))
  const reference = text(call.options, 'instance')
  const subject = reference === undefined ? undefined : (await findInstance(client, reference)).id
  const filter = { subject, open: given(call.options, 'open') }
  printList(given(call.options, 'json'), COLUMNS, await listOperations(client, filter, integer(call.options, 'limit', 1) ?? LIST_LIMIT))
}

export async function show(call: Call): Promise<void> {
  const operation = await getOperation(httpClient(endpointOf(call.options)), argument(call, 0))
  print(given(call.options, 'json'), operation, () => describe(operation))
}

export async function watch(call: Call): Promise<void> {
  const endpoint = endpointOf(call.options)
  const client = httpClient(endpoint)
  const operation = await getOperation(client, argument(call, 0))
  const shown = progress()
  const show = (now: OperationBody): void => shown.update(operation.id, now)
  show(operation)
  const live = hasEnded(operation) ? operation : await watchOperation(endpoint, operation.id, show)
  const ended = live ?? (await follow(client, operation.id, show))
  shown.end()
  print(given(call.options, 'json'), ended, () => describe(ended))
  failUnlessDone([ended])
}

export async function cancel(call: Call): Promise<void> {
  const client = httpClient(endpointOf(call.options))
  const asked = await cancelOperation(client, argument(call, 0))
  const [operation = asked] = given(call.options, 'wait') ? await watchAll(client, [{ label: asked.id, operation: asked }]) : []
  print(
    given(call.options, 'json'),
    operation,
    () => `${operation.id}: ${operation.kind} ${operation.endedAt === null ? 'is being cancelled' : operation.status}`,
  )
}
