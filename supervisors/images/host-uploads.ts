/**
 * Uploads of what this host made of its guests. Each goes on by itself and is looked at from time to time by the operation that wants it;
 * after a restart of the agent the next look begins it again, where the store says that it had come to.
 */
import type { Transfers } from '../../actors/guest/transfers.ts'
import type { HypervisorDriver } from '../../actors/hypervisor/driver.ts'
import type { ImageUploads, UploadLook, UploadRequest } from '../../actors/hypervisor/images.ts'
import type { Env } from '../../actors/kernel/env.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import type { Committed } from './bytes.ts'
import { PIECE_MS, type StoreCall, sendPieces } from './pieces.ts'

interface Running {
  sentBytes: number
  totalBytes: number
  readonly ended: Promise<void>
}

const COMMIT_LOOK_MS = 250

/** `guests`: where backups that a guest has made come from; left out, there are none. */
export function createHostUploads(
  env: Pick<Env, 'setTimer'>,
  call: StoreCall,
  driver: Pick<HypervisorDriver, 'name' | 'openImage'>,
  guests?: Pick<Transfers, 'open'>,
): ImageUploads {
  const running = new Map<string, Running>()
  const pause = (ms: number): Promise<void> => new Promise(resolve => env.setTimer(ms, resolve))

  async function opened({ image, backup }: UploadRequest) {
    if (backup && guests) return guests.open(backup)
    if (backup || !driver.openImage) throw new BatonError('DriverUnsupported', `the ${driver.name} driver has no images to upload`)
    return driver.openImage(image)
  }

  async function send(request: UploadRequest, progress: { sentBytes: number; totalBytes: number }): Promise<void> {
    const { image, upload } = request
    const made = await opened(request)
    progress.totalBytes = made.sizeBytes
    const { sizeBytes: there } = (await call(image, 'begin', { image, upload, sizeBytes: made.sizeBytes }, PIECE_MS)) as { sizeBytes: number }
    const offset = Math.min(there, made.sizeBytes)
    progress.sentBytes = offset
    const end = await sendPieces(call, { image, upload, offset }, made.read(offset), bytes => {
      progress.sentBytes += bytes
    })
    const said = made.hash === undefined ? {} : { hash: made.hash }
    for (;;) {
      const answer = (await call(image, 'commit', { image, upload, sizeBytes: end, ...said }, PIECE_MS)) as Committed
      if (answer.state === 'active') return
      await pause(COMMIT_LOOK_MS)
    }
  }

  return {
    async look(request): Promise<UploadLook> {
      const { upload, waitMs } = request
      const progress = { sentBytes: 0, totalBytes: 0 }
      const known = running.get(upload)
      const mine: Running = known ?? Object.assign(progress, { ended: send(request, progress) })
      if (!known) {
        running.set(upload, mine)
        mine.ended.then(
          () => running.delete(upload),
          () => running.delete(upload),
        )
      }
      const done = await Promise.race([mine.ended.then(() => true), pause(waitMs).then(() => false)])
      return { done, sentBytes: mine.sentBytes, totalBytes: mine.totalBytes }
    },
  }
}
