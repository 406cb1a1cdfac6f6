/** `baton image list` */
import { type Call, given } from '../call.ts'
import { endpointOf } from '../client/endpoint.ts'
import { httpClient } from '../client/http.ts'
import { type Image, listImages } from '../client/nova.ts'
import { type Column, printList } from '../output/table.ts'

const COLUMNS: readonly Column<Image>[] = [
  ['ID', i => i.id],
  ['NAME', i => i.name],
  ['STATUS', i => i.status],
  ['BYTES', i => i.sizeBytes],
]

export async function list(call: Call): Promise<void> {
  printList(given(call.options, 'json'), COLUMNS, await listImages(httpClient(endpointOf(call.options))))
}
