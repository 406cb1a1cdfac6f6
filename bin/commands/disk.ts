/** `baton disk list`, `attach`, `detach` and `delete` */
import { randomUUID } from 'node:crypto'
import type { DiskBody } from '../../actors/api.ts'
import { argument, type Call, given, integer, text } from '../call.ts'
import { attachDisk, deleteDisk, detachDisk, listDisks } from '../client/devices.ts'
import { endpointOf } from '../client/endpoint.ts'
import { httpClient } from '../client/http.ts'
import { findInstance } from '../client/resolve.ts'
import { type Column, print, printList } from '../output/table.ts'
import { conclude } from './conclude.ts'

const COLUMNS: readonly Column<DiskBody>[] = [
  ['ID', d => d.id],
  ['SIZE GB', d => d.sizeGb],
  ['STATUS', d => d.status],
  ['HOST', d => d.host],
  ['INSTANCE', d => d.instance],
]

export async function list(call: Call): Promise<void> {
  const client = httpClient(endpointOf(call.options))
  const reference = text(call.options, 'instance')
  const instance = reference === undefined ? undefined : (await findInstance(client, reference)).id
  printList(given(call.options, 'json'), COLUMNS, await listDisks(client, instance))
}

export async function attach(call: Call): Promise<void> {
  const client = httpClient(endpointOf(call.options))
  const instance = await findInstance(client, argument(call, 0))
  const volumeId = call.args[1] ?? randomUUID()
  const asked = { volumeId, size: integer(call.options, 'size', 1), device: text(call.options, 'device') }
  const { device, requestId } = await attachDisk(client, instance.id, asked)
  const line = () => `${instance.name} (${instance.id}): attach disk ${volumeId}${device === null ? '' : ` as ${device}`}`
  await conclude(call, client, instance, requestId, { disk: volumeId, device }, line)
}

export async function detach(call: Call): Promise<void> {
  const client = httpClient(endpointOf(call.options))
  const instance = await findInstance(client, argument(call, 0))
  const disk = argument(call, 1)
  const requestId = await detachDisk(client, instance.id, disk)
  await conclude(call, client, instance, requestId, { disk }, () => `${instance.name} (${instance.id}): detach disk ${disk}`)
}

export async function remove(call: Call): Promise<void> {
  const id = argument(call, 0)
  await deleteDisk(httpClient(endpointOf(call.options)), id)
  print(given(call.options, 'json'), { id, deleted: true }, () => `disk ${id} is deleted`)
}
