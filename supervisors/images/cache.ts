/**
 * Images that this host has fetched: a folder with one file each, named by image and digest, whole from the rename on. Ten guests that want
 * one at once cause one fetch. When there is no room, those that were used longest ago go, but none that a guest or a task uses.
 */
import { mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import type { ImageSource, LocalImage } from '../../actors/hypervisor/images.ts'
import type { Env } from '../../actors/kernel/env.ts'
import { BatonError, toFault } from '../../actors/kernel/errors.ts'
import type { ImageDescription } from './bytes.ts'
import { describeImage, fetchBytes } from './fetch.ts'
import type { StoreCall } from './pieces.ts'

export interface ImageCacheOptions {
  readonly env: Pick<Env, 'log' | 'wallMs'>
  readonly folder: string
  readonly limitBytes: number
  readonly call: StoreCall
  /** Images that guests here need as long as they exist. */
  inUse(): Promise<readonly string[]>
}

interface Entry {
  readonly name: string
  readonly image: string
  readonly sizeBytes: number
}

const PART = '.part'
const NAME = /^([A-Za-z0-9-]{1,64})\.([0-9a-f]{32})$/

export async function openImageCache({ env, folder, limitBytes, call, inUse }: ImageCacheOptions): Promise<ImageSource> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const fetching = new Map<string, Promise<void>>()
  /** Tasks that use each file. */
  const users = new Map<string, number>()
  /** Used longest ago first. */
  const entries = new Map<string, Entry>()
  /** Bytes that are on their way. */
  let coming = 0
  await recall()

  /** What an earlier agent has fetched; what it began is begun anew. */
  async function recall(): Promise<void> {
    const found: (Entry & { readonly usedMs: number })[] = []
    for (const name of await readdir(folder)) {
      const [, image] = NAME.exec(name) ?? []
      if (name.endsWith(PART)) await rm(join(folder, name), { force: true })
      if (image === undefined) continue
      const { size, mtimeMs } = await stat(join(folder, name))
      found.push({ name, image, sizeBytes: size, usedMs: mtimeMs })
    }
    for (const { usedMs: _, ...entry } of found.sort((a, b) => a.usedMs - b.usedMs)) entries.set(entry.name, entry)
  }

  function touch(entry: Entry): void {
    entries.delete(entry.name)
    entries.set(entry.name, entry)
    const at = new Date(env.wallMs())
    utimes(join(folder, entry.name), at, at).catch(error => env.log.debug({ fault: toFault(error) }, 'the use of an image was not noted'))
  }

  async function makeRoom(sizeBytes: number): Promise<void> {
    if (sizeBytes > limitBytes)
      throw new BatonError('DriverFault', `an image of ${sizeBytes} bytes does not fit: this host keeps ${limitBytes} (images.cacheGb)`)
    const needed = new Set(await inUse())
    const total = () => [...entries.values()].reduce((sum, entry) => sum + entry.sizeBytes, coming)
    for (const entry of [...entries.values()]) {
      if (total() + sizeBytes <= limitBytes) return
      if (needed.has(entry.image) || users.has(entry.name)) continue
      entries.delete(entry.name)
      await rm(join(folder, entry.name), { force: true })
      env.log.info({ image: entry.image, bytes: entry.sizeBytes }, 'an image that was not used for longest was thrown away')
    }
    if (total() + sizeBytes > limitBytes) {
      throw new BatonError(
        'DriverFault',
        `there is no room for an image of ${sizeBytes} bytes: guests use what fills the ${limitBytes} of images.cacheGb`,
      )
    }
  }

  async function fetch(image: string, instance: string, name: string, found: ImageDescription): Promise<void> {
    await makeRoom(found.sizeBytes)
    coming += found.sizeBytes
    const file = join(folder, name)
    try {
      const handle = await open(`${file}${PART}`, 'w', 0o600)
      try {
        await fetchBytes(call, image, instance, found, async bytes => {
          for (let done = 0; done < bytes.length; ) done += (await handle.write(bytes, done)).bytesWritten
        })
        await handle.sync()
      } finally {
        await handle.close()
      }
      await rename(`${file}${PART}`, file)
      entries.set(name, { name, image, sizeBytes: found.sizeBytes })
    } catch (error) {
      await rm(`${file}${PART}`, { force: true })
      throw error
    } finally {
      coming -= found.sizeBytes
    }
  }

  /** The file of an image, fetched once however many ask. */
  async function ensure(image: string, instance: string): Promise<{ entry: Entry; found: ImageDescription }> {
    const found = await describeImage(call, image, instance)
    const name = `${image}.${found.hash.slice(0, 32)}`
    if (!NAME.test(name)) throw new BatonError('DriverFault', `image ${image} has an id or digest that cannot be a file name`)
    if (!entries.has(name)) {
      const under = fetching.get(name) ?? fetch(image, instance, name, found).finally(() => fetching.delete(name))
      fetching.set(name, under)
      await under
    }
    const entry = entries.get(name)
    // Thrown away between two turns of this very process; whoever asks again fetches it again.
    if (!entry) throw new BatonError('Unavailable', `image ${image} had to make room for another`)
    return { entry, found }
  }

  return {
    async use(image, instance, task) {
      const { entry, found } = await ensure(image, instance)
      users.set(entry.name, (users.get(entry.name) ?? 0) + 1)
      try {
        touch(entry)
        return await task(localImage(join(folder, entry.name), entry.sizeBytes, found))
      } finally {
        const left = (users.get(entry.name) ?? 1) - 1
        if (left > 0) users.set(entry.name, left)
        else users.delete(entry.name)
      }
    },
  }
}

const localImage = (path: string, sizeBytes: number, { diskFormat, kernel }: ImageDescription): LocalImage => ({
  path,
  format: diskFormat ?? null,
  kernel: kernel ?? null,
  sizeBytes,
  head: maxBytes => readFrom(path, 0, maxBytes),
  read: (offset, length) => readFrom(path, offset, length),
})

async function readFrom(path: string, offset: number, length: number): Promise<Uint8Array> {
  const handle = await open(path, 'r')
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, offset)
    return buffer.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}
