/** Bytes of images in memory, for tests and the simulator: what `folder-store.ts` does, without a folder. */
import { createHash } from 'node:crypto'
import { BatonError } from '../../actors/kernel/errors.ts'
import { type BlobLook, type ImageStore, isBlobName } from '../../actors/kernel/image-store.ts'

interface Kept {
  readonly whole: boolean
  readonly bytes: Uint8Array
}

const hex = (algorithm: string, bytes: Uint8Array): string => createHash(algorithm).update(bytes).digest('hex')

export function memoryImageStore(): ImageStore {
  const blobs = new Map<string, Kept>()

  function find(blob: string): Kept {
    if (!isBlobName(blob)) throw new BatonError('BadRequest', `${JSON.stringify(blob.slice(0, 80))} is not the name of an upload`)
    const found = blobs.get(blob)
    if (!found) throw new BatonError('NotFound', `there is no upload ${blob}: it was given up, or its image is deleted`)
    return found
  }

  const lookAt = (blob: string, { whole, bytes }: Kept): BlobLook => ({
    blob,
    whole,
    sizeBytes: bytes.length,
    progress: `${whole}:${bytes.length}`,
  })

  return {
    async begin(blob) {
      if (!isBlobName(blob)) find(blob)
      if (!blobs.has(blob)) blobs.set(blob, { whole: false, bytes: new Uint8Array() })
      return { sizeBytes: find(blob).bytes.length }
    },
    async write(blob, offset, bytes) {
      const { whole, bytes: before } = find(blob)
      if (whole) throw new BatonError('NotFound', `upload ${blob} is finished`)
      if (offset > before.length) throw new BatonError('Unavailable', `upload ${blob} has ${before.length} bytes`, { retryAfterMs: 20 })
      const after = new Uint8Array(Math.max(before.length, offset + bytes.length))
      after.set(before)
      after.set(bytes, offset)
      blobs.set(blob, { whole, bytes: after })
      return { sizeBytes: after.length }
    },
    async finish(blob, sizeBytes) {
      const { bytes } = find(blob)
      if (bytes.length !== sizeBytes)
        throw new BatonError('Conflict', `upload ${blob} has ${bytes.length} bytes, not the ${sizeBytes} that were sent`)
      blobs.set(blob, { whole: true, bytes })
      return { state: 'done', sizeBytes, checksum: hex('md5', bytes), hash: hex('sha512', bytes) }
    },
    async look(blob) {
      const found = blobs.get(blob)
      return found ? lookAt(blob, found) : null
    },
    async read(blob, offset, length) {
      const { whole, bytes } = find(blob)
      if (!whole) throw new BatonError('NotFound', `upload ${blob} is not finished`)
      return bytes.slice(offset, offset + length)
    },
    async remove(blob) {
      blobs.delete(blob)
    },
    list: async () => [...blobs].map(([blob, kept]) => lookAt(blob, kept)),
  }
}
