/**
 * Uploads of what this host made of its guests. Each goes on by itself and is looked at from time to time by the operation that wants it;
 * after a restart of the agent the next look begins it again, where the store says that it had come to.
 */
import type { Transfers } from '../../actors/guest/transfers.ts'
import type { HypervisorDriver } from '../../actors/hypervisor/driver.ts'
import type { ImageUploads, UploadRequest } from '../../actors/hypervisor/images.ts'
import { createLooks, type Sending } from '../../actors/hypervisor/looks.ts'
import type { Env } from '../../actors/kernel/env.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import type { Committed } from './bytes.ts'
import { PIECE_MS, type StoreCall, sendPieces } from './pieces.ts'

const COMMIT_LOOK_MS = 250

/** `guests`: where backups that a guest has made come from; left out, there are none. */
export function createHostUploads(
  env: Pick<Env, 'setTimer'>,
  call: StoreCall,
  driver: Pick<HypervisorDriver, 'name' | 'openImage'>,
  guests?: Pick<Transfers, 'open'>,
): ImageUploads {
  const look = createLooks(env)
  const pause = (ms: number): Promise<void> => new Promise(resolve => env.setTimer(ms, resolve))

  async function opened({ image, backup }: UploadRequest) {
    if (backup && guests) return guests.open(backup)
    if (backup || !driver.openImage) throw new BatonError('DriverUnsupported', `the ${driver.name} driver has no images to upload`)
    return driver.openImage(image)
  }

  async function send(request: UploadRequest, progress: Sending): Promise<void> {
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

  return { look: request => look(request.upload, request.waitMs, progress => send(request, progress)) }
}
