/** `baton instance start`, `stop` and all else that starts an operation: one request for each instance named. */
import type { OperationBody } from '../../actors/api.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { type Call, given, type Handler, required, text } from '../call.ts'
import { endpointOf } from '../client/endpoint.ts'
import { listImages } from '../client/glance.ts'
import { type Client, httpClient } from '../client/http.ts'
import { type ACTIONS, actOnInstance, deleteInstance, type Instance, listFlavors, sendAction } from '../client/nova.ts'
import { operationOf } from '../client/operations.ts'
import { findInstance, findNamed } from '../client/resolve.ts'
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
export const suspend = action('suspend', 'suspend')
export const resume = action('resume', 'resume')
export const unrescue = action('unrescue', 'unrescue')
export const confirm = action('confirm', 'confirm')
export const revert = action('revert', 'revert')
export const shelve = action('shelve', 'shelve')
export const offload = action('offload', 'offload')
export const restore = action('restore', 'restore')
export const forceDelete = action('force-delete', 'force-delete')

/** An action that may name a host; without one the scheduler chooses. */
const toHost =
  (verb: 'migrate' | 'evacuate' | 'unshelve'): Handler =>
  call => {
    const host = text(call.options, 'host')
    return run(call, verb, (client, id) => sendAction(client, id, { [verb]: host === undefined ? (verb === 'evacuate' ? {} : null) : { host } }))
  }

export const migrate = toHost('migrate')
export const evacuate = toHost('evacuate')
export const unshelve = toHost('unshelve')

const BLOCK = { yes: true, no: false, auto: 'auto' } as const

export const liveMigrate: Handler = async call => {
  const how = text(call.options, 'blockMigration') ?? 'auto'
  if (how !== 'yes' && how !== 'no' && how !== 'auto') throw new BatonError('BadRequest', `--block-migration must be yes, no or auto, not ${how}`)
  const action = { host: text(call.options, 'host') ?? null, block_migration: BLOCK[how] }
  await run(call, 'live-migrate', (client, id) => sendAction(client, id, { 'os-migrateLive': action }))
}

export const resize: Handler = async call => {
  const flavor = findNamed('flavor', required(call.options, 'flavor'), await listFlavors(httpClient(endpointOf(call.options))))
  await run(call, 'resize', (client, id) => sendAction(client, id, { resize: { flavorRef: flavor.id } }))
}

export const rebuild: Handler = async call => {
  const imageRef = await imageOf(call, required(call.options, 'image'))
  await run(call, 'rebuild', (client, id) => sendAction(client, id, { rebuild: { imageRef } }))
}

export const rescue: Handler = async call => {
  const wanted = text(call.options, 'image')
  const rescue = wanted === undefined ? null : { rescue_image_ref: await imageOf(call, wanted) }
  await run(call, 'rescue', (client, id) => sendAction(client, id, { rescue }))
}

const imageOf = async (call: Call, reference: string): Promise<string> =>
  findNamed('image', reference, await listImages(httpClient(endpointOf(call.options)))).id
