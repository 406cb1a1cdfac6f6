/** An image in Glance's words. Its links are relative to the endpoint, without `/image`, as Glance has them. */
import type { ImageBody } from '../../../actors/api.ts'
import { PROJECT } from '../context.ts'
import { isoSeconds } from './time.ts'

export const imageDetail = (image: ImageBody) => ({
  id: image.id,
  name: image.name,
  status: 'active',
  visibility: 'public',
  protected: false,
  os_hidden: false,
  owner: PROJECT,
  size: image.sizeBytes,
  virtual_size: null,
  container_format: 'bare',
  disk_format: 'raw',
  checksum: null,
  min_disk: 0,
  min_ram: 0,
  tags: [],
  baton_driver: image.driver,
  created_at: isoSeconds(image.createdAt),
  updated_at: isoSeconds(image.createdAt),
  self: `/v2/images/${encodeURIComponent(image.id)}`,
  file: `/v2/images/${encodeURIComponent(image.id)}/file`,
  schema: '/v2/schemas/image',
})
