/**
 * Writes a tar archive (POSIX ustar), as every `tar` reads it. Pure: the same bytes for the same files. A library would bring five packages
 * for one header; a test has the system's own tar read what is written here.
 */
export interface TarFile {
  /** Folders with `/` between them; ASCII, at most 100 characters. */
  readonly path: string
  readonly bytes: Uint8Array
}

const BLOCK = 512
const PATH = /^[\x21-\x7e]{1,100}$/

/** `atMs` is the time that all files bear. Throws `RangeError` for a path that does not fit the header. */
export function tarOf(files: readonly TarFile[], atMs: number): Buffer {
  const pieces = files.flatMap(({ path, bytes }) => [header(path, bytes.length, atMs), padded(bytes)])
  // Two empty blocks are the end.
  return Buffer.concat([...pieces, Buffer.alloc(2 * BLOCK)])
}

function header(path: string, size: number, atMs: number): Buffer {
  if (!PATH.test(path)) throw new RangeError(`not a path for an archive: ${JSON.stringify(path)}`)
  const block = Buffer.alloc(BLOCK)
  const octal = (value: number, at: number, digits: number): void => {
    block.write(value.toString(8).padStart(digits, '0'), at, 'ascii')
  }
  block.write(path, 0, 'ascii')
  octal(0o600, 100, 7)
  octal(0, 108, 7)
  octal(0, 116, 7)
  octal(size, 124, 11)
  octal(Math.floor(atMs / 1000), 136, 11)
  block.write('        ', 148, 'ascii')
  block.write('0', 156, 'ascii')
  block.write('ustar\u000000', 257, 'latin1')
  octal(
    block.reduce((sum, byte) => sum + byte, 0),
    148,
    6,
  )
  block.write('\u0000 ', 154, 'latin1')
  return block
}

const padded = (bytes: Uint8Array): Buffer => Buffer.concat([bytes, Buffer.alloc((BLOCK - (bytes.length % BLOCK)) % BLOCK)])
