/**
 * Who an actor is and where it lives.
 *
 * An address is a kind and an id, written `kind/id`. The key space of ids is cut into shards, and a shard is owned
 * by one conductor at a time. An id may have a child part after a dot: operation 4 of instance `b19…` is `b19….4`.
 * Only the part before the first dot decides the shard, so an operation always lives beside its subject, and the
 * two talk without a network between them.
 */

export interface Address {
  readonly kind: string
  readonly id: string
}

export const SHARD_COUNT = 256

export const address = (kind: string, id: string): Address => ({ kind, id })

export const addressKey = (to: Address): string => `${to.kind}/${to.id}`

/** Inverse of `addressKey`. Throws on text without a slash. */
export function parseAddress(key: string): Address {
  const slash = key.indexOf('/')
  if (slash < 1) throw new Error(`not an address: ${JSON.stringify(key)}`)
  return { kind: key.slice(0, slash), id: key.slice(slash + 1) }
}

/** FNV-1a, 32 bits (Fowler, Noll, Vo), over UTF-16 code units, with a final avalanche (murmur3's finalizer). */
export function hash32(text: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) {
    h ^= text.charCodeAt(i)
    h = Math.imul(h, 0x01000193)
  }
  h ^= h >>> 16
  h = Math.imul(h, 0x85ebca6b)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2ae35)
  h ^= h >>> 16
  return h >>> 0
}

/** The root of an id: what decides its shard. */
export function rootOf(id: string): string {
  const dot = id.indexOf('.')
  return dot < 0 ? id : id.slice(0, dot)
}

/** The shard, 0 to SHARD_COUNT - 1, in which the actor with this id lives, whatever its kind. */
export const shardOf = (id: string): number => hash32(rootOf(id)) % SHARD_COUNT
