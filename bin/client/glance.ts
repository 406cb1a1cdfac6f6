/** Images in the shapes of Glance, and what the CLI makes of them. */
import { type Guard, isAnything, isFlag, isNumber, isText, listOf, nullable, optional, shape } from './guards.ts'
import type { Client } from './http.ts'
import { listAll } from './pages.ts'

export interface Image {
  readonly id: string
  readonly name: string
  readonly status: string
  readonly sizeBytes: number | null
  readonly visibility: string | null
  /** The instance it was made of, what kind of copy it is, and the image that instance was made from. */
  readonly instance: string | null
  readonly type: string | null
  readonly backupType: string | null
  readonly baseImage: string | null
  /** The hosts that have it; null for all of them. */
  readonly hosts: readonly string[] | null
  readonly fault: string | null
  /** SHA-512 of its bytes, hex. */
  readonly hash: string | null
  readonly tags: readonly string[]
  readonly protected: boolean
  readonly createdAt: string | null
}

const isGlanceImage = shape({
  id: isText,
  name: nullable(isText),
  status: optional(isText),
  size: optional(nullable(isNumber)),
  visibility: optional(isText),
  instance_uuid: optional(isText),
  image_type: optional(isText),
  backup_type: optional(isText),
  base_image_ref: optional(isText),
  baton_hosts: optional(listOf(isText)),
  baton_fault: optional(isText),
  os_hash_value: optional(nullable(isText)),
  tags: optional(listOf(isText)),
  protected: optional(isFlag),
  created_at: optional(isText),
})

const imageOf = (image: typeof isGlanceImage extends Guard<infer T> ? T : never): Image => ({
  id: image.id,
  name: image.name ?? '',
  status: image.status ?? 'active',
  sizeBytes: image.size ?? null,
  visibility: image.visibility ?? null,
  instance: image.instance_uuid ?? null,
  type: image.image_type ?? null,
  backupType: image.backup_type ?? null,
  baseImage: image.base_image_ref ?? null,
  hosts: image.baton_hosts ?? null,
  fault: image.baton_fault ?? null,
  hash: image.os_hash_value ?? null,
  tags: image.tags ?? [],
  protected: image.protected ?? false,
  createdAt: image.created_at ?? null,
})

export async function listImages(client: Client): Promise<Image[]> {
  const images = await listAll(client, { path: '/image/v2/images', name: 'images', item: isGlanceImage })
  return images.map(imageOf)
}

/** Rejects `NotFound`, or `Forbidden` for an image that comes with Baton. */
export async function deleteImage(client: Client, id: string): Promise<void> {
  await client.request('DELETE', `/image/v2/images/${encodeURIComponent(id)}`, isAnything)
}

const pathOf = (id: string): string => `/image/v2/images/${encodeURIComponent(id)}`

/** An image without bytes; `fields` in Glance's words. */
export async function registerImage(client: Client, fields: Readonly<Record<string, unknown>>): Promise<Image> {
  return imageOf((await client.request('POST', '/image/v2/images', isGlanceImage, { body: fields })).body)
}

export async function getImage(client: Client, id: string): Promise<Image> {
  return imageOf((await client.request('GET', pathOf(id), isGlanceImage)).body)
}

/** Each field as it is to be; null takes a property away. */
export async function updateImage(client: Client, id: string, fields: Readonly<Record<string, unknown>>): Promise<Image> {
  const body = Object.entries(fields).map(([name, value]) => {
    const path = `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
    return value === null ? { op: 'remove', path } : { op: 'add', path, value }
  })
  const headers = { 'content-type': 'application/openstack-images-v2.1-json-patch' }
  return imageOf((await client.request('PATCH', pathOf(id), isGlanceImage, { body, headers, repeatable: true })).body)
}

export const uploadImage = (client: Client, id: string, bytes: AsyncIterable<Uint8Array>, sizeBytes: number): Promise<void> =>
  client.upload(`${pathOf(id)}/file`, bytes, sizeBytes)

export const downloadImage = (client: Client, id: string) => client.download(`${pathOf(id)}/file`)
