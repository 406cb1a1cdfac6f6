/**
 * Backups of guests as images of the image service: their bytes are in its store, counted by its quotas and verified by its digests, and what
 * makes an image a backup stands in its properties. Pure.
 */
import type { ImageBody } from '../image/body.ts'
import { BACKUP_DRIVER } from '../image/body.ts'
import type { BackupBody } from './body.ts'
import type { BackupKind } from './contract.ts'

const PROPERTY = { kind: 'baton_backup', parent: 'baton_backup_parent', service: 'baton_backup_service' } as const
/** Series of backups that people make one by one. */
export const BY_HAND = 'by-hand'
export const SCHEDULED = 'scheduled'

/** More than this one on the other no restore should need. */
export const MAX_CHAIN = 64

export const propertiesOf = (kind: BackupKind, parent: string | null, service: string): Record<string, string> => ({
  ...{ image_type: 'backup', [PROPERTY.kind]: kind, [PROPERTY.service]: service },
  ...(parent === null ? {} : { [PROPERTY.parent]: parent }),
})

const STATES: Readonly<Record<ImageBody['status'], BackupBody['state']>> = {
  ...{ queued: 'NEW', saving: 'BUILDING', active: 'COMPLETED', deactivated: 'COMPLETED' },
  ...{ error: 'FAILED', deleted: 'FAILED' },
}

/** Null for an image that is no backup of a guest. */
export function backupBody(image: ImageBody): BackupBody | null {
  const { id, name, project, instance, properties, status, sizeBytes, bytes, fault, createdAt, updatedAt } = image
  if (image.driver !== BACKUP_DRIVER || instance === null) return null
  return {
    ...{ id, name, project, instance, sizeBytes, createdAt, updatedAt },
    service: properties[PROPERTY.service] ?? '',
    kind: properties[PROPERTY.kind] === 'incremental' ? 'incremental' : 'full',
    parent: properties[PROPERTY.parent] ?? null,
    series: image.backupType ?? BY_HAND,
    state: STATES[status],
    checksum: bytes?.hash ?? null,
    location: `/image/v2/images/${id}/file`,
    message: fault?.message ?? null,
  }
}

/** What has to be put in its place for a backup, the full one first; the id of one that is missing; or null when they go round in a circle. */
export function chainOf(backup: BackupBody, known: ReadonlyMap<string, BackupBody>): readonly BackupBody[] | { readonly missing: string } | null {
  const chain = [backup]
  for (let first = backup; first.parent !== null; ) {
    const parent = known.get(first.parent)
    if (parent?.state !== 'COMPLETED') return { missing: first.parent }
    if (chain.length >= MAX_CHAIN) return null
    chain.unshift(parent)
    first = parent
  }
  return chain
}

/** Of backups of one series, newest first: those that are neither among the newest `keep` nor needed by one that stays. The newest first. */
export function expired(series: readonly BackupBody[], keep: number, others: readonly BackupBody[] = []): readonly BackupBody[] {
  const known = new Map([...series, ...others].map(each => [each.id, each]))
  const needed = new Set<string>()
  for (const stays of [...series.slice(0, keep), ...others]) {
    for (let each: BackupBody | undefined = stays; each && !needed.has(each.id); each = each.parent === null ? undefined : known.get(each.parent))
      needed.add(each.id)
  }
  return series.slice(keep).filter(({ id }) => !needed.has(id))
}
