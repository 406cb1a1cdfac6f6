/** `baton interface list`, `attach` and `detach` */
import { argument, type Call, given, text } from '../call.ts'
import { attachPort, detachPort, listPorts, type Port } from '../client/devices.ts'
import { endpointOf } from '../client/endpoint.ts'
import { httpClient } from '../client/http.ts'
import { findInstance } from '../client/resolve.ts'
import { type Column, printList } from '../output/table.ts'
import { conclude } from './conclude.ts'

const COLUMNS: readonly Column<Port>[] = [
  ['ID', p => p.id],
  ['NETWORK', p => p.network],
  ['MAC', p => p.mac],
  ['STATE', p => p.state],
]

export async function list(call: Call): Promise<void> {
  const client = httpClient(endpointOf(call.options))
  const instance = await findInstance(client, argument(call, 0))
  printList(given(call.options, 'json'), COLUMNS, await listPorts(client, instance.id))
}

export async function attach(call: Call): Promise<void> {
  const client = httpClient(endpointOf(call.options))
  const instance = await findInstance(client, argument(call, 0))
  const { port, requestId } = await attachPort(client, instance.id, text(call.options, 'network'))
  const { id, network, mac } = port
  const line = () => `${instance.name} (${instance.id}): attach interface ${id} with ${mac} on ${network}`
  await conclude(call, client, instance, requestId, { interface: id, network, mac }, line)
}

export async function detach(call: Call): Promise<void> {
  const client = httpClient(endpointOf(call.options))
  const instance = await findInstance(client, argument(call, 0))
  const port = argument(call, 1)
  const requestId = await detachPort(client, instance.id, port)
  await conclude(call, client, instance, requestId, { interface: port }, () => `${instance.name} (${instance.id}): detach interface ${port}`)
}
