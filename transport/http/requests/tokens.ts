/**
 * Ids of what a request creates. With a client token they follow from project and token, so that a request sent again
 * (its answer was lost) names the same instances and creates nothing new. Without one they are random.
 *
 * The reservation id also follows from the content of the request. It is stored with the instance and never changes, so a token
 * that comes back with another request is found out by comparing the two.
 */
import { createHash, randomBytes, randomUUID } from 'node:crypto'

/** Namespace of Baton's name-based UUIDs (RFC 9562, version 5). */
const NAMESPACE = Buffer.from('8f5d2c0a6b3e4c1d9a7e51b0d4c6f283', 'hex')

/** UUID version 5 of `name` in Baton's namespace. */
export function nameUuid(name: string): string {
  const hash = createHash('sha1').update(NAMESPACE).update(name).digest()
  hash.writeUInt8((hash.readUInt8(6) & 0x0f) | 0x50, 6)
  hash.writeUInt8((hash.readUInt8(8) & 0x3f) | 0x80, 8)
  const hex = hash.toString('hex', 0, 16)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** A number for `name`, where Nova has numbers: from 1 to 2^48, the same every time, and hardly ever that of another name. */
export const nameNumber = (name: string): number => createHash('sha1').update(NAMESPACE).update(name).digest().readUIntBE(0, 6) + 1

export interface NewIds {
  readonly ids: readonly string[]
  /** `r-` and 8 letters or digits. */
  readonly reservation: string
}

const reservationOf = (bytes: Buffer): string => `r-${(bytes.readUIntBE(0, 6) % 36 ** 8).toString(36).padStart(8, '0')}`

/** Ids for `count` instances. `content` is what the client asked for, in any stable form. */
export function newIds(project: string, token: string | undefined, count: number, content: string): NewIds {
  if (token === undefined) return { ids: Array.from({ length: count }, () => randomUUID()), reservation: reservationOf(randomBytes(6)) }
  const key = JSON.stringify([project, token])
  const digest = createHash('sha256').update(key).update(content).digest()
  return { ids: Array.from({ length: count }, (_, i) => nameUuid(`${key}${i}`)), reservation: reservationOf(digest) }
}
