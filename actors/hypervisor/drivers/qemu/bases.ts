/**
 * What disks are made of. An image is taken into the driver's own folder before it is used, by a second name for the same file where that can
 * be: so it stays as long as a disk is read through to it, whatever becomes of the cache or the snapshot it came from.
 *
 *     bases/<image>.<format>  bases/<image>.kernel  bases/<image>.initrd   images/<image>.qcow2  images/<image>.json (made here)
 */
import { chmodSync, constants, createReadStream } from 'node:fs'
import { access, copyFile, link, mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { BatonError } from '../../../kernel/errors.ts'
import type { MadeImage } from '../../images.ts'
import { checkBlobId } from '../blobs.ts'
import { keyedQueue } from '../queue.ts'
import { parseWith, QemuRootSchema } from '../records.ts'
import { builtImage, verified } from './built.ts'
import type { Root } from './command-line.ts'
import { showTo } from './guest-files.ts'
import { HEAD_BYTES, inspectImage } from './qcow2.ts'
import type { User } from './tools.ts'

/** An image of the image service, on this host while it is used. */
export interface FetchedImage {
  readonly path: string
  /** As it was said when it was uploaded. */
  readonly format: string
  /** Built image whose kernel starts it; absent or null: it starts by itself. */
  readonly kernel?: string | null
}

/** Where images come from that were not made on this host. */
export type FetchImage = <T>(image: string, instance: string, task: (found: FetchedImage) => Promise<T>) => Promise<T>

export interface Bases {
  /** Does `task` with what a guest boots from; none of it goes meanwhile. `virtualBytes` is the least its disk has. Rejects `DriverFault`. */
  use<T>(image: string, instance: string, task: (root: Root, virtualBytes: number) => Promise<T>): Promise<T>
  /** Has `fetch` write a file of ours (`bases/<image>.<format>`) that comes from another host, unless it is here already. */
  bring(file: string, fetch: (part: string) => Promise<void>): Promise<void>
  /** Takes a file as an image; what boots it is that of the guest it was made of. Answers with its size. */
  keep(image: string, file: string, root: Root): Promise<number>
  sizeOf(image: string): Promise<number | null>
  /** The bytes of an image that was made here. */
  open(image: string): Promise<MadeImage>
  remove(image: string): Promise<void>
  /** Lets go of all that no guest is made of. */
  tidy(roots: readonly Root[]): Promise<void>
}

export interface BaseOptions {
  readonly folder: string
  /** Of images that were built on this host. */
  readonly built: string
  readonly user: User | null
  readonly fetch: FetchImage | undefined
}

const parseRoot = parseWith(QemuRootSchema)
const NO_DISK = 0

export async function openBases({ folder, built, user, fetch }: BaseOptions): Promise<Bases> {
  const bases = join(folder, 'bases')
  const images = join(folder, 'images')
  for (const each of [bases, images, join(folder, 'disks')]) {
    await mkdir(each, { recursive: true })
    // QEMU of another user finds in it what it is told of, and cannot list it.
    chmodSync(each, user ? 0o711 : 0o700)
  }
  const holding = new Map<string, number>()
  /** Guests made at the same moment take the same image in once. */
  const inTurn = keyedQueue()
  const imageFile = (image: string, kind: 'qcow2' | 'json'): string => {
    checkBlobId(image)
    return join(images, `${image}.${kind}`)
  }

  /** A file under a name of ours. It may be there already: an image does not change. */
  const takeIn = (path: string, name: string): Promise<string> =>
    inTurn(name, async () => {
      const own = join(bases, name)
      const there = await access(own).then(
        () => true,
        () => false,
      )
      if (!there) {
        // Another file system, or one that has no second names.
        await link(path, own).catch(async () => {
          await copyFile(path, `${own}.part`, constants.COPYFILE_FICLONE)
          await rename(`${own}.part`, own)
        })
      }
      showTo(own, user)
      return `bases/${name}`
    })

  async function fromDisk(image: string, path: string, format: string, kernel: Root['kernel']): Promise<{ root: Root; virtualBytes: number }> {
    const { size } = await stat(path)
    const found = inspectImage(image, format, await headOf(path), size)
    const file = await takeIn(path, `${image}.${found.format}`)
    return { root: { base: { file, format: found.format }, kernel }, virtualBytes: found.virtualBytes }
  }

  /** What starts a built image; null: there is none of that id. */
  async function kernelOf(image: string): Promise<Root['kernel']> {
    const own = await builtImage(built, image)
    if (!own) return null
    const kernel = await takeIn(await verified(built, own.kernel), `${image}.kernel`)
    const initrd = await takeIn(await verified(built, own.initrd), `${image}.initrd`)
    return { kernel, initrd, append: own.append }
  }

  async function find<T>(image: string, instance: string, task: (root: Root, virtualBytes: number) => Promise<T>): Promise<T> {
    const made = await readFile(imageFile(image, 'json'), 'utf8').catch(() => null)
    if (made !== null) {
      const from = parseRoot(JSON.parse(made))
      if (!from) throw new BatonError('DriverFault', `${imageFile(image, 'json')} is not what was written there`)
      const { root, virtualBytes } = await fromDisk(image, imageFile(image, 'qcow2'), 'qcow2', from.kernel)
      return task(root, virtualBytes)
    }
    const own = await kernelOf(image)
    if (own) return task({ base: null, kernel: own }, NO_DISK)
    if (!fetch) {
      throw new BatonError('DriverFault', `image ${image} is not on this host; \`npm run images\` builds the one that comes with Baton`)
    }
    return fetch(image, instance, async ({ path, format, kernel }) => {
      const starts = kernel ? await kernelOf(kernel) : null
      if (kernel && !starts) {
        throw new BatonError(
          'DriverFault',
          `image ${image} is started by the kernel of image ${kernel} (kernel_id), which was not built on this host`,
        )
      }
      const { root, virtualBytes } = await fromDisk(image, path, format, starts)
      return task(root, virtualBytes)
    })
  }

  return {
    async use(image, instance, task) {
      checkBlobId(image)
      holding.set(image, (holding.get(image) ?? 0) + 1)
      try {
        return await find(image, instance, task)
      } finally {
        const left = (holding.get(image) ?? 1) - 1
        if (left > 0) holding.set(image, left)
        else holding.delete(image)
      }
    },
    bring: (file, fetch) =>
      inTurn(basename(file), async () => {
        const own = join(bases, basename(file))
        const there = await access(own).then(
          () => true,
          () => false,
        )
        if (there) return
        await fetch(`${own}.part`)
        await rename(`${own}.part`, own)
        showTo(own, user)
      }),
    async keep(image, file, { kernel }) {
      await writeFile(imageFile(image, 'json'), JSON.stringify({ base: null, kernel }), { mode: 0o600 })
      await rename(file, imageFile(image, 'qcow2'))
      showTo(imageFile(image, 'qcow2'), user)
      return (await stat(imageFile(image, 'qcow2'))).size
    },
    sizeOf: image =>
      stat(imageFile(image, 'qcow2')).then(
        ({ size }) => size,
        () => null,
      ),
    async open(image) {
      const path = imageFile(image, 'qcow2')
      const { size: sizeBytes } = await stat(path).catch(() => {
        throw new BatonError('NotFound', `image ${image} is not on this host`)
      })
      return { sizeBytes, read: start => createReadStream(path, { start }) }
    },
    async remove(image) {
      await rm(imageFile(image, 'json'), { force: true })
      await rm(imageFile(image, 'qcow2'), { force: true })
    },
    async tidy(roots) {
      const needed = new Set(roots.flatMap(({ base, kernel }) => [base?.file, kernel?.kernel, kernel?.initrd]))
      // Images made here may need the system of another.
      for (const name of await readdir(images)) {
        const kernel = name.endsWith('.json') ? parseRoot(JSON.parse(await readFile(join(images, name), 'utf8')))?.kernel : null
        if (kernel) for (const file of [kernel.kernel, kernel.initrd]) needed.add(file)
      }
      for (const name of await readdir(bases)) {
        const isHeld = [...holding.keys()].some(image => name.startsWith(`${image}.`))
        if (!needed.has(`bases/${name}`) && !isHeld) await rm(join(bases, name), { force: true })
      }
    },
  }
}

async function headOf(path: string): Promise<Uint8Array> {
  const handle = await open(path, 'r')
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}
