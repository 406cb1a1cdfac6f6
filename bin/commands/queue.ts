/** `baton queue list` */
import type { QueueBody } from '../../actors/api.ts'
import { type Call, given } from '../call.ts'
import { isQueue } from '../client/bodies.ts'
import { endpointOf } from '../client/endpoint.ts'
import { listOf, shape } from '../client/guards.ts'
import { httpClient } from '../client/http.ts'
import { type Column, duration, printList } from '../output/table.ts'

const COLUMNS: readonly Column<QueueBody>[] = [
  ['NODE', q => q.node],
  ['QUEUE', q => q.queue],
  ['DEPTH', q => q.depth],
  ['LIMIT', q => q.limit],
  ['OLDEST', q => (q.depth === 0 ? null : duration(q.oldestMs))],
  ['BUSIEST', q => q.busiest],
]

export async function list(call: Call): Promise<void> {
  const { body } = await httpClient(endpointOf(call.options)).request('GET', '/baton/v1/queues', shape({ queues: listOf(isQueue) }))
  printList(given(call.options, 'json'), COLUMNS, body.queues)
}
