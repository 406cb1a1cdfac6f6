/**
 * What steps of operations do to all images or disks of one instance, whichever they are by then. The views say which; they changed with
 * the events behind them. Each request is one that may be repeated: what it would do a second time is done already.
 */
import type { DiskBody, ImageBody } from '../../actors/api.ts'
import { backupBody, expired } from '../../actors/guest/backups.ts'
import { BACKUP_FORMAT } from '../../actors/image/body.ts'
import { checkObject, integer, listOf, optional, text } from '../../actors/kernel/check.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import type { Views } from '../../actors/kernel/ports.ts'

/** Images or disks looked at in one request; an instance has far fewer. */
const LOOK_LIMIT = 10_000

const CHECKS = {
  rotate: checkObject({ instance: text(128), backupType: text(255), keep: integer(0, LOOK_LIMIT) }),
  retain: checkObject({ instance: text(128), backupType: text(255), keep: integer(1, LOOK_LIMIT) }),
  releaseDisks: checkObject({ instance: text(128), order: integer(0, Number.MAX_SAFE_INTEGER), remove: optional(listOf(text(64), 100)) }),
} as const

type Args = {
  readonly instance: string
  readonly backupType: string
  readonly keep: number
  readonly order: number
  readonly remove?: readonly string[]
}

export type Storage = (method: string, args: unknown) => Promise<Record<string, number>>

export function createStorage(options: {
  readonly views: Views
  call(kind: string, id: string, method: string, args: unknown): Promise<unknown>
}): Storage {
  const { views, call } = options

  /** Deletes the backups of a series beyond the newest `keep`. */
  async function rotate({ instance, backupType, keep }: Args): Promise<Record<string, number>> {
    const rows = await views.list('image', { where: { instance, backup_type: backupType, status: 'active' }, limit: LOOK_LIMIT })
    const old = rows.slice(keep).map(row => row.body as ImageBody)
    // The oldest first: who is interrupted has kept the newest.
    for (const { id } of old.reverse()) await call('image', id, 'delete', {}).catch(unlessGone)
    return { deleted: old.length }
  }

  /** Deletes the backups of a guest beyond the newest `keep` of a series, but none that a newer one builds on. */
  async function retain({ instance, backupType, keep }: Args): Promise<Record<string, number>> {
    const rows = await views.list('image', { where: { instance, status: 'active', disk_format: BACKUP_FORMAT }, limit: LOOK_LIMIT })
    const all = rows.flatMap(row => backupBody(row.body as ImageBody) ?? [])
    const series = all.filter(each => each.series === backupType)
    const others = all.filter(each => each.series !== backupType)
    const old = expired(series, keep, others)
    for (const { id } of [...old].reverse()) await call('image', id, 'delete', {}).catch(unlessGone)
    return { deleted: old.length }
  }

  /** Gives back every disk an instance has; those of `remove` are no more. */
  async function releaseDisks({ instance, order, remove = [] }: Args): Promise<Record<string, number>> {
    const rows = await views.list('disk', { where: { instance }, limit: LOOK_LIMIT })
    for (const { id } of rows.map(row => row.body as DiskBody)) {
      await call('disk', id, 'release', { instance, order, ...(remove.includes(id) ? { remove: true } : {}) })
    }
    return { released: rows.length }
  }

  return async (method, args) => {
    if (method !== 'rotate' && method !== 'retain' && method !== 'releaseDisks')
      throw new BatonError('UnknownMethod', `storage has no method ${method}`)
    const wrong = CHECKS[method](args)
    if (wrong) throw new BatonError('BadRequest', `storage.${method}: ${wrong}`)
    const asked = args as Args
    return method === 'rotate' ? rotate(asked) : method === 'retain' ? retain(asked) : releaseDisks(asked)
  }
}

function unlessGone(error: unknown): void {
  if (!(error instanceof BatonError && error.code === 'NotFound')) throw error
}
