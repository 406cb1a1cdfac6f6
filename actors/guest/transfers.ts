/**
 * Bytes of backups on their way out of a guest and into one, through its channel and in small pieces that the host asks for one by one: so a
 * guest can never send more than it was asked for, and whatever breaks in the middle goes on from where it was.
 */
import type { ImageSource, MadeImage } from '../hypervisor/images.ts'
import { createLooks, type Sending, type SendingLook } from '../hypervisor/looks.ts'
import type { Json } from '../kernel/define.ts'
import type { Env } from '../kernel/env.ts'
import { BatonError } from '../kernel/errors.ts'
import { type BackupKind, type BackupReport, CHUNK_BYTES } from './contract.ts'
import type { Guests } from './guests.ts'

const PIECE_MS = 20_000
/** A service that puts a backup in its place stands still for as long. */
const APPLY_MS = 120_000

export interface BackupRequest {
  readonly instance: string
  readonly backup: string
  readonly kind: BackupKind
  /** The backup that an incremental one builds on. */
  readonly parent: string | null
}

/** How far a backup is that its guest makes. */
export interface BackupLook {
  readonly done: boolean
  readonly sizeBytes: number
  readonly checksum: string
}

export interface Transfers {
  /** Has the guest make a backup, or looks how far it is. Rejects `GuestFailed` when it could not. */
  backup(request: BackupRequest, waitMs: number): Promise<BackupLook>
  /** The bytes of a backup that its guest has made. Rejects `Unavailable` while it makes it. */
  open(request: BackupRequest): Promise<MadeImage>
  /** The guest need not keep it any more. A guest that is away forgets it by itself. */
  forget(instance: string, backup: string): Promise<void>
  /** Puts backups into a guest, the full one first; or looks how far that is. */
  restore(request: { readonly instance: string; readonly restore: string; readonly images: readonly string[] }, waitMs: number): Promise<SendingLook>
}

export function createTransfers(env: Pick<Env, 'setTimer'>, guests: Guests, images: ImageSource | undefined): Transfers {
  const lookAt = createLooks(env)

  function failed(instance: string, { backup, message }: BackupReport): BatonError {
    return new BatonError('GuestFailed', `guest ${instance} could not make backup ${backup}: ${message ?? 'no reason given'}`)
  }

  async function* read(instance: string, { backup, sizeBytes }: BackupReport, from: number): AsyncGenerator<Uint8Array> {
    for (let offset = from; offset < sizeBytes; ) {
      const length = Math.min(CHUNK_BYTES, sizeBytes - offset)
      const bytes = dataIn(await guests.session(instance).command('backup.read', { backup, offset, length }, PIECE_MS))
      if (bytes.length !== length)
        throw new BatonError('GuestFailed', `guest ${instance} gave ${bytes.length} bytes of a backup instead of ${length}`)
      yield bytes
      offset += length
    }
  }

  async function put(instance: string, restore: string, list: readonly string[], progress: Sending): Promise<void> {
    if (!images) throw new BatonError('DriverUnsupported', 'this host fetches no images, and backups are images')
    const ask = (method: string, args: Readonly<Record<string, Json>>, timeoutMs = PIECE_MS) =>
      guests.session(instance).command(method, { restore, ...args }, timeoutMs)
    for (const [part, image] of list.entries()) {
      await images.use(image, instance, async local => {
        const begun = await ask('restore.begin', { part, parts: list.length, sizeBytes: local.sizeBytes })
        progress.totalBytes += local.sizeBytes
        for (let offset = Math.min(offsetIn(begun), local.sizeBytes); offset < local.sizeBytes; ) {
          const bytes = await local.read(offset, Math.min(CHUNK_BYTES, local.sizeBytes - offset))
          if (bytes.length === 0) throw new BatonError('DriverFault', `image ${image} ended before its ${local.sizeBytes} bytes`)
          await ask('restore.write', { part, offset, data: Buffer.from(bytes).toString('base64') })
          offset += bytes.length
          progress.sentBytes += bytes.length
        }
      })
    }
    await ask('restore.end', { parts: list.length }, APPLY_MS)
  }

  async function look({ instance, backup, kind, parent }: BackupRequest, waitMs: number): Promise<BackupReport | null> {
    const session = guests.session(instance)
    if (session.backup(backup)?.state !== 'COMPLETED') {
      // Told again, an agent says again how far it is.
      await session.command('backup.begin', { backup, kind, parent }, PIECE_MS)
      if (session.backup(backup)?.state !== 'COMPLETED') await guests.change(instance, waitMs)
    }
    const found = session.backup(backup)
    if (found?.state === 'FAILED') throw failed(instance, found)
    return found
  }

  return {
    async backup(request, waitMs) {
      const found = await look(request, waitMs)
      return { done: found?.state === 'COMPLETED', sizeBytes: found?.sizeBytes ?? 0, checksum: found?.checksum ?? '' }
    },
    async open(request) {
      const found = await look(request, PIECE_MS)
      if (found?.state !== 'COMPLETED') throw new BatonError('Unavailable', `guest ${request.instance} still makes backup ${request.backup}`)
      return { sizeBytes: found.sizeBytes, hash: found.checksum, read: from => read(request.instance, found, from) }
    },
    async forget(instance, backup) {
      await guests
        .session(instance)
        .command('backup.end', { backup }, PIECE_MS)
        .catch(() => null)
    },
    restore: ({ instance, restore, images: list }, waitMs) => lookAt(restore, waitMs, progress => put(instance, restore, list, progress)),
  }
}

function dataIn(value: Json): Uint8Array {
  const data = typeof value === 'object' && value !== null && 'data' in value ? value.data : null
  return typeof data === 'string' ? Buffer.from(data, 'base64') : new Uint8Array()
}

const offsetIn = (value: Json): number => {
  const offset = typeof value === 'object' && value !== null && 'offset' in value ? value.offset : 0
  return typeof offset === 'number' && Number.isSafeInteger(offset) && offset >= 0 ? offset : 0
}
