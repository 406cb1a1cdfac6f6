/** An image in Glance's words. Its links are relative to the endpoint, without `/image`, as Glance has them. */
import { aboutOf, hasSize, type ImageBody } from '../../../actors/api.ts'
import { PROJECT } from '../context.ts'
import { isoSeconds } from './time.ts'

/** Properties stand beside Glance's own fields, which they cannot replace. */
export function imageDetail(image: ImageBody) {
  const about = aboutOf(image)
  const { bytes } = image
  return {
    ...image.properties,
    id: image.id,
    name: image.name === '' ? null : image.name,
    status: image.status === 'error' ? 'killed' : image.status,
    visibility: about.visibility,
    protected: about.protected,
    os_hidden: about.hidden,
    owner: image.project ?? PROJECT,
    size: hasSize(image) ? image.sizeBytes : null,
    virtual_size: null,
    container_format: about.containerFormat,
    disk_format: about.diskFormat,
    checksum: bytes?.checksum ?? null,
    os_hash_algo: bytes ? 'sha512' : null,
    os_hash_value: bytes?.hash ?? null,
    min_disk: about.minDiskGb,
    min_ram: about.minRamMb,
    tags: about.tags,
    ...(image.driver === '' ? {} : { baton_driver: image.driver }),
    ...(image.hosts ? { baton_hosts: image.hosts } : {}),
    ...(image.fault ? { baton_fault: image.fault.message } : {}),
    created_at: isoSeconds(image.createdAt),
    updated_at: isoSeconds(image.updatedAt),
    self: `/v2/images/${encodeURIComponent(image.id)}`,
    file: `/v2/images/${encodeURIComponent(image.id)}/file`,
    schema: '/v2/schemas/image',
  }
}

export function memberDetail(image: ImageBody, member: string) {
  const { status = 'pending', createdAt = 0, updatedAt = 0 } = image.members?.[member] ?? {}
  return {
    image_id: image.id,
    member_id: member,
    status,
    created_at: isoSeconds(createdAt),
    updated_at: isoSeconds(updatedAt),
    schema: '/v2/schemas/member',
  }
}
