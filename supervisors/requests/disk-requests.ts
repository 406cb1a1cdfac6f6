/** Disks as the cluster shows them, and what is known of a disk before it is attached. The disk's actor has the last word. */
import type { ClusterApi, DiskBody, DiskRequest, InstanceBody } from '../../actors/api.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import type { Views } from '../../actors/kernel/ports.ts'

type Call = (kind: string, id: string, method: string, args: unknown) => Promise<unknown>

const PAGE_LIMIT = 1000

async function find(views: Views, id: string): Promise<DiskBody | null> {
  const body = (await views.get('disk', id))?.body as DiskBody | undefined
  return body && body.status !== 'deleted' ? body : null
}

export function diskRequests({ views, call }: { views: Views; call: Call }): Pick<ClusterApi, 'listDisks' | 'getDisk' | 'deleteDisk'> {
  return {
    async listDisks({ instance, limit = PAGE_LIMIT, marker }) {
      const where = { deleted: false, ...(instance === undefined ? {} : { instance }) }
      const rows = await views.list('disk', { where, limit: Math.min(limit, PAGE_LIMIT), ...(marker === undefined ? {} : { marker }) })
      return rows.map(row => row.body as DiskBody)
    },
    async getDisk({ id }) {
      const disk = await find(views, id)
      if (!disk) throw new BatonError('NotFound', `there is no disk ${id}; \`baton disk list\` shows those there are`)
      return disk
    },
    async deleteDisk({ id }) {
      await call('disk', id, 'delete', {})
      return {}
    },
  }
}

/**
 * The disk to attach with the size it has, when it is there already. Rejects `Conflict` at once when it cannot be attached: the
 * operation would find out, but only later.
 */
export async function knownDisk(views: Views, asked: DiskRequest, instance: InstanceBody): Promise<DiskRequest> {
  const disk = await find(views, asked.id)
  if (disk?.project !== undefined && disk.project !== instance.project) {
    throw new BatonError('NotFound', `there is no disk ${disk.id}; choose another id to have one made`)
  }
  // What the instance itself has is for its actor to say: the request may be a repetition.
  if (!disk || disk.instance === instance.id) return disk ? { ...asked, sizeGb: disk.sizeGb } : asked
  if (disk.instance !== null) throw new BatonError('Conflict', `disk ${disk.id} is attached to instance ${disk.instance}; detach it there first`)
  if (instance.host !== null && disk.host !== instance.host) {
    throw new BatonError('Conflict', `disk ${disk.id} is a local disk of host ${disk.host}, and instance ${instance.id} is on ${instance.host}`)
  }
  if (asked.sizeGb !== undefined && asked.sizeGb !== disk.sizeGb) {
    throw new BatonError('Conflict', `disk ${disk.id} has ${disk.sizeGb} GB, not ${asked.sizeGb}; leave the size out`)
  }
  return { ...asked, sizeGb: disk.sizeGb }
}
