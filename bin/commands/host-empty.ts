/** `baton host drain`, `maintenance` and `evacuate`: what moves every instance of a host, as one operation. */
import { BatonError } from '../../actors/kernel/errors.ts'
import { argument, type Call, given, integer } from '../call.ts'
import { isHost } from '../client/bodies.ts'
import { endpointOf } from '../client/endpoint.ts'
import { isText, shape } from '../client/guards.ts'
import { type Client, httpClient } from '../client/http.ts'
import { begunOperation } from '../client/operations.ts'
import { failUnlessDone, watchAll } from '../client/wait.ts'
import { print } from '../output/table.ts'

const pathOf = (host: string, what: string): string => `/baton/v1/hosts/${encodeURIComponent(host)}/${what}`

const parallelOf = (call: Call) => {
  const parallel = integer(call.options, 'parallel', 1)
  return parallel === undefined ? {} : { parallel }
}

const coldOf = (call: Call) => (given(call.options, 'cold') ? { cold: true } : {})

async function follow(call: Call, client: Client, host: string, id: string): Promise<void> {
  const begun = await begunOperation(client, id)
  const [operation = begun] = given(call.options, 'wait') ? await watchAll(client, [{ label: host, operation: begun }]) : []
  const text = `${host}: ${operation.kind} ${operation.status}, operation ${operation.id}`
  print(given(call.options, 'json'), operation, () => text)
  if (given(call.options, 'wait')) failUnlessDone([operation])
}

async function begin(call: Call, what: 'drain' | 'evacuate', body: object): Promise<void> {
  const client = httpClient(endpointOf(call.options))
  const host = argument(call, 0)
  const answer = await client.request('POST', pathOf(host, what), shape({ operation: shape({ id: isText }) }), { body })
  await follow(call, client, host, answer.body.operation.id)
}

export const drain = (call: Call): Promise<void> => begin(call, 'drain', { ...parallelOf(call), ...coldOf(call) })

export const evacuate = (call: Call): Promise<void> => begin(call, 'evacuate', parallelOf(call))

export async function maintenance(call: Call): Promise<void> {
  const client = httpClient(endpointOf(call.options))
  const host = argument(call, 0)
  const how = argument(call, 1)
  if (how !== 'on' && how !== 'off')
    throw new BatonError('BadRequest', `a host is put into maintenance by "on" and taken out by "off", not by ${how}`)
  const body = { on: how === 'on', ...parallelOf(call), ...coldOf(call) }
  const answer = await client.request('POST', pathOf(host, 'maintenance'), shape({ host: isHost }), { body })
  const { operation, mode } = answer.body.host
  if (operation !== null && how === 'on') await follow(call, client, host, operation)
  else print(given(call.options, 'json'), answer.body.host, () => `${host}: ${mode}`)
}
