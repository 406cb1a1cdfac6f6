/**
 * Images as the cluster shows them: those made here, newest first, then those that come with Baton, which stand in no database. A
 * deleted one is kept for the instances made from it, and shown to nobody.
 */
import type { ClusterApi, HostBody, ImageBody } from '../actors/api.ts'
import { BatonError } from '../actors/kernel/errors.ts'
import type { Views } from '../actors/kernel/ports.ts'

export interface ImageRequestsOptions {
  readonly views: Views
  /** The images that come with Baton, as far as some host can run them. */
  builtIn(): readonly ImageBody[]
  call(kind: string, id: string, method: string, args: unknown): Promise<unknown>
}

export interface Images {
  readonly requests: Pick<ClusterApi, 'listImages' | 'getImage' | 'deleteImage'>
  /** An image that can be booted. Rejects `NotFound`; `Conflict` when it is not finished or has failed. */
  bootable(id: string): Promise<ImageBody>
}

/** Images on one page when no limit is asked for, and at most. */
const PAGE_LIMIT = 1000

export function createImages({ views, builtIn, call }: ImageRequestsOptions): Images {
  async function find(id: string): Promise<ImageBody> {
    const found = builtIn().find(i => i.id === id) ?? ((await views.get('image', id))?.body as ImageBody | undefined)
    if (!found || found.status === 'deleted') throw new BatonError('NotFound', `there is no image ${id}; \`baton image list\` shows those there are`)
    return found
  }

  return {
    async bootable(id) {
      const image = await find(id)
      if (image.status === 'active') return image
      const why = image.status === 'error' ? `it failed (${image.fault?.message ?? 'no reason given'})` : 'it is still being made'
      throw new BatonError('Conflict', `image ${id} cannot be booted: ${why}; its status must be active`)
    },
    requests: {
      getImage: ({ id }) => find(id),
      async listImages({ limit = PAGE_LIMIT, marker }) {
        const most = Math.min(limit, PAGE_LIMIT)
        const own = builtIn()
        const after = own.findIndex(i => i.id === marker)
        if (after >= 0) return own.slice(after + 1, after + 1 + most)
        const rows = await views.list('image', { where: { deleted: false }, limit: most, ...(marker === undefined ? {} : { marker }) })
        return [...rows.map(row => row.body as ImageBody), ...own].slice(0, most)
      },
      async deleteImage({ id }) {
        if (builtIn().some(i => i.id === id)) throw new BatonError('Forbidden', `image ${id} comes with Baton and cannot be deleted`)
        await find(id)
        await call('image', id, 'delete', {})
        return {}
      },
    },
  }
}

/** Images that some host here can run; all of them as long as no host has reported. */
export function usableImages(images: readonly ImageBody[], hosts: readonly HostBody[]): readonly ImageBody[] {
  const drivers = new Set(hosts.map(h => h.driver))
  return drivers.size === 0 ? images : images.filter(i => drivers.has(i.driver))
}
