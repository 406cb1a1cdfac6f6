/** What a create of servers asks for, and how it is put to the cluster. */
import { type Static, Type } from 'typebox'
import type { AboutChange, InstanceAbout, InstanceBody, Placement } from '../../../actors/api.ts'
import { BatonError } from '../../../actors/kernel/errors.ts'
import type { Requester } from '../../../actors/kernel/requester.ts'
import type { HttpContext } from '../context.ts'
import { CHANGES, has, since, until } from '../requests/changes.ts'
import { badRequest } from '../requests/errors.ts'
import { ACCESS_FIELDS, AdminPass, accessOf, Count, Description, Hostname, Id, isOn, Metadata, Name, Switch, Tags } from '../requests/schemas.ts'
import { newIds } from '../requests/tokens.ts'
import { checkItems } from './metadata.ts'
import { Hints, placementOf, Zone } from './placement.ts'

const NO_NETWORK = "it must be 'none' or 'auto' (which gives none): Baton's instances have no network yet"
const Networks = Type.Union([Type.Literal('none'), Type.Literal('auto'), Type.Array(Type.Unknown(), { maxItems: 0 })], {
  description: NO_NETWORK,
})
const Reference = Type.Union([Id, Type.Integer({ minimum: 0 })], { description: 'it must be the id of a flavor' })
const BASE64 = '^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$'
export const USER_DATA = 'it must be base64 of at most 65535 characters'
export const UserData = Type.String({ maxLength: 65_535, pattern: BASE64 })

/** Nova's limits of injected files, in bytes of the file. */
const MAX_FILES = 5
const MAX_FILE_BYTES = 10_240
const Personality = Type.Array(
  Type.Object(
    {
      path: Type.String({ minLength: 1, maxLength: 255, pattern: '^[^\\p{Cc}\\p{Cs}]+$' }),
      contents: Type.String({
        maxLength: Math.ceil(MAX_FILE_BYTES / 3) * 4,
        pattern: BASE64,
        description: `it must be base64 of at most ${MAX_FILE_BYTES} bytes`,
      }),
    },
    { additionalProperties: false },
  ),
  { maxItems: MAX_FILES, description: `it must be at most ${MAX_FILES} files, each with a path and contents in base64` },
)

/** The one mapping there can be: the image, on the local disk. */
const Mapping = Type.Object(
  {
    source_type: Type.Literal('image', { description: "it must be 'image': volumes and blank disks are attached later" }),
    destination_type: Type.Optional(Type.Literal('local', { description: "it must be 'local': there are no volumes" })),
    uuid: Id,
    boot_index: Type.Optional(Type.Union([Type.Literal(0), Type.Literal('0')], { description: 'it must be 0' })),
    delete_on_termination: Type.Optional(Type.Union([Type.Literal(true), Switch], { description: 'it must be true' })),
    disk_bus: Type.Optional(Type.Union([Type.Literal('virtio'), Type.Null()], { description: "it must be 'virtio'" })),
    device_type: Type.Optional(Type.Union([Type.Literal('disk'), Type.Null()], { description: "it must be 'disk'" })),
  },
  { additionalProperties: false },
)

/** Nova's fields of a create that Baton does not have may be sent with the one value that changes nothing; others are refused. */
const HARMLESS = {
  // As Nova with enable_instance_password off: taken, and neither used nor answered. changePassword sets one.
  adminPass: AdminPass,
  block_device_mapping_v2: Type.Optional(Type.Array(Mapping, { maxItems: 1 })),
  trusted_image_certificates: Type.Optional(
    since('server.trusted-certificates', Type.Null({ description: 'images are not checked by certificates' })),
  ),
  security_groups: Type.Optional(
    Type.Array(Type.Object({ name: Type.Literal('default') }), { maxItems: 1, description: "the only security group is 'default'" }),
  ),
}

export const CreateServer = Type.Object(
  {
    server: Type.Object(
      {
        name: Name,
        flavorRef: Reference,
        imageRef: Type.Optional(Id),
        networks: Type.Optional(Networks),
        metadata: Type.Optional(Metadata),
        min_count: Type.Optional(Count),
        max_count: Type.Optional(Count),
        return_reservation_id: Type.Optional(Type.Boolean()),
        /** Baton's own; the header X-Client-Token says the same. */
        client_token: Type.Optional(Id),
        availability_zone: Type.Optional(Zone),
        host: Type.Optional(since('server.on-host', Id)),
        hypervisor_hostname: Type.Optional(since('server.on-host', Id)),
        key_name: Type.Optional(Type.Union([Name, Type.Null()])),
        user_data: Type.Optional(Type.Union([UserData, Type.Null()], { description: USER_DATA })),
        config_drive: Type.Optional(Type.Union([Type.Boolean(), Switch, Type.Literal(''), Type.Null()], { description: 'it must be true or false' })),
        description: Type.Optional(since('server.description', Description)),
        tags: Type.Optional(since('server.tags-at-create', Tags)),
        hostname: Type.Optional(since('server.hostname', Hostname)),
        personality: Type.Optional(until('personality.gone', Personality)),
        ...ACCESS_FIELDS,
        ...HARMLESS,
      },
      { additionalProperties: false },
    ),
    'os:scheduler_hints': Type.Optional(Hints),
    /** The older name of the same. */
    'OS-SCH-HNT:scheduler_hints': Type.Optional(Hints),
  },
  { additionalProperties: false },
)
export type CreateServer = Static<typeof CreateServer>

/** Throws 400 when a create does not say what it must about networks. */
export function checkNetworks({ server: { networks } }: CreateServer, minor: number): void {
  if (!has(minor, 'server.networks') || networks !== undefined) return
  throw badRequest(`Invalid input: server.networks is missing; from microversion 2.${CHANGES['server.networks'].since} on ${NO_NETWORK}.`)
}

const TOKEN = /^[\x21-\x7e]{1,255}$/
/** A name gets `-1` to `-1000` behind it when there are several. */
const SUFFIX_LENGTH = 6

/** References may be a plain id, a number, or a link that ends in the id. */
export const idOf = (field: string, reference: string | number): string => {
  const id = String(reference).split('/').at(-1) ?? ''
  if (id === '') throw badRequest(`Invalid input for ${field}: it must be an id, or a link that ends in one.`)
  return id
}

export function tokenOf(header: string | readonly string[] | undefined, inBody: string | undefined): string | undefined {
  if (header === undefined) return inBody
  if (typeof header !== 'string' || !TOKEN.test(header)) throw badRequest('X-Client-Token must be 1 to 255 printable ASCII characters, once.')
  if (inBody !== undefined && inBody !== header) throw badRequest('X-Client-Token and server.client_token differ; send one of them.')
  return header
}

function countOf(server: CreateServer['server'], limit: number): number {
  const min = server.min_count ?? 1
  const max = server.max_count ?? min
  if (min > max) throw badRequest(`Invalid input for server.min_count: it must not be greater than max_count (${min} > ${max}).`)
  if (max > limit) {
    throw new BatonError('Forbidden', `Quota exceeded for instances: requested ${max}, but one request may create at most ${limit}.`)
  }
  if (max > 1 && server.name.length > 255 - SUFFIX_LENGTH) {
    throw badRequest(`Invalid input for server.name: for several servers it may have at most ${255 - SUFFIX_LENGTH} characters.`)
  }
  return max
}

const otherRequest = () =>
  new BatonError('Conflict', 'This client token was already used for another request. Use a new token, or send the same request again.')

/** What a create names but does not exist is a mistake in its body: 400 in Nova, since the path is right. */
export function unknownReference(error: unknown): never {
  throw error instanceof BatonError && error.code === 'NotFound' ? badRequest(error.message) : error
}

/** The zone and host, as one word as Nova had it at first. */
function zoneAndHost({ availability_zone: zone, host, hypervisor_hostname: hypervisor }: CreateServer['server']): string | undefined {
  if (host !== undefined && hypervisor !== undefined && host !== hypervisor) {
    throw badRequest('Invalid input for server.hypervisor_hostname: a host has one hypervisor, of the same name; host names another.')
  }
  const wanted = host ?? hypervisor
  if (wanted === undefined) return zone
  if (zone?.includes(':')) throw badRequest('Invalid input for server.availability_zone: it names a host, and so does host.')
  return `${zone ?? ''}:${wanted}`
}

/** The image may be named by the one block device that there always is: the local disk it is written to. */
function imageOf({ imageRef, block_device_mapping_v2: mappings = [] }: CreateServer['server']): string {
  const [root, more] = mappings
  if (more || (root && (root.boot_index ?? 0) !== 0)) {
    throw badRequest('Invalid input for server.block_device_mapping_v2: an instance is created with its one disk; attach others later.')
  }
  const image = imageRef ?? root?.uuid
  if (image === undefined || image === '') throw badRequest('Invalid input: server.imageRef is missing.')
  if (root && root.uuid !== image) throw badRequest('Invalid input for server.block_device_mapping_v2[0].uuid: it is another image than imageRef.')
  return image
}

/** What of a change is there to begin with. */
const given = ({ accessIPv4, accessIPv6, diskConfig }: AboutChange): InstanceAbout => ({
  ...(accessIPv4 ? { accessIPv4 } : {}),
  ...(accessIPv6 ? { accessIPv6 } : {}),
  ...(diskConfig === undefined ? {} : { diskConfig }),
})

/** What the owner says and gives to the guest. Rejects 400 when there is no such key pair. */
async function aboutOf({ api }: HttpContext, server: CreateServer['server'], user: string): Promise<InstanceAbout | null> {
  const { description, user_data: userData, hostname, config_drive: drive, key_name: key, personality: files = [] } = server
  const pair = key ? await api.getKeyPair({ user, name: key }).catch(unknownReference) : null
  const about: InstanceAbout = {
    ...(description ? { description } : {}),
    ...(userData ? { userData } : {}),
    ...(hostname === undefined ? {} : { hostname }),
    // Files reach a guest by its config drive alone, so who has some has one.
    ...(isOn(drive || undefined) || files.length > 0 ? { configDrive: true } : {}),
    ...(files.length > 0 ? { files } : {}),
    ...given(accessOf(server)),
    ...(pair ? { keyPair: { name: pair.name, type: pair.type, publicKey: pair.publicKey } } : {}),
  }
  return Object.keys(about).length > 0 ? about : null
}

/** Null when there is no such instance. */
async function find(context: HttpContext, id: string): Promise<InstanceBody | null> {
  try {
    return await context.api.getInstance({ id })
  } catch (error) {
    if (error instanceof BatonError && error.code === 'NotFound') return null
    throw error
  }
}

export async function createServers(
  context: HttpContext,
  { server, 'os:scheduler_hints': newer, 'OS-SCH-HNT:scheduler_hints': older }: CreateServer,
  from: {
    readonly project: string
    readonly user: string
    readonly token: string | undefined
    readonly requestId: string
    readonly by?: Requester
    /** Rejects `NotFound` when who asks may not know of this image, or of what the placement names. */
    check(image: string, placement: Placement): Promise<void>
  },
): Promise<readonly InstanceBody[]> {
  const { project, token, requestId, by } = from
  const count = countOf(server, context.limits.maxInstancesPerRequest)
  await checkItems(context.api, project, server.metadata)
  const placement = placementOf(zoneAndHost(server), { ...older, ...newer })
  const image = idOf('server.imageRef', imageOf(server))
  await from.check(image, placement ?? {}).catch(unknownReference)
  const about = await aboutOf(context, server, from.user)
  const wanted = {
    name: server.name,
    flavor: idOf('server.flavorRef', server.flavorRef),
    image,
    metadata: server.metadata ?? {},
    ...(placement ? { placement } : {}),
    ...(server.tags ? { tags: server.tags } : {}),
    ...(about ? { about } : {}),
  }
  const { ids, reservation } = newIds(project, token, count, JSON.stringify([wanted, count]))
  const [first] = ids
  // With one id a token that was used for something else shows in the answer. With several, those that the other
  // request did not have would be created before it shows, so look first.
  if (token !== undefined && count > 1 && first !== undefined) {
    const existing = await find(context, first)
    if (existing && existing.reservation !== reservation) throw otherRequest()
  }
  const asked = { ids, ...wanted, project, reservation, requestId, ...(by ? { by } : {}), repeatable: token !== undefined }
  const created = await context.api.createInstances(asked).catch(unknownReference)
  if (created.some(instance => instance.reservation !== reservation)) throw otherRequest()
  return created
}
