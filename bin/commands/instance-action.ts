/** `baton instance start`, `stop`, `reboot`, `pause`, `unpause` and `delete`: one request for each instance named. */
import type { OperationBody } from '../../actors/api.ts'
import { type Call, given, type Handler } from '../call.ts'
import { endpointOf } from '../client/endpoint.ts'
import { type Client, httpClient } from '../client/http.ts'
import { type ACTIONS, actOnInstance, deleteInstance, type Instance } from '../client/nova.ts'
import { operationOf } from '../client/operations.ts'
import { findInstance } from '../client/resolve.ts'
import { failUnlessDone, inParallel, watchAll } from '../client/wait.ts'
import { print } from '../output/table.ts'

/** Sends the request; answers with the request's id. */
type Send = (client: Client, id: string) => Promise<string | null>

const AT_ONCE = 8

async function run(call: Call, verb: string, send: Send): Promise<void> {
  const client = httpClient(endpointOf(call.options))
  // All are resolved before the first is touched: a misspelt name changes nothing.
  const instances = await inParallel(AT_ONCE, call.args, reference => findInstance(client, reference))
  const begun = await inParallel(AT_ONCE, instances, async instance => {
    const requestId = await send(client, instance.id)
    return { label: instance.name, instance, operation: await operationOf(client, instance.id, requestId) }
  })
  const ended = given(call.options, 'wait') ? await watchAll(client, begun) : null
  const results = begun.map(({ instance, operation }, i) => resultOf(instance, ended?.[i] ?? operation))
  print(given(call.options, 'json'), results, () => results.map(r => `${r.name} (${r.id}): ${verb} ${r.status}, operation ${r.operation}`).join('\n'))
  failUnlessDone(ended ?? [])
}

const resultOf = (instance: Instance, operation: OperationBody) => ({
  id: instance.id,
  name: instance.name,
  operation: operation.id,
  status: operation.status,
})

const action =
  (verb: string, name: keyof typeof ACTIONS): Handler =>
  call =>
    run(call, verb, (client, id) => actOnInstance(client, id, name))

export const start = action('start', 'start')
export const stop = action('stop', 'stop')
export const pause = action('pause', 'pause')
export const unpause = action('unpause', 'unpause')
export const reboot: Handler = call => action('reboot', given(call.options, 'hard') ? 'reboot-hard' : 'reboot-soft')(call)
export const remove: Handler = call => run(call, 'delete', deleteInstance)
