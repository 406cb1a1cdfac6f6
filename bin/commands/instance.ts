/** `baton instance list`, `show` and `log` */
import { argument, type Call, given, integer, type Options, text } from '../call.ts'
import { endpointOf } from '../client/endpoint.ts'
import { listImages } from '../client/glance.ts'
import { type Client, httpClient } from '../client/http.ts'
import { consoleLog, type Instance, listFlavors, listInstances } from '../client/nova.ts'
import { findInstance } from '../client/resolve.ts'
import { type Column, card, print, printList } from '../output/table.ts'

const COLUMNS: readonly Column<Instance>[] = [
  ['ID', i => i.id],
  ['NAME', i => i.name],
  ['STATUS', i => i.status],
  ['TASK', i => i.taskState],
  ['POWER', i => i.powerState],
  ['HOST', i => i.host],
  ['FLAVOR', i => i.flavor],
  ['IMAGE', i => i.image],
]

const DETAILS: readonly Column<Instance>[] = [
  ...COLUMNS,
  ['ZONE', i => i.zone],
  [
    'METADATA',
    i =>
      Object.entries(i.metadata)
        .map(([k, v]) => `${k}=${v}`)
        .join(', '),
  ],
  ['RESERVATION', i => i.reservation],
  ['CREATED', i => i.createdAt],
  ['UPDATED', i => i.updatedAt],
  ['LAUNCHED', i => i.launchedAt],
  ['FAULT', i => i.fault],
]

export async function list(call: Call): Promise<void> {
  const client = httpClient(endpointOf(call.options))
  const filter = {
    name: text(call.options, 'name'),
    status: text(call.options, 'status'),
    host: text(call.options, 'host'),
    deleted: given(call.options, 'deleted'),
  }
  const found = await listInstances(client, filter, { limit: integer(call.options, 'limit', 1), marker: text(call.options, 'marker') })
  printList(given(call.options, 'json'), COLUMNS, await instanceNames(client, found))
}

export async function show(call: Call): Promise<void> {
  const client = httpClient(endpointOf(call.options))
  const found = await findInstance(client, argument(call, 0))
  const [named = found] = await instanceNames(client, [found])
  print(given(call.options, 'json'), named, () => card(DETAILS, named))
}

export async function log(call: Call): Promise<void> {
  const client = httpClient(endpointOf(call.options))
  const found = await findInstance(client, argument(call, 0))
  const output = await consoleLog(client, found.id, integer(call.options, 'lines', 1))
  if (given(call.options, 'json')) print(true, { id: found.id, output }, () => '')
  else process.stdout.write(output)
}

/** The instances with the names of their flavors and images in place of ids; an id stays where the name is gone. */
export async function instanceNames(client: Client, instances: readonly Instance[]): Promise<Instance[]> {
  if (instances.length === 0) return []
  const [flavors, images] = await Promise.all([listFlavors(client), listImages(client)])
  const nameIn = (all: readonly { readonly id: string; readonly name: string }[], id: string): string => all.find(t => t.id === id)?.name ?? id
  return instances.map(i => ({ ...i, flavor: nameIn(flavors, i.flavor), image: nameIn(images, i.image) }))
}

export const printInstances = (options: Options, instances: readonly Instance[]): void => printList(given(options, 'json'), COLUMNS, instances)
