/**
 * Writes a small ISO 9660 file system, with the names of Joliet beside the short ones: what a config drive is. Always the same bytes for the
 * same files. Pure. Numbers stand as in ECMA-119: sectors of 2048 bytes, most numbers twice, in both byte orders.
 */
export const SECTOR = 2048

/** Sectors before the descriptors; they are empty. */
const SYSTEM_SECTORS = 16
const MAX_NAME = 64

interface Folder {
  readonly name: string
  readonly folders: Map<string, Folder>
  readonly files: Map<string, { readonly bytes: Uint8Array; sector: number }>
  /** Where its entries are, in the tree of short names and in that of long ones. */
  readonly at: [number, number]
}

/** How names are written in one of the two trees. */
interface Naming {
  readonly index: 0 | 1
  file(name: string): Buffer
  folder(name: string): Buffer
}

const SHORT: Naming = {
  index: 0,
  file: name => Buffer.from(`${shortName(name)};1`, 'latin1'),
  folder: name => Buffer.from(shortName(name).replaceAll('.', '_'), 'latin1'),
}
const LONG: Naming = { index: 1, file: name => utf16(name), folder: name => utf16(name) }

const shortName = (name: string): string =>
  name
    .toUpperCase()
    .replace(/[^A-Z0-9_.-]/g, '_')
    .slice(0, 30)
const utf16 = (text: string): Buffer => Buffer.from(text.slice(0, MAX_NAME), 'utf16le').swap16()

const folderNamed = (name: string): Folder => ({ name, folders: new Map(), files: new Map(), at: [0, 0] })

/** A file system with these files by path (`a/b/c`) and this label, of at most 16 letters. */
export function isoOf(label: string, files: ReadonlyMap<string, Uint8Array>): Buffer {
  const root = folderNamed('')
  for (const [path, bytes] of files) put(root, path.split('/'), bytes)
  const all = [...walk(root)]
  // Descriptors: primary, Joliet, end. Then both tables of paths, in both byte orders, both trees, and the files.
  let next = SYSTEM_SECTORS + 3
  const take = (bytes: number): number => {
    const at = next
    next += Math.max(1, Math.ceil(bytes / SECTOR))
    return at
  }
  const namings = [SHORT, LONG]
  const tables = namings.map(naming => take(pathTable(all, naming, true).length))
  const bigTables = namings.map(naming => take(pathTable(all, naming, true).length))
  for (const naming of namings) for (const { folder } of all) folder.at[naming.index] = take(entriesOf(folder, folder, naming).length)
  for (const { folder } of all) for (const file of folder.files.values()) file.sector = take(file.bytes.length)

  const image = Buffer.alloc(next * SECTOR)
  for (const naming of namings) {
    const { index } = naming
    const size = pathTable(all, naming, true).length
    descriptor(naming, label, next, size, tables[index] ?? 0, bigTables[index] ?? 0, root).copy(image, (SYSTEM_SECTORS + index) * SECTOR)
    pathTable(all, naming, true).copy(image, (tables[index] ?? 0) * SECTOR)
    pathTable(all, naming, false).copy(image, (bigTables[index] ?? 0) * SECTOR)
    for (const { folder, parent } of all) entriesOf(folder, parent, naming).copy(image, folder.at[index] * SECTOR)
  }
  Buffer.from('\xffCD001\x01', 'latin1').copy(image, (SYSTEM_SECTORS + 2) * SECTOR)
  for (const { folder } of all) for (const { bytes, sector } of folder.files.values()) image.set(bytes, sector * SECTOR)
  return image
}

function put(folder: Folder, [name = '', ...rest]: string[], bytes: Uint8Array): void {
  if (rest.length === 0) return void folder.files.set(name, { bytes, sector: 0 })
  const inner = folder.folders.get(name) ?? folderNamed(name)
  folder.folders.set(name, inner)
  put(inner, rest, bytes)
}

/** Folders level by level, as the tables of paths want them. */
function* walk(root: Folder): Generator<{ folder: Folder; parent: Folder; number: number; parentNumber: number }> {
  const queue = [{ folder: root, parent: root, number: 1, parentNumber: 1 }]
  for (const place of queue) {
    for (const folder of sorted(place.folder.folders)) {
      queue.push({ folder, parent: place.folder, number: queue.length + 1, parentNumber: place.number })
    }
    yield place
  }
}

const sorted = <T>(of: ReadonlyMap<string, T>): T[] => [...of].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value)

const both32 = (buffer: Buffer, at: number, value: number): void => {
  buffer.writeUInt32LE(value, at)
  buffer.writeUInt32BE(value, at + 4)
}
const both16 = (buffer: Buffer, at: number, value: number): void => {
  buffer.writeUInt16LE(value, at)
  buffer.writeUInt16BE(value, at + 2)
}

function record(name: Buffer, sector: number, bytes: number, isFolder: boolean): Buffer {
  const length = 33 + name.length + (name.length % 2 === 0 ? 1 : 0)
  const entry = Buffer.alloc(length)
  entry[0] = length
  both32(entry, 2, sector)
  both32(entry, 10, bytes)
  // 2000-01-01, so that the same files give the same bytes.
  entry.set([100, 1, 1], 18)
  entry[25] = isFolder ? 2 : 0
  both16(entry, 28, 1)
  entry[32] = name.length
  name.copy(entry, 33)
  return entry
}

/** The entries of a folder; none crosses the border of a sector. */
function entriesOf(folder: Folder, parent: Folder, naming: Naming): Buffer {
  const { index } = naming
  const lengthOf = (of: Folder): number => packed(rawEntries(of, of, naming)).length
  const [own, above] = [lengthOf(folder), lengthOf(parent)]
  const dots = [record(Buffer.from([0]), folder.at[index], own, true), record(Buffer.from([1]), parent.at[index], above, true)]
  const inner = sorted(folder.folders).map(child => record(naming.folder(child.name), child.at[index], lengthOf(child), true))
  return packed([...dots, ...inner, ...rawFiles(folder, naming)])
}

const rawFiles = (folder: Folder, naming: Naming): Buffer[] =>
  [...folder.files]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { bytes, sector }]) => record(naming.file(name), sector, bytes.length, false))

/** The same with sizes left out, which the size of the whole does not depend on. */
function rawEntries(folder: Folder, parent: Folder, naming: Naming): Buffer[] {
  const { index } = naming
  const dots = [record(Buffer.from([0]), folder.at[index], 0, true), record(Buffer.from([1]), parent.at[index], 0, true)]
  return [...dots, ...sorted(folder.folders).map(child => record(naming.folder(child.name), 0, 0, true)), ...rawFiles(folder, naming)]
}

function packed(entries: readonly Buffer[]): Buffer {
  const pieces: Buffer[] = []
  let used = 0
  for (const entry of entries) {
    const left = SECTOR - (used % SECTOR)
    if (entry.length > left) {
      pieces.push(Buffer.alloc(left))
      used += left
    }
    pieces.push(entry)
    used += entry.length
  }
  return Buffer.concat([...pieces, Buffer.alloc((SECTOR - (used % SECTOR)) % SECTOR)])
}

function pathTable(all: readonly { folder: Folder; parentNumber: number }[], naming: Naming, little: boolean): Buffer {
  return Buffer.concat(
    all.map(({ folder, parentNumber }) => {
      const name = folder.name === '' ? Buffer.from([0]) : naming.folder(folder.name)
      const entry = Buffer.alloc(8 + name.length + (name.length % 2))
      entry[0] = name.length
      const at = folder.at[naming.index]
      if (little) entry.writeUInt32LE(at, 2)
      else entry.writeUInt32BE(at, 2)
      if (little) entry.writeUInt16LE(parentNumber, 6)
      else entry.writeUInt16BE(parentNumber, 6)
      name.copy(entry, 8)
      return entry
    }),
  )
}

function descriptor(naming: Naming, label: string, sectors: number, tableBytes: number, table: number, bigTable: number, root: Folder): Buffer {
  const { index } = naming
  const page = Buffer.alloc(SECTOR)
  const padded = (text: string, at: number, length: number): void => {
    if (index === 0) page.write(text.padEnd(length, ' '), at, length, 'latin1')
    else utf16(text.padEnd(length / 2, ' ')).copy(page, at, 0, length)
  }
  page[0] = index === 0 ? 1 : 2
  page.write('CD001', 1, 'latin1')
  page[6] = 1
  padded('LINUX', 8, 32)
  padded(label, 40, 32)
  both32(page, 80, sectors)
  // Joliet, level 3.
  if (index === 1) page.write('%/E', 88, 'latin1')
  both16(page, 120, 1)
  both16(page, 124, 1)
  both16(page, 128, SECTOR)
  both32(page, 132, tableBytes)
  page.writeUInt32LE(table, 140)
  page.writeUInt32BE(bigTable, 148)
  record(Buffer.from([0]), root.at[index], entriesOf(root, root, naming).length, true).copy(page, 156)
  for (const at of [190, 318, 446, 574]) padded('', at, 128)
  for (const at of [702, 739, 776]) padded('', at, 36)
  for (const at of [813, 830, 847, 864]) page.write(`${'0'.repeat(16)}\0`, at, 'latin1')
  page[881] = 1
  return page
}
