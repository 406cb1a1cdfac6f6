/**
 * Backups of a SQLite database by its pages. A full one has all of them, an incremental one those that differ from the backup before; both are
 * a header of one line and then, for each page, its number (4 bytes, big endian) and its bytes. What a page was is remembered by its digest.
 */
import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'

const PAGE_BYTES = 4096
const NUMBER_BYTES = 4

/** Digests of all pages, in order: what the next increment is compared with. */
export type Pages = readonly string[]

const digest = (page: Uint8Array): string => createHash('sha256').update(page).digest('base64')

interface Header {
  /** Pages of the whole database when the backup was made. */
  readonly pages: number
  readonly changed: number
}

/** Writes the pages of `database` that differ from `before` into `target`. Answers with all digests, the size and the SHA-512 of what it wrote. */
export async function dump(database: string, target: string, before: Pages): Promise<{ pages: Pages; sizeBytes: number; checksum: string }> {
  const [from, to] = [await open(database, 'r'), await open(target, 'w')]
  try {
    const { size } = await from.stat()
    const pages: string[] = []
    const changed: number[] = []
    for (let i = 0; i * PAGE_BYTES < size; i++) {
      pages.push(digest(await pageAt(from, i * PAGE_BYTES)))
      if (pages[i] !== before[i]) changed.push(i)
    }
    const whole = createHash('sha512')
    let sizeBytes = 0
    const put = async (bytes: Uint8Array): Promise<void> => {
      whole.update(bytes)
      sizeBytes += (await to.write(bytes)).bytesWritten
    }
    await put(Buffer.from(`${JSON.stringify({ pages: pages.length, changed: changed.length } satisfies Header)}\n`))
    for (const i of changed) {
      const number = Buffer.alloc(NUMBER_BYTES)
      number.writeUInt32BE(i)
      await put(Buffer.concat([number, await pageAt(from, i * PAGE_BYTES)]))
    }
    await to.sync()
    return { pages, sizeBytes, checksum: whole.digest('hex') }
  } finally {
    await from.close()
    await to.close()
  }
}

async function pageAt(file: FileHandle, offset: number): Promise<Uint8Array> {
  const page = Buffer.alloc(PAGE_BYTES)
  await file.read(page, 0, PAGE_BYTES, offset)
  return page
}

/** Puts backups into `database`, the full one first. Rejects when one is not whole. */
export async function load(parts: readonly string[], database: string): Promise<void> {
  const to = await open(database, 'w')
  try {
    for (const part of parts) await loadOne(part, to)
    await to.sync()
  } finally {
    await to.close()
  }
}

async function loadOne(part: string, to: FileHandle): Promise<void> {
  const from = await open(part, 'r')
  try {
    const head = Buffer.alloc(256)
    await from.read(head, 0, head.length, 0)
    const end = head.indexOf(10)
    const { pages, changed }: Header = JSON.parse(head.subarray(0, end).toString())
    const entry = Buffer.alloc(NUMBER_BYTES + PAGE_BYTES)
    for (let i = 0; i < changed; i++) {
      const { bytesRead } = await from.read(entry, 0, entry.length, end + 1 + i * entry.length)
      if (bytesRead !== entry.length) throw new Error(`the backup ends after ${i} of ${changed} pages`)
      await to.write(entry, NUMBER_BYTES, PAGE_BYTES, entry.readUInt32BE() * PAGE_BYTES)
    }
    await to.truncate(pages * PAGE_BYTES)
  } finally {
    await from.close()
  }
}
