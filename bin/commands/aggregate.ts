/** `baton aggregate list`, `show`, `create`, `set`, `add-host`, `remove-host` and `delete` */
import { BatonError } from '../../actors/kernel/errors.ts'
import { argument, type Call, given, text } from '../call.ts'
import { endpointOf } from '../client/endpoint.ts'
import { httpClient } from '../client/http.ts'
import {
  type Aggregate,
  actOnAggregate,
  createAggregate,
  deleteAggregate,
  findAggregate,
  listAggregates,
  updateAggregate,
} from '../client/placement.ts'
import { type Column, card, print, printList } from '../output/table.ts'
import { itemsOf, listed } from '../words.ts'

const COLUMNS: readonly Column<Aggregate>[] = [
  ['ID', a => a.id],
  ['NAME', a => a.name],
  ['ZONE', a => a.availability_zone],
  ['HOSTS', a => a.hosts.join(', ')],
  [
    'METADATA',
    a =>
      Object.entries(a.metadata)
        .map(([k, v]) => `${k}=${v}`)
        .join(', '),
  ],
]

const clientOf = (call: Call) => httpClient(endpointOf(call.options))
const printOne = (call: Call, aggregate: Aggregate): void => print(given(call.options, 'json'), aggregate, () => card(COLUMNS, aggregate))

export async function list(call: Call): Promise<void> {
  printList(given(call.options, 'json'), COLUMNS, await listAggregates(clientOf(call)))
}

export async function show(call: Call): Promise<void> {
  printOne(call, await findAggregate(clientOf(call), argument(call, 0)))
}

export async function create(call: Call): Promise<void> {
  printOne(call, await createAggregate(clientOf(call), argument(call, 0), text(call.options, 'zone')))
}

export async function set(call: Call): Promise<void> {
  const { options } = call
  const [name, zone, items, keys] = ['name', 'zone', 'metadata', 'unset'].map(option => text(options, option))
  if ([name, zone, items, keys].every(part => part === undefined)) throw new BatonError('BadRequest', 'give --name, --zone, --metadata or --unset')
  const metadata = Object.fromEntries<string | null>([
    ...(items === undefined ? [] : itemsOf(items, 'metadata')),
    ...listed(keys ?? '').map((key): [string, null] => [key, null]),
  ])
  const client = clientOf(call)
  let aggregate = await findAggregate(client, argument(call, 0))
  if (name !== undefined || zone !== undefined) {
    const change = { ...(name === undefined ? {} : { name }), ...(zone === undefined ? {} : { availability_zone: zone }) }
    aggregate = await updateAggregate(client, aggregate.id, change)
  }
  if (Object.keys(metadata).length > 0) aggregate = await actOnAggregate(client, aggregate.id, { set_metadata: { metadata } })
  printOne(call, aggregate)
}

export const addHost = (call: Call): Promise<void> => withHost(call, 'add_host')
export const removeHost = (call: Call): Promise<void> => withHost(call, 'remove_host')

async function withHost(call: Call, action: string): Promise<void> {
  const client = clientOf(call)
  const { id } = await findAggregate(client, argument(call, 0))
  printOne(call, await actOnAggregate(client, id, { [action]: { host: argument(call, 1) } }))
}

export async function remove(call: Call): Promise<void> {
  const client = clientOf(call)
  const { id, name } = await findAggregate(client, argument(call, 0))
  await deleteAggregate(client, id)
  print(given(call.options, 'json'), { id, name, deleted: true }, () => `aggregate ${name} (${id}) is deleted`)
}
