/** What an image is in Glance's words, as JSON Schema: what clients may send, and the documents under /v2/schemas that say so. */
import { MEMBER_STATUSES, VISIBILITIES } from '../../../actors/api.ts'

export const CONTAINER_FORMATS = ['ami', 'ari', 'aki', 'bare', 'ovf', 'ova', 'docker', 'compressed'] as const
export const DISK_FORMATS = ['ami', 'ari', 'aki', 'vhd', 'vhdx', 'vmdk', 'raw', 'qcow2', 'vdi', 'iso', 'ploop'] as const

const MAX_INT32 = 2 ** 31 - 1
const TEXT = '^[^\\u0000\\p{Cs}]*$'

/** What may be given when an image is made, and changed later. */
export const WRITABLE = {
  name: { type: ['null', 'string'], maxLength: 255, pattern: TEXT, description: 'Descriptive name for the image' },
  visibility: { type: 'string', enum: [...VISIBILITIES], description: `it must be one of ${VISIBILITIES.join(', ')}` },
  protected: { type: 'boolean', description: 'If true, image will not be deletable.' },
  os_hidden: { type: 'boolean', description: 'If true, image will not appear in default image list response.' },
  container_format: {
    type: ['null', 'string'],
    enum: [null, ...CONTAINER_FORMATS],
    description: `it must be one of ${CONTAINER_FORMATS.join(', ')}`,
  },
  disk_format: { type: ['null', 'string'], enum: [null, ...DISK_FORMATS], description: `it must be one of ${DISK_FORMATS.join(', ')}` },
  min_disk: { type: 'integer', minimum: 0, maximum: MAX_INT32, description: 'Amount of disk space (in GB) required to boot image.' },
  min_ram: { type: 'integer', minimum: 0, maximum: MAX_INT32, description: 'Amount of ram (in MB) required to boot image.' },
  tags: {
    type: 'array',
    items: { type: 'string', minLength: 1, maxLength: 255, pattern: TEXT },
    description: 'List of strings related to the image',
  },
} as const

const UUID = '^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$'

const readOnly = (type: string | readonly string[], description: string) => ({ type, readOnly: true, description })

/** What the image service says by itself. */
const READ_ONLY = {
  status: { ...readOnly('string', 'Status of the image'), enum: ['queued', 'saving', 'active', 'killed', 'deleted', 'deactivated'] },
  owner: { type: ['null', 'string'], maxLength: 255, description: 'Owner of the image' },
  size: readOnly(['null', 'integer'], 'Size of image file in bytes'),
  virtual_size: readOnly(['null', 'integer'], 'Virtual size of image in bytes'),
  checksum: readOnly(['null', 'string'], 'md5 hash of image contents.'),
  os_hash_algo: readOnly(['null', 'string'], 'Algorithm to calculate the os_hash_value'),
  os_hash_value: readOnly(['null', 'string'], 'Hexdigest of the image contents using the algorithm specified by the os_hash_algo'),
  created_at: readOnly('string', 'Date and time of image registration'),
  updated_at: readOnly('string', 'Date and time of the last image modification'),
  self: readOnly('string', 'An image self url'),
  file: readOnly('string', 'An image file url'),
  schema: readOnly('string', 'An image schema url'),
} as const

/** Names that a property of one's own cannot have. */
const RESERVED: ReadonlySet<string> = new Set([...Object.keys(READ_ONLY), 'id', 'direct_url', 'locations', 'stores', 'first', 'next', 'members'])

/** Glance keeps names that begin with os_glance_ for itself. */
export const isReserved = (name: string): boolean => RESERVED.has(name) || name.startsWith('os_glance_')

export const PROPERTY = {
  type: 'string',
  maxLength: 65_535,
  pattern: TEXT,
  description: 'a property of an image is text of at most 65535 characters',
} as const

/** Of the body that makes an image. */
export const CREATE_BODY = {
  type: 'object',
  properties: {
    ...WRITABLE,
    id: { type: 'string', pattern: UUID, description: 'it must be a UUID' },
    owner: { type: 'string', maxLength: 64 },
  },
  additionalProperties: PROPERTY,
  maxProperties: 256,
} as const

export const MEMBER_BODY = {
  type: 'object',
  required: ['member'],
  properties: { member: { type: 'string', pattern: '^[a-zA-Z0-9_-]{1,64}$', description: 'it must be the id of a project' } },
} as const

export const MEMBER_STATUS_BODY = {
  type: 'object',
  required: ['status'],
  properties: { status: { type: 'string', enum: [...MEMBER_STATUSES], description: `it must be one of ${MEMBER_STATUSES.join(', ')}` } },
} as const

const IMAGE_SCHEMA = {
  name: 'image',
  properties: { id: { type: 'string', pattern: UUID, description: 'An identifier for the image' }, ...WRITABLE, ...READ_ONLY },
  additionalProperties: { type: 'string' },
  links: [
    { rel: 'self', href: '{self}' },
    { rel: 'enclosure', href: '{file}' },
    { rel: 'describedby', href: '{schema}' },
  ],
}

const MEMBER_SCHEMA = {
  name: 'member',
  properties: {
    member_id: { type: 'string', description: 'An identifier for the image member (tenantId)' },
    image_id: { type: 'string', pattern: UUID, description: 'An identifier for the image' },
    created_at: { type: 'string', description: 'Date and time of image member creation' },
    updated_at: { type: 'string', description: 'Date and time of last modification of image member' },
    status: { type: 'string', enum: [...MEMBER_STATUSES], description: 'The status of this image member' },
    schema: { type: 'string', readOnly: true },
  },
}

const collection = (name: string, item: object) => ({
  name,
  properties: {
    [name]: { type: 'array', items: item },
    first: { type: 'string' },
    next: { type: 'string' },
    schema: { type: 'string' },
  },
  links: [
    { rel: 'first', href: '{first}' },
    { rel: 'next', href: '{next}' },
    { rel: 'describedby', href: '{schema}' },
  ],
})

export const SCHEMA_DOCUMENTS: Readonly<Record<string, object>> = {
  image: IMAGE_SCHEMA,
  images: collection('images', IMAGE_SCHEMA),
  member: MEMBER_SCHEMA,
  members: { name: 'members', properties: { members: { type: 'array', items: MEMBER_SCHEMA }, schema: { type: 'string' } }, links: [] },
}

/** Whether a field of a checked body is a property of the client's own. */
export const isProperty = (name: string, value: unknown): value is string => !Object.hasOwn(WRITABLE, name) && typeof value === 'string'
