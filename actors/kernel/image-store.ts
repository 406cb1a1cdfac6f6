/**
 * The port to where the bytes of images are kept. Bytes of one upload are a *blob*, and a blob has a name of its own: a second upload of
 * the same image never touches what the first has written, so a writer that comes late can do no harm.
 *
 * A blob is partial until it is finished, and whole for ever after. Whoever writes says at which offset; what is there already is
 * written again or left, with the same outcome, so a message that comes twice, or to another conductor, changes nothing.
 *
 * Every conductor must reach the same store: on one machine a folder, on several a folder that they share.
 */

export interface Digests {
  readonly sizeBytes: number
  /** MD5 in hex: what Glance calls the checksum. Finds accidents, proves nothing. */
  readonly checksum: string
  /** SHA-512 in hex: what hosts compare before they use the bytes. */
  readonly hash: string
}

export type Finishing =
  | ({ readonly state: 'done' } & Digests)
  /** The bytes are read once more, since this conductor has not seen all of them; ask again. */
  | { readonly state: 'hashing'; readonly hashedBytes: number }

export interface BlobLook {
  readonly blob: string
  readonly whole: boolean
  readonly sizeBytes: number
  /** Changes with every step forward; to be compared, and nothing else. */
  readonly progress: string
}

export interface ImageStore {
  /** Makes a partial blob if there is none, partial or whole; answers with how many bytes it has. */
  begin(blob: string): Promise<{ readonly sizeBytes: number }>
  /**
   * Answers with the size after it. Rejects `Unavailable` when bytes before `offset` are missing (they are on their way), `NotFound`
   * when the blob was removed, `StorageFull` when there is no room.
   */
  write(blob: string, offset: number, bytes: Uint8Array): Promise<{ readonly sizeBytes: number }>
  /** Makes a blob of exactly so many bytes whole and durable; told twice it is done once. Rejects `Conflict` when it has more or fewer. */
  finish(blob: string, sizeBytes: number): Promise<Finishing>
  /** Null when there is no such blob. */
  look(blob: string): Promise<BlobLook | null>
  /** Bytes of a whole blob, fewer at its end. Rejects `NotFound`. */
  read(blob: string, offset: number, length: number): Promise<Uint8Array>
  /** Partial or whole; one that is not there is fine. */
  remove(blob: string): Promise<void>
  /** Every blob there is. */
  list(): Promise<readonly BlobLook[]>
}

/** Largest piece in which bytes travel, in bytes: far below what a message may hold, so that others get their turn on the same connection. */
export const PIECE_BYTES = 512 * 1024

const BLOB = /^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$/

/** Names become file names: nothing else gets through. */
export const isBlobName = (name: string): boolean => BLOB.test(name)

const SEPARATOR = '_'

/** The blob of one upload of an image. */
export const blobOf = (image: string, upload: string): string => `${image}${SEPARATOR}${upload}`

/** The image a blob was meant for; null for a name that no upload gives. */
export const imageOfBlob = (blob: string): string | null => {
  const at = blob.indexOf(SEPARATOR)
  return at < 1 ? null : blob.slice(0, at)
}
