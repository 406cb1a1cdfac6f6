/** Writes an archive of the kind the kernel takes as its first file system (cpio, newc). Always the same bytes for the same entries. Pure. */

export type Entry =
  | { readonly path: string; readonly type: 'file'; readonly bytes: Uint8Array; readonly executable: boolean }
  | { readonly path: string; readonly type: 'folder' }
  | { readonly path: string; readonly type: 'link'; readonly to: string }

const MODE = { file: 0o100644, folder: 0o040755, link: 0o120777 } as const
const TRAILER = 'TRAILER!!!'

/** Entries in the order in which they are made: folders before what is in them. */
export function cpioOf(entries: readonly Entry[]): Buffer {
  const pieces = entries.map((entry, i) => {
    const bytes = entry.type === 'file' ? entry.bytes : entry.type === 'link' ? Buffer.from(entry.to) : Buffer.alloc(0)
    const mode = entry.type === 'file' && entry.executable ? 0o100755 : MODE[entry.type]
    return one(i + 1, entry.path, mode, bytes)
  })
  return Buffer.concat([...pieces, one(0, TRAILER, 0, Buffer.alloc(0))])
}

function one(inode: number, path: string, mode: number, bytes: Uint8Array): Buffer {
  const name = Buffer.from(`${path}\0`)
  const links = 1
  const fields = [inode, mode, 0, 0, links, 0, bytes.length, 0, 0, 0, 0, name.length, 0]
  const header = Buffer.from(`070701${fields.map(field => field.toString(16).padStart(8, '0')).join('')}`)
  return Buffer.concat([padded(Buffer.concat([header, name])), padded(bytes)])
}

const padded = (bytes: Uint8Array): Buffer => Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)])
