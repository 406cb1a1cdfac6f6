/** `baton flavor list`, `show`, `create` and `delete` */
import { BatonError } from '../../actors/kernel/errors.ts'
import { argument, type Call, given, integer, type Options, text } from '../call.ts'
import { endpointOf } from '../client/endpoint.ts'
import { httpClient } from '../client/http.ts'
import { createFlavor, deleteFlavor, type Flavor, listFlavors } from '../client/nova.ts'
import { findNamed } from '../client/resolve.ts'
import { type Column, card, print, printList } from '../output/table.ts'

const COLUMNS: readonly Column<Flavor>[] = [
  ['ID', f => f.id],
  ['NAME', f => f.name],
  ['VCPUS', f => f.vcpus],
  ['RAM MB', f => f.ramMb],
  ['DISK GB', f => f.diskGb],
]

export async function list(call: Call): Promise<void> {
  printList(given(call.options, 'json'), COLUMNS, await listFlavors(httpClient(endpointOf(call.options))))
}

export async function show(call: Call): Promise<void> {
  const flavor = findNamed('flavor', argument(call, 0), await listFlavors(httpClient(endpointOf(call.options))))
  print(given(call.options, 'json'), flavor, () => card(COLUMNS, flavor))
}

export async function create(call: Call): Promise<void> {
  const flavor = await createFlavor(httpClient(endpointOf(call.options)), {
    name: argument(call, 0),
    id: text(call.options, 'id'),
    vcpus: size(call.options, 'vcpus', 1),
    ramMb: size(call.options, 'ram', 1),
    diskGb: size(call.options, 'disk', 0),
  })
  print(given(call.options, 'json'), flavor, () => card(COLUMNS, flavor))
}

function size(options: Options, name: string, min: number): number {
  const value = integer(options, name, min)
  if (value === undefined) throw new BatonError('BadRequest', `--${name} is needed`)
  return value
}

export async function remove(call: Call): Promise<void> {
  const client = httpClient(endpointOf(call.options))
  const flavor = findNamed('flavor', argument(call, 0), await listFlavors(client))
  await deleteFlavor(client, flavor.id)
  print(given(call.options, 'json'), { id: flavor.id, name: flavor.name, deleted: true }, () => `flavor ${flavor.name} (${flavor.id}) is deleted`)
}
