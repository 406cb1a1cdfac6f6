/**
 * The bytes of images, as conductors serve them: pieces come in from gateways and from hosts that upload a snapshot, and go out to
 * gateways and to hosts that build. Any conductor can serve any piece, since all reach the same store; what an image *is*, its actor says.
 *
 * A host is the least trusted of all: it is given the bytes of an image only for an instance that has room there, and whose project may
 * use that image; and it uploads only what an operation makes of an instance there.
 */
import { aboutOf, type ImageBody, type InstanceBody, isVisible } from '../../actors/api.ts'
import { address } from '../../actors/kernel/address.ts'
import { type Check, checkObject, integer, optional, text } from '../../actors/kernel/check.ts'
import type { Sender } from '../../actors/kernel/define.ts'
import type { Env } from '../../actors/kernel/env.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { blobOf, type ImageStore, PIECE_BYTES } from '../../actors/kernel/image-store.ts'
import type { Views } from '../../actors/kernel/ports.ts'
import type { Quotas } from '../requests/quotas.ts'

export interface BytesOptions {
  readonly env: Pick<Env, 'monotonicMs'>
  /** Undefined where none is configured. */
  readonly store: ImageStore | undefined
  readonly views: Views
  readonly quotas: Quotas
  /** Largest image, bytes. */
  readonly maxBytes: number
  call(kind: string, id: string, method: string, args: unknown): Promise<unknown>
}

/** Serves one message to `image-store/<image>`. */
export type ImageBytesService = (method: string, args: unknown, from: Sender) => Promise<unknown>

const ANY = Number.MAX_SAFE_INTEGER
const image = text(64)
const upload = text(128)
const isPiece: Check = value =>
  value instanceof Uint8Array && value.length > 0 && value.length <= 2 * PIECE_BYTES ? null : `must be 1 to ${2 * PIECE_BYTES} bytes`

const CHECKS = {
  begin: checkObject({ image, upload, sizeBytes: optional(integer(0, ANY)) }),
  write: checkObject({ image, upload, offset: integer(0, ANY), bytes: isPiece }),
  commit: checkObject({ image, upload, sizeBytes: integer(0, ANY), checksum: optional(text(64)), hash: optional(text(128)) }),
  abort: checkObject({ image, upload }),
  describe: checkObject({ image, instance: text(128) }),
  read: checkObject({ image, upload, offset: integer(0, ANY), length: integer(1, 2 * PIECE_BYTES), instance: optional(text(128)) }),
  look: checkObject({ image, upload }),
  discard: checkObject({ image, upload }),
  list: checkObject({}),
} as const satisfies Record<string, Check>

/** Who may ask for what; conductors ask for themselves and for the actors they have. */
const FROM: Readonly<Record<keyof typeof CHECKS, readonly Sender['role'][]>> = {
  begin: ['gateway', 'compute'],
  write: ['gateway', 'compute'],
  commit: ['gateway', 'compute'],
  abort: ['gateway', 'compute'],
  describe: ['compute'],
  read: ['gateway', 'compute'],
  look: ['conductor'],
  discard: ['conductor'],
  list: ['conductor'],
}

type Method = keyof typeof CHECKS

/** Methods that change nothing. */
export const isImageRead = (method: string): boolean => method === 'read' || method === 'look' || method === 'list'

interface Args {
  readonly image: string
  readonly upload: string
  readonly instance: string
  readonly offset: number
  readonly length: number
  readonly bytes: Uint8Array
  readonly sizeBytes: number | null
  readonly checksum?: string | null
  /** SHA-512 that whoever made the bytes says they have. */
  readonly hash?: string | null
}

/** How long a host that may read an image may go on without being looked at again, ms. */
const PERMIT_MS = 30_000
const PERMITS_MAX = 10_000

/** What the store answers to a commit. */
export type Committed = { readonly state: 'active'; readonly image: ImageBody } | { readonly state: 'hashing'; readonly hashedBytes: number }

/** What a host must know before it fetches. */
export interface ImageDescription {
  readonly upload: string
  readonly sizeBytes: number
  readonly hash: string
  /** As its owner has said; absent from a conductor of before. */
  readonly diskFormat?: string | null
  /** Image whose kernel starts it, as its property `kernel_id` says; absent: it starts by itself. */
  readonly kernel?: string
}

export function createImageBytes({ env, store: configured, views, quotas, maxBytes, call }: BytesOptions): ImageBytesService {
  /** What hosts may read and write, and until when nobody looks again. */
  const permits = new Map<string, number>()

  const bodyOf = async (id: string): Promise<ImageBody> => (await call('image', id, 'get', {})) as ImageBody

  async function take(id: string, project: string | null, sizeBytes: number | null) {
    if (project === null || sizeBytes === null || sizeBytes === 0) return null
    return quotas.take(project, [address('image', id)], { image_count_total: 1, image_size_total: Math.ceil(sizeBytes / 1024 ** 2) })
  }

  /** Tells the image with so much of its project's quota taken. */
  async function tellWith(id: string, sizeBytes: number | null, method: string, args: object): Promise<ImageBody> {
    const { project } = await bodyOf(id)
    const taken = await take(id, project, sizeBytes)
    try {
      const body = (await call('image', id, method, { ...args, ...(taken ? { quota: taken.number } : {}) })) as ImageBody
      taken?.confirm()
      return body
    } catch (error) {
      taken?.doubt()
      throw error
    }
  }

  async function begin(store: ImageStore, { image, upload, sizeBytes = null }: Args) {
    checkSize(sizeBytes ?? 0)
    await tellWith(image, sizeBytes, 'beginUpload', { upload, sizeBytes })
    return store.begin(blobOf(image, upload))
  }

  function checkSize(sizeBytes: number): void {
    if (sizeBytes <= maxBytes) return
    throw new BatonError('TooLarge', `an image has at most ${maxBytes} bytes (images.maxGb), not ${sizeBytes}`)
  }

  async function commit(store: ImageStore, { image, upload, sizeBytes, checksum = null, hash: said = null }: Args): Promise<Committed> {
    const bytes = sizeBytes ?? 0
    const found = await store.finish(blobOf(image, upload), bytes)
    if (found.state === 'hashing') return found
    if (checksum !== null && checksum !== found.checksum) {
      await call('image', image, 'failUpload', { upload })
      throw new BatonError('BadRequest', `the bytes have the MD5 ${found.checksum}, not ${checksum} as was said; upload them again`)
    }
    if (said !== null && said !== found.hash) {
      await call('image', image, 'failUpload', { upload })
      throw new BatonError('BadRequest', `the bytes have the SHA-512 ${found.hash.slice(0, 16)}…, not ${said.slice(0, 16)}… as their maker has said`)
    }
    const { checksum: md5, hash } = found
    return { state: 'active', image: await tellWith(image, bytes, 'finishUpload', { upload, sizeBytes: bytes, checksum: md5, hash }) }
  }

  /** Rejects `NotFound` unless this host has that instance, and the instance's project may use the image. */
  async function permit(host: string, id: string, instance: string): Promise<void> {
    await remembered(`${host} ${id} > ${instance}`, async () => {
      const [image, row] = await Promise.all([bodyOf(id), views.get('instance', instance)])
      const { project, host: at, image: from } = (row?.body as InstanceBody | undefined) ?? { project: null, host: null, image: '' }
      const isThere = row !== null && (at === host || (await hasClaim(host, instance)))
      if (isThere && (from === id || isVisible(image, project))) return
      throw new BatonError('NotFound', `host ${host} has no instance ${instance} that may use image ${id}`)
    })
  }

  /** Looks at a permission once in a while, not for every piece. */
  async function remembered(key: string, check: () => Promise<void>): Promise<void> {
    const now = env.monotonicMs()
    if ((permits.get(key) ?? 0) > now) return
    await check()
    permits.set(key, now + PERMIT_MS)
    for (const [oldest, until] of permits) {
      if (until > now && permits.size <= PERMITS_MAX) break
      permits.delete(oldest)
    }
  }

  async function hasClaim(host: string, instance: string): Promise<boolean> {
    const claims = (await call('host', host, 'claims', {})) as Record<string, { readonly instance: string }>
    return Object.values(claims).some(claim => claim.instance === instance)
  }

  /** A host uploads only what an operation makes of an instance that it has. */
  async function checkUploader({ role, node }: Sender, { image, upload }: Args): Promise<void> {
    if (role !== 'compute') return
    await remembered(`${node} ${image} < ${upload}`, async () => {
      const { instance } = await bodyOf(image)
      const row = instance === null ? null : await views.get('instance', instance)
      if (row && upload.startsWith(`${instance}.`) && (row.body as InstanceBody).host === node) return
      throw new BatonError('NotFound', `host ${node} makes no image ${image}`)
    })
  }

  async function serve(store: ImageStore, method: Method, args: Args, from: Sender): Promise<unknown> {
    const blob = blobOf(args.image, args.upload)
    switch (method) {
      case 'begin':
        await checkUploader(from, args)
        return begin(store, args)
      case 'write':
        await checkUploader(from, args)
        checkSize(args.offset + args.bytes.length)
        return store.write(blob, args.offset, args.bytes)
      case 'commit':
        await checkUploader(from, args)
        return commit(store, args)
      case 'abort':
        return call('image', args.image, 'failUpload', { upload: args.upload })
      case 'describe': {
        await permit(from.node, args.image, args.instance)
        const body = await bodyOf(args.image)
        const { bytes, status } = body
        if (!bytes || status !== 'active')
          throw new BatonError('NotFound', `image ${args.image} is ${status}, and there are no bytes of it to be had`)
        const { upload, sizeBytes, hash } = bytes
        const { kernel_id: kernel } = body.properties
        return { upload, sizeBytes, hash, diskFormat: aboutOf(body).diskFormat, ...(kernel ? { kernel } : {}) } satisfies ImageDescription
      }
      case 'read':
        if (from.role === 'compute') await permit(from.node, args.image, args.instance)
        return store.read(blob, args.offset, args.length)
      case 'look':
        return store.look(blob)
      case 'discard':
        await store.remove(blob)
        return null
      case 'list':
        return store.list()
    }
  }

  return async (method, args, from) => {
    if (!isMethod(method) || !FROM[method].includes(from.role)) {
      throw new BatonError('UnknownMethod', `the image store has no method ${method} for a ${from.role}`)
    }
    const wrong = CHECKS[method](args)
    if (wrong) throw new BatonError('BadRequest', `image-store.${method}: ${wrong}`)
    if (!configured) throw new BatonError('DriverUnsupported', 'this cluster has no image store; set images.folder for its conductors')
    return serve(configured, method, args as Args, from)
  }
}

const isMethod = (name: string): name is Method => Object.hasOwn(CHECKS, name)
