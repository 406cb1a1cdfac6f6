/**
 * Looks at an image before any program opens it. A qcow2 file may name other files (a backing file, a data file), and whoever opens it reads
 * them: the well-known way for an uploaded image to show its owner the host's files. So what names another file is refused, and so is what
 * cannot be a disk. The format is never found out from the bytes: a guest can write what it likes into its own raw disk. Pure.
 *
 * Fields and their places: docs/interop/qcow2.txt of QEMU. All numbers are big-endian.
 */
import { BatonError } from '../../../kernel/errors.ts'

export type DiskFormat = 'raw' | 'qcow2'

/** What must be read of a file to judge it: header and its extensions end within the first cluster, of 64 kB by default. */
export const HEAD_BYTES = 64 * 1024

const MAGIC = 0x514649fb
const MIN_HEADER_BYTES = 72
/** Of version 3, where the bits about features are. */
const V3_HEADER_BYTES = 104
const MIN_CLUSTER_BITS = 9
const MAX_CLUSTER_BITS = 21
/** Larger than any disk of a flavor, and small enough that its tables fit into memory. */
const MAX_VIRTUAL_BYTES = 64n * 1024n ** 4n
const MAX_L1_BYTES = 32 * 1024 * 1024
const SECTOR_BYTES = 512

/** Bits of `incompatible_features`; whatever is not among them QEMU would refuse as well, or means another file. */
const FEATURES = { dirty: 1n, corrupt: 2n, dataFile: 4n, compression: 8n, extendedL2: 16n }
const HARMLESS = FEATURES.dirty | FEATURES.compression | FEATURES.extendedL2

export interface DiskImage {
  readonly format: DiskFormat
  /** What a guest sees. */
  readonly virtualBytes: number
}

/** What most probably is one, whatever was said: for who asks before it is written anywhere, never to find out what a guest has written. */
export const beginsAsQcow2 = (head: Uint8Array): boolean =>
  head.length >= 4 && new DataView(head.buffer, head.byteOffset, head.byteLength).getUint32(0) === MAGIC

/** Rejects with the reason, for the user to read: `DriverFault`. `head` are the first `HEAD_BYTES` of the file, or all of it. */
export function inspectImage(name: string, format: string, head: Uint8Array, fileBytes: number): DiskImage {
  const refuse = (why: string): never => {
    throw new BatonError('DriverFault', `image ${name} is refused: ${why}`)
  }
  if (format === 'raw') {
    if (fileBytes === 0) refuse('it is empty')
    return { format, virtualBytes: Math.ceil(fileBytes / SECTOR_BYTES) * SECTOR_BYTES }
  }
  if (format !== 'qcow2') return refuse(`its format is ${format.slice(0, 20)}, and this driver takes raw and qcow2`)
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength)
  if (head.length < MIN_HEADER_BYTES || !beginsAsQcow2(head)) refuse('it is said to be qcow2, but does not begin as one')
  const version = view.getUint32(4)
  if (version !== 2 && version !== 3) refuse(`it is of version ${version} of qcow2, and only 2 and 3 are known`)
  if (version === 3 && head.length < V3_HEADER_BYTES) refuse('its header is cut off')
  if (view.getBigUint64(8) !== 0n || view.getUint32(16) !== 0) refuse('it has a backing file, which would be a file of this host')
  const clusterBits = view.getUint32(20)
  if (clusterBits < MIN_CLUSTER_BITS || clusterBits > MAX_CLUSTER_BITS) refuse(`its clusters would have 2^${clusterBits} bytes`)
  const virtualBytes = view.getBigUint64(24)
  if (virtualBytes === 0n || virtualBytes > MAX_VIRTUAL_BYTES) refuse(`its disk would have ${virtualBytes} bytes`)
  if (view.getUint32(32) !== 0) refuse('it is encrypted')
  const l1Bytes = view.getUint32(36) * 8
  const l1At = view.getBigUint64(40)
  if (l1Bytes > MAX_L1_BYTES) refuse(`its table of clusters would have ${l1Bytes} bytes`)
  if (l1At + BigInt(l1Bytes) > BigInt(fileBytes)) refuse('it is cut off: its table of clusters lies behind its end')
  if (view.getUint32(60) !== 0) refuse('it has snapshots inside')
  if (version === 3) {
    const features = view.getBigUint64(72)
    if (features & FEATURES.dataFile) refuse('it has a data file, which would be a file of this host')
    if (features & FEATURES.corrupt) refuse('it is marked as corrupt')
    if (features & ~HARMLESS) refuse(`it needs features that are not known: 0x${features.toString(16)}`)
  }
  return { format, virtualBytes: Number(virtualBytes) }
}
