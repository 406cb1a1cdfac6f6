/**
 * A map as plain data whose changes cost little: a change copies one bucket of many instead of the whole. For states that
 * hold thousands of entries and change one at a time, such as the claims of a host.
 */
import { hash32 } from './address.ts'

const BUCKETS = 64

export interface BucketMap<T> {
  readonly size: number
  readonly buckets: Readonly<Record<string, Readonly<Record<string, T>>>>
}

export const emptyMap = { size: 0, buckets: {} } as const

const bucketOf = (key: string): string => String(hash32(key) % BUCKETS)

export function get<T>(map: BucketMap<T>, key: string): T | undefined {
  const bucket = map.buckets[bucketOf(key)]
  return bucket && Object.hasOwn(bucket, key) ? bucket[key] : undefined
}

export function set<T>(map: BucketMap<T>, key: string, value: T): BucketMap<T> {
  const name = bucketOf(key)
  const size = map.size + (get(map, key) === undefined ? 1 : 0)
  return { size, buckets: { ...map.buckets, [name]: { ...map.buckets[name], [key]: value } } }
}

export function remove<T>(map: BucketMap<T>, key: string): BucketMap<T> {
  if (get(map, key) === undefined) return map
  const name = bucketOf(key)
  const { [key]: _, ...rest } = map.buckets[name] ?? {}
  return { size: map.size - 1, buckets: { ...map.buckets, [name]: rest } }
}

export const entries = <T>(map: BucketMap<T>): [string, T][] => Object.values(map.buckets).flatMap(bucket => Object.entries(bucket))
