/** `baton migration list`, `show` and `force-complete`: operations that move an instance. To abort one is to cancel its operation. */
import type { OperationBody } from '../../actors/api.ts'
import { argument, type Call, given, integer, text } from '../call.ts'
import { endpointOf } from '../client/endpoint.ts'
import { httpClient } from '../client/http.ts'
import { forceOperation, getOperation, listOperations } from '../client/operations.ts'
import { findInstance } from '../client/resolve.ts'
import { failUnlessDone, watchAll } from '../client/wait.ts'
import { progressText } from '../output/progress.ts'
import { type Column, card, print, printList, timeText } from '../output/table.ts'

const KINDS = ['live-migrate', 'migrate', 'resize', 'evacuate']
const LIST_LIMIT = 100

const progressOf = ({ steps }: OperationBody): string | null => {
  const progress = steps.findLast(step => step.progress)?.progress
  return progress ? progressText(progress) : null
}

const COLUMNS: readonly Column<OperationBody>[] = [
  ['OPERATION', o => o.id],
  ['KIND', o => o.kind],
  ['FROM', o => o.move?.from],
  ['TO', o => o.move?.to],
  ['STATUS', o => o.status],
  ['STEP', o => o.steps.findLast(s => s.state === 'running')?.name],
  ['PROGRESS', progressOf],
  ['STARTED', o => timeText(o.startedAt)],
]

const DETAILS: readonly Column<OperationBody>[] = [
  ...COLUMNS,
  ['INSTANCE', o => o.subject],
  ['REQUEST', o => o.requestId],
  ['ABORT ASKED', o => (o.cancelRequested ? 'yes' : 'no')],
  ['FAULT', o => o.fault?.message],
]

export async function list(call: Call): Promise<void> {
  const client = httpClient(endpointOf(call.options))
  const reference = text(call.options, 'instance')
  const host = text(call.options, 'host')
  const subject = reference === undefined ? undefined : (await findInstance(client, reference)).id
  const filter = { subject, open: given(call.options, 'open'), kinds: KINDS }
  const limit = integer(call.options, 'limit', 1) ?? LIST_LIMIT
  // The host is no column of the view: it is looked for among all there are.
  const found = await listOperations(client, filter, host === undefined ? limit : undefined)
  const moves = found.filter(o => host === undefined || o.move?.from === host || o.move?.to === host)
  printList(given(call.options, 'json'), COLUMNS, moves.slice(0, limit))
}

export async function show(call: Call): Promise<void> {
  const operation = await getOperation(httpClient(endpointOf(call.options)), argument(call, 0))
  print(given(call.options, 'json'), operation, () => card(DETAILS, operation))
}

export async function forceComplete(call: Call): Promise<void> {
  const client = httpClient(endpointOf(call.options))
  const asked = await forceOperation(client, argument(call, 0))
  const [operation = asked] = given(call.options, 'wait') ? await watchAll(client, [{ label: asked.id, operation: asked }]) : []
  print(given(call.options, 'json'), operation, () => card(DETAILS, operation))
  if (given(call.options, 'wait')) failUnlessDone([operation])
}
