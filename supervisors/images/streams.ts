/**
 * The gateway's part of uploads and downloads: it hands pieces on and keeps none. A piece that is not answered is sent again, to whoever
 * serves the image's shard by then; the store knows by its offset what it has already.
 */
import type { ImageBody } from '../../actors/api.ts'
import type { Env } from '../../actors/kernel/env.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import type { Committed } from './bytes.ts'
import { PIECE_MS, readPieces, type StoreCall, sendPieces } from './pieces.ts'

export interface Upload {
  readonly image: string
  /** Null when nobody has said. */
  readonly sizeBytes: number | null
  /** MD5 in hex that the bytes must have, or null. */
  readonly checksum: string | null
}

export interface ImageStreams {
  /**
   * Resolves when the image is active. When it rejects, or `body` does, the image is queued again. Rejects `Conflict` for an image that
   * is not queued, `Overloaded` when too many streams go through this gateway.
   */
  upload(upload: Upload, body: AsyncIterable<Uint8Array>): Promise<ImageBody>
  /** Bytes `from` to before `to`. Throws `Conflict` for an image that has none. */
  download(image: ImageBody, range: { readonly from: number; readonly to: number }): AsyncGenerator<Uint8Array>
}

/** Uploads and downloads at once: each holds a few pieces in memory. */
const STREAMS_MAX = 32
/** Pause between two looks at a commit that takes long, ms. */
const COMMIT_LOOK_MS = 250

/** `onPassed` hears how many bytes have gone through. */
export function createImageStreams(env: Pick<Env, 'uuid' | 'setTimer'>, call: StoreCall, onPassed: (bytes: number) => void = () => {}): ImageStreams {
  let streams = 0

  function enter(): () => void {
    if (streams >= STREAMS_MAX) throw new BatonError('Overloaded', `${STREAMS_MAX} images go through this gateway already`, { retryAfterMs: 5000 })
    streams++
    return () => void streams--
  }

  const pause = (ms: number): Promise<void> => new Promise(resolve => env.setTimer(ms, resolve))

  async function commit(args: { image: string; upload: string; sizeBytes: number; checksum: string | null }): Promise<ImageBody> {
    for (;;) {
      const answer = (await call(args.image, 'commit', args, PIECE_MS)) as Committed
      if (answer.state === 'active') return answer.image
      await pause(COMMIT_LOOK_MS)
    }
  }

  return {
    async upload({ image, sizeBytes, checksum }, body) {
      const leave = enter()
      const upload = env.uuid()
      try {
        await call(image, 'begin', { image, upload, ...(sizeBytes === null ? {} : { sizeBytes }) }, PIECE_MS)
        try {
          const end = await sendPieces(call, { image, upload }, body, onPassed)
          if (sizeBytes !== null && end !== sizeBytes)
            throw new BatonError('BadRequest', `${end} bytes came, not the ${sizeBytes} that were announced`)
          return await commit({ image, upload, sizeBytes: end, checksum })
        } catch (error) {
          // Lost, this is made good by the image itself, which sees that nothing comes any more.
          call(image, 'abort', { image, upload }, PIECE_MS).catch(() => {})
          throw error
        }
      } finally {
        leave()
      }
    },
    async *download({ id, bytes }, range) {
      if (!bytes) throw new BatonError('Conflict', `image ${id} has no bytes in the image store`)
      const leave = enter()
      try {
        for await (const piece of readPieces(call, { image: id, upload: bytes.upload, ...range })) {
          yield piece
          onPassed(piece.length)
        }
      } finally {
        leave()
      }
    },
  }
}
