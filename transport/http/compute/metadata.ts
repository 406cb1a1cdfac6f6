/** Metadata as Nova takes it, of servers and of images: all of it, or one item by its key. */
import { type Static, Type } from 'typebox'
import type { ClusterApi } from '../../../actors/api.ts'
import { BatonError } from '../../../actors/kernel/errors.ts'
import { UNLIMITED } from '../../../actors/kernel/quota.ts'
import { badRequest, notFound } from '../requests/errors.ts'
import { type IdParams, Metadata } from '../requests/schemas.ts'

const only = { additionalProperties: false } as const

export const MetadataBody = Type.Object({ metadata: Metadata }, only)
export type MetadataBody = Static<typeof MetadataBody>

export const MetaBody = Type.Object({ meta: Metadata }, only)
export type MetaBody = Static<typeof MetaBody>

export interface KeyParams extends IdParams {
  readonly key: string
}

/** Rejects `QuotaExceeded`, as Nova does, for more items than the project's quota allows one server or image. */
export async function checkItems(api: Pick<ClusterApi, 'getQuota'>, project: string, metadata: Readonly<Record<string, string>> = {}): Promise<void> {
  const count = Object.keys(metadata).length
  if (count === 0) return
  const { metadata_items: limit } = (await api.getQuota({ id: project })).limits
  if (limit !== UNLIMITED && count > limit) throw new BatonError('QuotaExceeded', `Quota exceeded for metadata_items: ${count} of at most ${limit}.`)
}

/** The value of an item that is there. Throws 404 for one that is not. */
export function itemOf(metadata: Readonly<Record<string, string>>, key: string): string {
  const value = Object.hasOwn(metadata, key) ? metadata[key] : undefined
  if (value === undefined) throw notFound('Metadata item', key)
  return value
}

/** The value that a body gives to the key of its path. Throws 400 when it gives it none. */
export function valueFor(key: string, { meta }: MetaBody): string {
  const value = Object.hasOwn(meta, key) ? meta[key] : undefined
  if (value === undefined) throw badRequest('Invalid input for meta: it must have the key that the path names.')
  return value
}
