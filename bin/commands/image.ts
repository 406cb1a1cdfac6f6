/** `baton image list`, `show` and `delete` */
import { argument, type Call, given } from '../call.ts'
import { endpointOf } from '../client/endpoint.ts'
import { deleteImage, type Image, listImages } from '../client/glance.ts'
import { httpClient } from '../client/http.ts'
import { findNamed } from '../client/resolve.ts'
import { type Column, card, print, printList } from '../output/table.ts'

const COLUMNS: readonly Column<Image>[] = [
  ['ID', i => i.id],
  ['NAME', i => i.name],
  ['STATUS', i => i.status],
  ['BYTES', i => i.sizeBytes],
  ['TYPE', i => i.backupType ?? i.type],
  ['HOSTS', i => i.hosts?.join(', ') ?? 'all'],
]

const DETAILS: readonly Column<Image>[] = [
  ...COLUMNS,
  ['VISIBILITY', i => i.visibility],
  ['PROTECTED', i => (i.protected ? 'yes' : 'no')],
  ['TAGS', i => i.tags.join(', ')],
  ['SHA-512', i => i.hash],
  ['INSTANCE', i => i.instance],
  ['BASE IMAGE', i => i.baseImage],
  ['CREATED', i => i.createdAt],
  ['FAULT', i => i.fault],
]

export async function list(call: Call): Promise<void> {
  printList(given(call.options, 'json'), COLUMNS, await listImages(httpClient(endpointOf(call.options))))
}

export async function show(call: Call): Promise<void> {
  const image = findNamed('image', argument(call, 0), await listImages(httpClient(endpointOf(call.options))))
  print(given(call.options, 'json'), image, () => card(DETAILS, image))
}

export async function remove(call: Call): Promise<void> {
  const client = httpClient(endpointOf(call.options))
  const image = findNamed('image', argument(call, 0), await listImages(client))
  await deleteImage(client, image.id)
  print(given(call.options, 'json'), { id: image.id, name: image.name, deleted: true }, () => `image ${image.name} (${image.id}) is deleted`)
}
