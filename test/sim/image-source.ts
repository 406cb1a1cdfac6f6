/** Images as simulated hosts have them: fetched from the store, compared with their digest, and kept in no file. */
import { FAKE_IMAGE } from '../../actors/hypervisor/drivers/images.ts'
import type { ImageSource } from '../../actors/hypervisor/images.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { describeImage, fetchBytes } from '../../supervisors/images/fetch.ts'
import type { StoreCall } from '../../supervisors/images/pieces.ts'

/** The image that instances are made of, where they have agents; `optional`: nobody waits for one. */
export const withAgent = (word: 'required' | 'optional') => ({ ...FAKE_IMAGE, properties: { baton_agent: word } })

/** `store`: undefined while the host's agent is starting. */
export const imagesOver = (store: () => StoreCall | undefined): ImageSource => ({
  async use(image, instance, task) {
    const call = store()
    if (!call) throw new BatonError('Unavailable', 'the agent of this host is starting')
    const found = await describeImage(call, image, instance)
    const pieces: Uint8Array[] = []
    await fetchBytes(call, image, instance, found, async bytes => void pieces.push(bytes))
    const bytes = Buffer.concat(pieces)
    return task({
      ...{ sizeBytes: bytes.length, path: null, format: null },
      head: async max => bytes.subarray(0, max),
      read: async (offset, length) => bytes.subarray(offset, offset + length),
    })
  },
})
