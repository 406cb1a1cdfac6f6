/** Disks and interfaces over HTTP. What begins an operation answers with the request's id. */
import type { DiskBody } from '../../actors/api.ts'
import { type Guard, isAnything, isNumber, isText, listOf, nullable, oneOf, shape } from './guards.ts'
import type { Client } from './http.ts'
import { listAll } from './pages.ts'

const isDisk: Guard<DiskBody> = shape({
  id: isText,
  sizeGb: isNumber,
  host: isText,
  status: oneOf('attached', 'available', 'deleted'),
  instance: nullable(isText),
  createdAt: isNumber,
  updatedAt: isNumber,
})

const isPort = shape({ port_id: isText, net_id: isText, mac_addr: isText, port_state: isText })

export interface Port {
  readonly id: string
  readonly network: string
  readonly mac: string
  readonly state: string
}

const portOf = (port: typeof isPort extends Guard<infer T> ? T : never): Port => ({
  id: port.port_id,
  network: port.net_id,
  mac: port.mac_addr,
  state: port.port_state,
})

const server = (id: string): string => `/compute/v2.1/servers/${encodeURIComponent(id)}`

export const listDisks = (client: Client, instance: string | undefined): Promise<DiskBody[]> =>
  listAll(client, { path: '/baton/v1/disks', name: 'disks', item: isDisk, query: { instance } })

export async function deleteDisk(client: Client, id: string): Promise<void> {
  await client.request('DELETE', `/baton/v1/disks/${encodeURIComponent(id)}`, isAnything)
}

/** Rejects `Conflict` when the disk is attached already, or is on another host. */
export async function attachDisk(
  client: Client,
  instance: string,
  disk: { readonly volumeId: string; readonly size: number | undefined; readonly device: string | undefined },
): Promise<{ device: string | null; requestId: string | null }> {
  const guard = shape({ volumeAttachment: shape({ device: nullable(isText) }) })
  const answer = await client.request('POST', `${server(instance)}/os-volume_attachments`, guard, { body: { volumeAttachment: disk } })
  return { device: answer.body.volumeAttachment.device, requestId: answer.requestId }
}

export async function detachDisk(client: Client, instance: string, disk: string): Promise<string | null> {
  const path = `${server(instance)}/os-volume_attachments/${encodeURIComponent(disk)}`
  // Not repeated: the first may have been accepted, and would make the second a conflict.
  return (await client.request('DELETE', path, isAnything, { repeatable: false })).requestId
}

export async function listPorts(client: Client, instance: string): Promise<Port[]> {
  const answer = await client.request('GET', `${server(instance)}/os-interface`, shape({ interfaceAttachments: listOf(isPort) }))
  return answer.body.interfaceAttachments.map(portOf)
}

export async function attachPort(client: Client, instance: string, network: string | undefined): Promise<{ port: Port; requestId: string | null }> {
  const body = { interfaceAttachment: network === undefined ? {} : { net_id: network } }
  const answer = await client.request('POST', `${server(instance)}/os-interface`, shape({ interfaceAttachment: isPort }), { body })
  return { port: portOf(answer.body.interfaceAttachment), requestId: answer.requestId }
}

export async function detachPort(client: Client, instance: string, port: string): Promise<string | null> {
  const path = `${server(instance)}/os-interface/${encodeURIComponent(port)}`
  return (await client.request('DELETE', path, isAnything, { repeatable: false })).requestId
}
