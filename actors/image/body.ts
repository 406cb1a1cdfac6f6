/** Images as gateways see them, and what may be asked about them. Words are Glance's, units are ours. */
import type { Fault } from '../kernel/errors.ts'

/** Glance's words for the life of an image, but for `error`, which Glance calls killed. */
export type ImageStatus = 'queued' | 'saving' | 'active' | 'deactivated' | 'error' | 'deleted'

/**
 * Who may see it beside its project: everybody; nobody; its members; or everybody, though it is in nobody's list who does not ask
 * for community images.
 */
export const VISIBILITIES = ['public', 'private', 'shared', 'community'] as const
export type Visibility = (typeof VISIBILITIES)[number]

export const MEMBER_STATUSES = ['pending', 'accepted', 'rejected'] as const
export type MemberStatus = (typeof MEMBER_STATUSES)[number]

export interface ImageMember {
  readonly status: MemberStatus
  readonly createdAt: number
  readonly updatedAt: number
}

/** What people say of an image, beside its name and its own properties. */
export interface ImageAbout {
  readonly visibility: Visibility
  /** It cannot be deleted. */
  readonly protected: boolean
  /** It is in nobody's list who does not ask for hidden ones. */
  readonly hidden: boolean
  readonly minDiskGb: number
  readonly minRamMb: number
  readonly containerFormat: string | null
  readonly diskFormat: string | null
  readonly tags: readonly string[]
}

/** Bytes in the image store. */
export interface ImageBytes {
  /** The upload that brought them: part of the name under which the store has them. */
  readonly upload: string
  readonly sizeBytes: number
  /** MD5 and SHA-512, hex. */
  readonly checksum: string
  readonly hash: string
}

/** Driver of images that are backups of guests: no host has it, so nothing is built from one. */
export const BACKUP_DRIVER = 'guest-agent'

export interface ImageBody extends Partial<ImageAbout> {
  readonly id: string
  /** Empty for one that nobody has named. */
  readonly name: string
  /** The driver that can run it; empty when any may try. */
  readonly driver: string
  /** 0 while there are no bytes. */
  readonly sizeBytes: number
  readonly status: ImageStatus
  /** Who made it; null for the images that come with Baton. */
  readonly project: string | null
  /** The hosts that alone have its bytes; null for all of them, or for bytes in the image store, which every host can fetch. */
  readonly hosts: readonly string[] | null
  /** What clients read about it beside its name, such as `base_image_ref`; `trait:…` means what it means in a flavor's extra specs. */
  readonly properties: Readonly<Record<string, string>>
  /** The instance it is a snapshot of. */
  readonly instance: string | null
  readonly backupType: string | null
  readonly fault: Fault | null
  /** By project. Absent: none. */
  readonly members?: Readonly<Record<string, ImageMember>>
  /** Absent while there are none in the image store. */
  readonly bytes?: ImageBytes
  readonly createdAt: number
  readonly updatedAt: number
}

/** Who asks for images: a project, and whether all are to be shown to it. Absent: somebody who may see all. */
export interface ImageAsker {
  readonly project: string | null
  readonly admin: boolean
}

export const IMAGE_SORT_KEYS = ['created_at', 'updated_at', 'name', 'status', 'size', 'disk_format', 'container_format', 'id'] as const
export type ImageSortKey = (typeof IMAGE_SORT_KEYS)[number]

export interface ImageSort {
  readonly column: ImageSortKey
  readonly direction: 'asc' | 'desc'
}

/** What an image of a list must be; what is absent may be anything. Lists of values mean any of them. */
export interface ImageFilter {
  /** `all` shows community images beside the others. */
  readonly visibility?: Visibility | 'all'
  readonly memberStatus?: MemberStatus | 'all'
  readonly owner?: string
  readonly hidden?: boolean
  readonly protected?: boolean
  readonly ids?: readonly string[]
  readonly names?: readonly string[]
  readonly statuses?: readonly string[]
  readonly containerFormats?: readonly string[]
  readonly diskFormats?: readonly string[]
  /** All of these. */
  readonly tags?: readonly string[]
  readonly sizeMin?: number
  readonly sizeMax?: number
  /** What it must need, exactly. */
  readonly minDiskGb?: number
  readonly minRamMb?: number
  readonly properties?: Readonly<Record<string, string>>
  readonly created?: readonly TimeFilter[]
  readonly updated?: readonly TimeFilter[]
}

export const TIME_OPERATORS = ['gt', 'gte', 'eq', 'neq', 'lt', 'lte'] as const

export interface TimeFilter {
  readonly operator: (typeof TIME_OPERATORS)[number]
  /** Ms since 1970; compared in whole seconds, as clients see them. */
  readonly at: number
}

export interface ListImages {
  readonly limit?: number
  readonly marker?: string
  readonly sort?: readonly ImageSort[]
  readonly asker?: ImageAsker
  readonly filter?: ImageFilter
}

export interface CreateImage extends Partial<ImageAbout> {
  /** Chosen by the gateway or its client. */
  readonly id: string
  readonly name: string
  readonly project: string
  readonly driver?: string
  readonly properties: Readonly<Record<string, string>>
  /** A request that comes again is known by it. */
  readonly requestId: string
}

/** What is given replaces what was there; properties one by one. */
export interface UpdateImage extends Partial<ImageAbout> {
  readonly id: string
  readonly name?: string
  readonly setProperties?: Readonly<Record<string, string>>
  readonly unsetProperties?: readonly string[]
  readonly addTags?: readonly string[]
  readonly removeTags?: readonly string[]
}

export interface ImageApi {
  /** Newest first unless sorted. */
  listImages(args: ListImages): Promise<ImageBody[]>
  getImage(args: { id: string }): Promise<ImageBody>
  /** An image without bytes. Rejects `Conflict` for an id that was used, `QuotaExceeded` when the project may not have one more. */
  createImage(args: CreateImage): Promise<ImageBody>
  /** Rejects `Forbidden` for an image that comes with Baton. */
  updateImage(args: UpdateImage): Promise<ImageBody>
  /** Whether its bytes may be used. Rejects `Conflict` for an image that has none. */
  setImageActive(args: { id: string; active: boolean }): Promise<ImageBody>
  /** Instances made from it go on. Rejects `Forbidden` for an image that is protected or comes with Baton. */
  deleteImage(args: { id: string }): Promise<Record<string, never>>
  /** Offers a shared image to a project. Rejects `Conflict` when it is one of its members already. */
  addImageMember(args: { id: string; member: string }): Promise<ImageBody>
  /** What the project itself says to that. Rejects `NotFound` when it is no member. */
  setImageMember(args: { id: string; member: string; status: MemberStatus }): Promise<ImageBody>
  removeImageMember(args: { id: string; member: string }): Promise<ImageBody>
}

/** How the bytes of a backup are laid out only its service knows. */
export const BACKUP_FORMAT = 'guest-backup'

const FORMATS: Readonly<Record<string, string>> = { qemu: 'qcow2', [BACKUP_DRIVER]: BACKUP_FORMAT }

/** Of an image of which nobody has said more: those that come with Baton, and snapshots. */
export const aboutOf = (image: Partial<ImageAbout> & { readonly project?: string | null; readonly driver?: string }): ImageAbout => ({
  visibility: image.visibility ?? (image.project === null ? 'public' : 'private'),
  // The images that come with Baton cannot be deleted.
  protected: image.protected ?? image.project === null,
  hidden: image.hidden ?? false,
  minDiskGb: image.minDiskGb ?? 0,
  minRamMb: image.minRamMb ?? 0,
  containerFormat: image.containerFormat === undefined ? 'bare' : image.containerFormat,
  // What is written when it is made of a guest.
  diskFormat: image.diskFormat === undefined ? (FORMATS[image.driver ?? ''] ?? 'raw') : image.diskFormat,
  tags: image.tags ?? [],
})

/** Whether its size is settled: its bytes are there. */
export const hasSize = ({ status }: Pick<ImageBody, 'status'>): boolean => status === 'active' || status === 'deactivated'

/** Whether a project may know of an image, and build from it: its own, or one that is meant for it. */
export function isVisible(image: ImageBody, project: string | null): boolean {
  const { visibility } = aboutOf(image)
  if (visibility === 'public' || visibility === 'community') return true
  if (project === null) return false
  return image.project === project || (visibility === 'shared' && Object.hasOwn(image.members ?? {}, project))
}
