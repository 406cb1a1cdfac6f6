/**
 * Images of the image service, as a host sees them: it fetches one when a guest is to be made of it, and keeps it for the next. Drivers know
 * this port; how the bytes come is not their business.
 */
import type { BackupRequest } from '../guest/transfers.ts'
import type { SendingLook } from './looks.ts'

export interface LocalImage {
  readonly sizeBytes: number
  /** The file with its bytes; null where there are no files (the simulator). It stays there while it is used. */
  readonly path: string | null
  /** What its owner says that the bytes are (`raw`, `qcow2` …); null when nobody has said. It is never found out from the bytes. */
  readonly format: string | null
  /** Image whose kernel starts it; null: it starts by itself. */
  readonly kernel?: string | null
  /** Its first bytes. */
  head(maxBytes: number): Promise<Uint8Array>
  /** So many bytes from there, fewer at its end. */
  read(offset: number, length: number): Promise<Uint8Array>
}

export interface ImageSource {
  /**
   * Does `task` with an image, fetched for an instance of this host unless it is here already; it is not thrown away meanwhile. Rejects
   * `DriverFault` when it cannot be had: not there, not for this instance, not what it should be, no room.
   */
  use<T>(image: string, instance: string, task: (image: LocalImage) => Promise<T>): Promise<T>
}

/** What a driver has to upload: bytes that it made of a guest's disk. */
export interface MadeImage {
  readonly sizeBytes: number
  /** SHA-512 that its maker says the bytes have, hex; the store takes no others. Absent: nobody has said. */
  readonly hash?: string
  /** From this byte on. */
  read(from: number): AsyncIterable<Uint8Array>
}

export interface UploadRequest {
  readonly image: string
  readonly upload: string
  readonly waitMs: number
  /** The guest that has the bytes; absent: the driver made them of its disk. */
  readonly backup?: BackupRequest
}

export interface ImageUploads {
  /** Begins it, goes on with it after a restart, or waits for it up to `waitMs`. Rejects as it has failed; asked again, it is tried again. */
  look(args: UploadRequest): Promise<SendingLook>
}
