/** How the bytes of an image come to a host: permission and digest first, then the bytes, and at the end the proof that they are right. */
import { createHash } from 'node:crypto'
import { BatonError } from '../../actors/kernel/errors.ts'
import type { ImageDescription } from './bytes.ts'
import { PIECE_MS, readPieces, type StoreCall } from './pieces.ts'

const isDescription = (value: unknown): value is ImageDescription =>
  typeof value === 'object' && value !== null && 'upload' in value && 'hash' in value && 'sizeBytes' in value

/** Rejects `DriverFault` when this host has no instance that may use the image, or the image no bytes. */
export async function describeImage(call: StoreCall, image: string, instance: string): Promise<ImageDescription> {
  try {
    const found = await call(image, 'describe', { image, instance }, PIECE_MS)
    if (isDescription(found)) return found
  } catch (error) {
    if (!(error instanceof BatonError) || error.code !== 'NotFound') throw error
    throw new BatonError('DriverFault', `image ${image} cannot be fetched: ${error.message}`)
  }
  throw new BatonError('DriverFault', `nobody could say what image ${image} is`)
}

/**
 * Hands the bytes to `take`, one piece after the other; `instance`: for which a host wants them.
 * Rejects `DriverFault` when they are not those that were uploaded.
 */
export async function fetchBytes(
  call: StoreCall,
  image: string,
  instance: string | null,
  { upload, sizeBytes, hash }: ImageDescription,
  take: (bytes: Uint8Array) => Promise<void>,
): Promise<void> {
  const sha512 = createHash('sha512')
  for await (const bytes of readPieces(call, { image, upload, ...(instance === null ? {} : { instance }), from: 0, to: sizeBytes })) {
    sha512.update(bytes)
    await take(bytes)
  }
  const found = sha512.digest('hex')
  if (found !== hash)
    throw new BatonError(
      'DriverFault',
      `image ${image} came with the SHA-512 ${found.slice(0, 16)}… instead of ${hash.slice(0, 16)}…; it is not used`,
    )
}
