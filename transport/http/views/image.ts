/** An image in Glance's words. Its links are relative to the endpoint, without `/image`, as Glance has them. */
import type { ImageBody } from '../../../actors/api.ts'
import { PROJECT } from '../context.ts'
import { isoSeconds } from './time.ts'

/** Properties stand beside Glance's own fields, which they cannot replace. */
export const imageDetail = (image: ImageBody) => ({
  ...image.properties,
  id: image.id,
  name: image.name,
  status: image.status,
  visibility: image.project === null ? 'public' : 'private',
  // The images that come with Baton cannot be deleted.
  protected: image.project === null,
  os_hidden: false,
  owner: image.project ?? PROJECT,
  size: image.status === 'active' ? image.sizeBytes : null,
  virtual_size: null,
  container_format: 'bare',
  disk_format: 'raw',
  checksum: null,
  min_disk: 0,
  min_ram: 0,
  tags: [],
  baton_driver: image.driver,
  ...(image.hosts ? { baton_hosts: image.hosts } : {}),
  ...(image.fault ? { baton_fault: image.fault.message } : {}),
  created_at: isoSeconds(image.createdAt),
  updated_at: isoSeconds(image.updatedAt),
  self: `/v2/images/${encodeURIComponent(image.id)}`,
  file: `/v2/images/${encodeURIComponent(image.id)}/file`,
  schema: '/v2/schemas/image',
})
