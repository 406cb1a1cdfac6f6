/**
 * What a host keeps beside its guests: images made here, and disks, which outlive the guests they were plugged into. Two adapters, as
 * for guests: memory, and a folder with one file each, replaced by rename:
 *
 *     images/<id>.json  disks/<id>.json
 */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Static, Type } from 'typebox'
import { BatonError } from '../../kernel/errors.ts'
import { parseWith } from './records.ts'

export type BlobKind = 'images' | 'disks'

/** The fake driver's bytes are lines of text. */
const BlobSchema = Type.Object({ lines: Type.Array(Type.String()) })
export type Blob = Static<typeof BlobSchema>

export interface BlobStore {
  get(kind: BlobKind, id: string): Promise<Blob | null>
  put(kind: BlobKind, id: string, blob: Blob): Promise<void>
  /** One that is not there is fine. */
  remove(kind: BlobKind, id: string): Promise<void>
}

const BLOB_ID = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/

/** Ids become file names. Throws `DriverFault` on anything that could be more than that. */
export function checkBlobId(id: string): void {
  if (!BLOB_ID.test(id)) {
    throw new BatonError('DriverFault', `${JSON.stringify(id.slice(0, 80))} is no id: 1 to 64 letters, digits, dots, dashes and underscores`)
  }
}

export interface MemoryBlobs extends BlobStore {
  ids(kind: BlobKind): string[]
}

export function memoryBlobs(): MemoryBlobs {
  const blobs = { images: new Map<string, Blob>(), disks: new Map<string, Blob>() }
  return {
    ids: kind => [...blobs[kind].keys()],
    async get(kind, id) {
      checkBlobId(id)
      return blobs[kind].get(id) ?? null
    },
    async put(kind, id, blob) {
      checkBlobId(id)
      blobs[kind].set(id, blob)
    },
    async remove(kind, id) {
      checkBlobId(id)
      blobs[kind].delete(id)
    },
  }
}

export function folderBlobs(folder: string): BlobStore {
  const parse = parseWith(BlobSchema)
  const fileOf = (kind: BlobKind, id: string): string => {
    checkBlobId(id)
    return join(folder, kind, `${id}.json`)
  }
  return {
    async get(kind, id) {
      const file = fileOf(kind, id)
      const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return null
        throw new BatonError('DriverFault', `${file} cannot be read: ${error.message}`, { cause: error })
      })
      if (text === null) return null
      const blob = parse(parseJson(text))
      if (blob === null) throw new BatonError('DriverFault', `${file} is not what was written there`)
      return blob
    },
    async put(kind, id, blob) {
      const file = fileOf(kind, id)
      mkdirSync(join(folder, kind), { recursive: true, mode: 0o700 })
      writeFileSync(`${file}.new`, JSON.stringify(blob), { mode: 0o600 })
      renameSync(`${file}.new`, file)
    },
    remove: async (kind, id) => rmSync(fileOf(kind, id), { force: true }),
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
