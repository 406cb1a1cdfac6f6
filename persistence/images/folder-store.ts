/**
 * Bytes of images in a folder:
 *
 *     partial/<blob>        what has arrived so far
 *     whole/<blob>          all of it, never changed again
 *     whole/<blob>.json     its digests, written before the rename that makes it whole
 *
 * Nothing is kept in memory that the folder does not have, but for the digests, which follow what is written (`digester.ts`). Another conductor
 * that is to finish the upload has the file read from its beginning.
 */
import { mkdir, open, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { BatonError } from '../../actors/kernel/errors.ts'
import { type BlobLook, type Digests, type Finishing, type ImageStore, isBlobName } from '../../actors/kernel/image-store.ts'
import { createDigester } from './digester.ts'
import { createOpenFiles } from './open-files.ts'

/** Who finishes an upload waits so long for its digests before it is told how far they are, ms. */
const DIGESTS_MS = 5000

/** `onPassed` hears how many bytes were written or read. */
export async function folderImageStore(folder: string, onPassed: (bytes: number) => void = () => {}): Promise<ImageStore> {
  const partialFolder = join(folder, 'partial')
  const wholeFolder = join(folder, 'whole')
  for (const each of [partialFolder, wholeFolder]) {
    await mkdir(each, { recursive: true, mode: 0o700 }).catch((cause: Error) => {
      throw new BatonError('DataFolder', `the image store cannot use ${folder}: ${cause.message}`, { cause })
    })
  }
  const digester = createDigester()
  const files = createOpenFiles()
  /** The last thing under way for each blob: one after the other. */
  const turns = new Map<string, Promise<unknown>>()

  const partialOf = (blob: string): string => join(partialFolder, checked(blob))
  const wholeOf = (blob: string): string => join(wholeFolder, checked(blob))

  function inTurn<T>(blob: string, task: () => Promise<T>): Promise<T> {
    const mine = (turns.get(blob) ?? Promise.resolve()).then(task, task).catch((error: unknown) => {
      throw faultOf(error, blob)
    })
    const ended = mine.then(
      () => {},
      () => {},
    )
    turns.set(blob, ended)
    void ended.then(() => turns.get(blob) === ended && turns.delete(blob))
    return mine
  }

  async function write(blob: string, offset: number, bytes: Uint8Array): Promise<{ sizeBytes: number }> {
    const file = partialOf(blob)
    // By name: one that was finished or removed meanwhile, perhaps by another conductor, has its name no more.
    const { size } = await stat(file)
    if (offset > size) {
      const message = `upload ${blob} has ${size} bytes, and these are behind byte ${offset}; what is between is on its way`
      throw new BatonError('Unavailable', message, { retryAfterMs: 20 })
    }
    const sizeBytes = Math.max(size, offset + bytes.length)
    if (sizeBytes > size) {
      await files.use(file, 'r+', async handle => {
        for (let done = 0; done < bytes.length; ) done += (await handle.write(bytes, done, bytes.length - done, offset + done)).bytesWritten
      })
      digester.follow(blob, file, sizeBytes)
      onPassed(bytes.length)
    }
    return { sizeBytes }
  }

  async function finish(blob: string, sizeBytes: number): Promise<Finishing> {
    const done = await wholeDigests(blob)
    if (done) {
      if (done.sizeBytes !== sizeBytes) throw wrongSize(blob, done.sizeBytes, sizeBytes)
      return { state: 'done', ...done }
    }
    const file = partialOf(blob)
    const { size } = await stat(file)
    if (size !== sizeBytes) throw wrongSize(blob, size, sizeBytes)
    const digests = await digester.digests(blob, file, sizeBytes, DIGESTS_MS)
    if (digests.sizeBytes < sizeBytes) {
      // Whoever looks from outside sees that it goes on.
      await utimes(file, new Date(), new Date())
      return { state: 'hashing', hashedBytes: digests.sizeBytes }
    }
    const { checksum, hash } = digests
    const found: Digests = { sizeBytes, checksum, hash }
    await writeDurably(file, null)
    await writeDurably(`${wholeOf(blob)}.json.new`, JSON.stringify(found))
    await rename(`${wholeOf(blob)}.json.new`, `${wholeOf(blob)}.json`)
    await rename(file, wholeOf(blob))
    for (const each of [wholeFolder, partialFolder]) await syncFolder(each)
    forget(blob)
    return { state: 'done', ...found }
  }

  function forget(blob: string): void {
    digester.forget(blob)
    for (const file of [partialOf(blob), wholeOf(blob)]) files.release(file)
  }

  async function wholeDigests(blob: string): Promise<Digests | null> {
    if ((await sizeOf(wholeOf(blob))) === null) return null
    return JSON.parse(await readFile(`${wholeOf(blob)}.json`, 'utf8')) as Digests
  }

  async function look(blob: string): Promise<BlobLook | null> {
    for (const [file, whole] of [
      [wholeOf(blob), true],
      [partialOf(blob), false],
    ] as const) {
      const found = await stat(file).catch(nullWhenAbsent)
      if (found) return { blob, whole, sizeBytes: found.size, progress: `${whole}:${found.size}:${found.mtimeMs}` }
    }
    return null
  }

  return {
    begin: blob =>
      inTurn(blob, async () => {
        const wholeSize = await sizeOf(wholeOf(blob))
        if (wholeSize !== null) return { sizeBytes: wholeSize }
        const file = partialOf(blob)
        await (await open(file, 'a', 0o600)).close()
        return { sizeBytes: (await stat(file)).size }
      }),
    write: (blob, offset, bytes) => inTurn(blob, () => write(blob, offset, bytes)),
    finish: (blob, sizeBytes) => inTurn(blob, () => finish(blob, sizeBytes)),
    look,
    read: (blob, offset, length) =>
      files
        .use(wholeOf(blob), 'r', async handle => {
          const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(length), 0, length, offset)
          onPassed(bytesRead)
          return buffer.subarray(0, bytesRead)
        })
        .catch((error: unknown) => {
          throw faultOf(error, blob)
        }),
    remove: blob =>
      inTurn(blob, async () => {
        forget(blob)
        for (const file of [partialOf(blob), wholeOf(blob), `${wholeOf(blob)}.json`]) await rm(file, { force: true })
      }),
    async list() {
      const [partial, whole] = await Promise.all([readdir(partialFolder), readdir(wholeFolder)])
      const names = new Set([...partial, ...whole.map(name => name.replace(/\.json(\.new)?$/, ''))].filter(isBlobName))
      const looks = await Promise.all([...names].sort().map(look))
      return looks.filter(each => each !== null)
    },
  }
}

function checked(blob: string): string {
  if (!isBlobName(blob)) throw new BatonError('BadRequest', `${JSON.stringify(blob.slice(0, 80))} is not the name of an upload`)
  return blob
}

const wrongSize = (blob: string, has: number, wanted: number): BatonError =>
  new BatonError('Conflict', `upload ${blob} has ${has} bytes, not the ${wanted} that were sent; upload it again`)

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined)

function nullWhenAbsent(error: unknown): null {
  if (codeOf(error) === 'ENOENT') return null
  throw error
}

const sizeOf = async (file: string): Promise<number | null> => (await stat(file).catch(nullWhenAbsent))?.size ?? null

function faultOf(error: unknown, blob: string): unknown {
  const code = codeOf(error)
  if (code === 'ENOENT') return new BatonError('NotFound', `there is no upload ${blob}: it was given up, or its image is deleted`)
  if (code === 'ENOSPC' || code === 'EDQUOT') return new BatonError('StorageFull', 'the image store is full; delete images, or give it more room')
  return error
}

/** Writes a text, or nothing, and waits until the file is on the disk. */
async function writeDurably(file: string, text: string | null): Promise<void> {
  const handle = await open(file, text === null ? 'r+' : 'w', 0o600)
  try {
    if (text !== null) await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
