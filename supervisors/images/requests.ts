/**
 * Images as the cluster shows them: those made or uploaded here, and those that come with Baton, which stand in no database. A deleted one
 * is kept for the instances made from it, and shown to nobody.
 */
import type { ImageApi, ImageBody } from '../../actors/api.ts'
import { BACKUP_DRIVER } from '../../actors/image/body.ts'
import { address } from '../../actors/kernel/address.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import type { Views } from '../../actors/kernel/ports.ts'
import type { Quotas } from '../requests/quotas.ts'
import { listImages } from './list.ts'

export interface ImageRequestsOptions {
  readonly views: Views
  readonly quotas: Quotas
  /** The images that come with Baton, as far as some host can run them. */
  builtIn(): readonly ImageBody[]
  call(kind: string, id: string, method: string, args: unknown): Promise<unknown>
}

export interface Images {
  readonly requests: ImageApi
  /** An image that can be booted. Rejects `NotFound`; `Conflict` when it is not finished or has failed. */
  bootable(id: string): Promise<ImageBody>
}

export function createImages({ views, builtIn, call, quotas }: ImageRequestsOptions): Images {
  async function find(id: string): Promise<ImageBody> {
    const found = builtIn().find(i => i.id === id) ?? ((await views.get('image', id))?.body as ImageBody | undefined)
    if (!found || found.status === 'deleted') throw new BatonError('NotFound', `there is no image ${id}; \`baton image list\` shows those there are`)
    return found
  }

  /** Tells its actor, unless it has none. */
  async function tell(id: string, method: string, args: object = {}): Promise<ImageBody> {
    if (builtIn().some(i => i.id === id)) throw new BatonError('Forbidden', `image ${id} comes with Baton and cannot be changed or deleted`)
    await find(id)
    return (await call('image', id, method, args)) as ImageBody
  }

  /**
   * An image that an operation is making goes at once, as in Glance. The operation is called off first, so that it clears away what is on the
   * host; its last undo would delete the image, too.
   */
  async function deleteUnfinished(id: string, error: unknown): Promise<void> {
    const operation = error instanceof BatonError && error.code === 'Conflict' ? error.details?.operation : undefined
    if (typeof operation !== 'string') throw error
    // One that is over by now has nothing to be called off.
    await call('operation', operation, 'cancel', {}).catch(unlessOver)
    await tell(id, 'delete', { calledOff: true })
  }

  return {
    async bootable(id) {
      const image = await find(id)
      if (image.driver === BACKUP_DRIVER)
        throw new BatonError('Conflict', `image ${id} is a backup of a guest; \`baton backup restore\` puts it into an instance`)
      if (image.status === 'active') return image
      throw new BatonError('Conflict', `image ${id} cannot be booted: ${whyNot(image)}; its status must be active`)
    },
    requests: {
      getImage: ({ id }) => find(id),
      listImages: args => listImages(views, builtIn(), args),
      async createImage({ id, driver = '', ...args }) {
        if (builtIn().some(i => i.id === id)) throw new BatonError('Conflict', `the id ${id} was used for an image already; choose another`)
        const taken = await quotas.take(args.project, [address('image', id)], { image_count_total: 1 })
        try {
          const image = (await call('image', id, 'register', { ...args, driver, quota: taken.number })) as ImageBody
          taken.confirm()
          return image
        } catch (error) {
          taken.doubt()
          throw error
        }
      },
      updateImage: ({ id, ...changes }) => tell(id, 'update', changes),
      setImageActive: ({ id, active }) => tell(id, active ? 'reactivate' : 'deactivate'),
      addImageMember: ({ id, member }) => tell(id, 'addMember', { member }),
      setImageMember: ({ id, member, status }) => tell(id, 'setMember', { member, status }),
      removeImageMember: ({ id, member }) => tell(id, 'removeMember', { member }),
      async deleteImage({ id }) {
        await tell(id, 'delete').catch(error => deleteUnfinished(id, error))
        return {}
      },
    },
  }
}

function unlessOver(error: unknown): void {
  if (!(error instanceof BatonError) || (error.code !== 'Conflict' && error.code !== 'NotFound')) throw error
}

function whyNot({ status, fault, instance }: ImageBody): string {
  if (status === 'error') return `it failed (${fault?.message ?? 'no reason given'})`
  if (status === 'deactivated') return 'it is deactivated'
  return instance === null ? 'its bytes are not uploaded' : 'it is still being made'
}
