/** `baton flavor set` and `unset` */
import { argument, type Call, given, required } from '../call.ts'
import { endpointOf } from '../client/endpoint.ts'
import { type Client, httpClient } from '../client/http.ts'
import { listFlavors } from '../client/nova.ts'
import { extraSpecs, setExtraSpecs, unsetExtraSpec } from '../client/placement.ts'
import { findNamed } from '../client/resolve.ts'
import { print } from '../output/table.ts'
import { itemsOf, listed } from '../words.ts'

async function change(call: Call, apply: (client: Client, flavor: string) => Promise<unknown>): Promise<void> {
  const client = httpClient(endpointOf(call.options))
  const { id, name } = findNamed('flavor', argument(call, 0), await listFlavors(client))
  await apply(client, id)
  const specs = await extraSpecs(client, id)
  const lines = Object.entries(specs).map(([key, value]) => `  ${key}=${value}`)
  print(given(call.options, 'json'), { id, name, extraSpecs: specs }, () => [`${name} (${id}):`, ...(lines.length > 0 ? lines : ['  -'])].join('\n'))
}

export async function set(call: Call): Promise<void> {
  const specs = Object.fromEntries(itemsOf(required(call.options, 'property'), 'property'))
  await change(call, (client, flavor) => setExtraSpecs(client, flavor, specs))
}

export async function unset(call: Call): Promise<void> {
  const keys = listed(required(call.options, 'property'))
  await change(call, async (client, flavor) => {
    for (const key of keys) await unsetExtraSpec(client, flavor, key)
  })
}
