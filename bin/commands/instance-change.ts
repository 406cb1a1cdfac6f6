/** `baton instance lock`, `unlock`, `set`, `reset-state` and `password`: what is over when it is answered. */
import { BatonError } from '../../actors/kernel/errors.ts'
import { argument, type Call, given, type Handler, required, text } from '../call.ts'
import { endpointOf } from '../client/endpoint.ts'
import { type Client, httpClient } from '../client/http.ts'
import { getInstance, type Instance, sendAction, updateInstance } from '../client/nova.ts'
import { findInstance } from '../client/resolve.ts'
import { print } from '../output/table.ts'
import { itemsOf, listed } from '../words.ts'

async function change(call: Call, what: string, apply: (client: Client, instance: Instance) => Promise<unknown>): Promise<void> {
  const client = httpClient(endpointOf(call.options))
  const found = await findInstance(client, argument(call, 0))
  await apply(client, found)
  const instance = await getInstance(client, found.id)
  print(given(call.options, 'json'), instance, () => `${instance.name} (${instance.id}): ${what}`)
}

export const lock: Handler = call => {
  const reason = text(call.options, 'reason')
  return change(call, 'locked', (client, { id }) => sendAction(client, id, { lock: reason === undefined ? null : { locked_reason: reason } }))
}

export const unlock: Handler = call => change(call, 'unlocked', (client, { id }) => sendAction(client, id, { unlock: null }))

export const resetState: Handler = call => {
  const state = required(call.options, 'state')
  return change(call, `is ${state}`, (client, { id }) => sendAction(client, id, { 'os-resetState': { state } }))
}

export const password: Handler = call => {
  const adminPass = required(call.options, 'password')
  return change(call, 'password changed', (client, { id }) => sendAction(client, id, { changePassword: { adminPass } }))
}

export const set: Handler = async call => {
  const name = text(call.options, 'name')
  const items = text(call.options, 'metadata')
  const tags = text(call.options, 'tags')
  const ha = text(call.options, 'ha')
  if ([name, items, tags, ha].every(part => part === undefined)) throw new BatonError('BadRequest', 'give --name, --metadata, --tags or --ha')
  const parts = {
    ...(name === undefined ? {} : { name }),
    ...(items === undefined ? {} : { metadata: Object.fromEntries(itemsOf(items, 'metadata')) }),
    ...(tags === undefined ? {} : { tags: listed(tags) }),
    ...(ha === undefined ? {} : { ha }),
  }
  await change(call, 'changed', (client, { id }) => updateInstance(client, id, parts))
}
