/** Requests about one instance: names are looked up here, the instance's actor decides. */
import type { ActOnInstance, ClusterApi, FlavorBody, HostBody, ImageBody, InstanceAction, InstanceBody } from '../actors/api.ts'
import type { Task } from '../actors/instance/model.ts'
import type { ViewTable } from '../actors/kernel/define.ts'
import { BatonError } from '../actors/kernel/errors.ts'

/** When things about an instance begin by themselves, ms. */
export interface InstanceTimers {
  /** For how long a deleted instance can be restored; 0: not at all. */
  readonly reclaimMs: number
  /** When a resize is confirmed by itself; 0: never. */
  readonly confirmResizeMs: number
  /** How long a shelved instance stays on its host; below 0: until somebody offloads it. */
  readonly shelvedOffloadMs: number
}

const NOVA_DEFAULTS: InstanceTimers = { reclaimMs: 0, confirmResizeMs: 0, shelvedOffloadMs: 0 }

export interface InstanceRequestsOptions {
  call(kind: string, id: string, method: string, args: unknown): Promise<unknown>
  /** Throws `NotFound`. */
  image(id: string): ImageBody
  get<T>(table: ViewTable, id: string, what: string): Promise<T>
  readonly timers?: InstanceTimers | undefined
}

type Requests = Pick<
  ClusterApi,
  'actOnInstance' | 'deleteInstance' | 'updateInstance' | 'lockInstance' | 'unlockInstance' | 'resetInstance' | 'changePassword'
>

const GOES_SOMEWHERE: ReadonlySet<InstanceAction> = new Set(['migrate', 'live-migrate', 'evacuate', 'unshelve'])

export function instanceRequests({ call, image, get, timers = NOVA_DEFAULTS }: InstanceRequestsOptions): Requests {
  /** What begins by itself afterwards. */
  function followUpOf(action: InstanceAction): Task['followUp'] {
    if ((action === 'resize' || action === 'migrate') && timers.confirmResizeMs > 0)
      return { kind: 'confirm-resize', afterMs: timers.confirmResizeMs }
    if (action === 'shelve' && timers.shelvedOffloadMs >= 0) return { kind: 'shelve-offload', afterMs: timers.shelvedOffloadMs }
    return undefined
  }

  /** The image a host is to boot must be one that its driver runs. */
  async function checkImage(instance: string, imageId: string): Promise<void> {
    const { driver, name } = image(imageId)
    const { host } = await get<InstanceBody>('instance', instance, 'instance')
    if (host === null) return
    const runs = (await get<HostBody>('host', host, 'host')).driver
    if (runs !== driver) throw new BatonError('BadRequest', `image ${name} needs the driver ${driver}, but host ${host} runs ${runs}`)
  }

  async function changeOf({ id, action, image: imageId, flavor }: ActOnInstance) {
    if (imageId !== undefined) {
      if (action !== 'rebuild' && action !== 'rescue') throw new BatonError('BadRequest', `a ${action} takes no image`)
      await checkImage(id, imageId)
      return { image: imageId }
    }
    if (action === 'resize') {
      if (flavor === undefined) throw new BatonError('BadRequest', 'a resize needs a flavor')
      const { createdAt: _, ...size } = (await call('flavor', flavor, 'get', {})) as FlavorBody
      return { flavor: size }
    }
    if (flavor !== undefined) throw new BatonError('BadRequest', `a ${action} takes no flavor`)
    return null
  }

  return {
    async actOnInstance(args) {
      const { id, action, mode, host, blockMigration, requestId } = args
      const change = await changeOf(args)
      if (host !== undefined) {
        if (!GOES_SOMEWHERE.has(action)) throw new BatonError('BadRequest', `a ${action} takes no host`)
        await get('host', host, 'host')
      }
      if (blockMigration !== undefined && action !== 'live-migrate') throw new BatonError('BadRequest', `a ${action} copies no disk by itself`)
      const followUp = followUpOf(action)
      const asked = { action, requestId, ...(mode ? { mode } : {}), ...(change ? { change } : {}), ...(host === undefined ? {} : { host }) }
      return (await call('instance', id, 'act', {
        ...asked,
        ...(blockMigration === undefined ? {} : { blockMigration }),
        ...(followUp ? { followUp } : {}),
      })) as { operation: string }
    },
    async deleteInstance({ id, force, requestId }) {
      const reclaimMs = force ? 0 : timers.reclaimMs
      return (await call('instance', id, 'delete', { requestId, ...(reclaimMs > 0 ? { reclaimMs } : {}) })) as { operation: string }
    },
    async updateInstance({ id, ...parts }) {
      return (await call('instance', id, 'update', parts)) as InstanceBody
    },
    async lockInstance({ id, reason }) {
      return (await call('instance', id, 'lock', reason === undefined ? {} : { reason })) as InstanceBody
    },
    async unlockInstance({ id }) {
      return (await call('instance', id, 'unlock', {})) as InstanceBody
    },
    async resetInstance({ id, state }) {
      return (await call('instance', id, 'reset', { state })) as InstanceBody
    },
    async changePassword({ id, password }) {
      const { vmState, host, locked, operation } = await get<InstanceBody>('instance', id, 'instance')
      if (vmState === 'deleted') throw new BatonError('NotFound', `instance ${id} is deleted`)
      if (locked) throw new BatonError('Conflict', `cannot change the password of instance ${id}: it is locked; unlock it first`)
      if (vmState !== 'active' || operation !== null || host === null) {
        throw new BatonError(
          'Conflict',
          `cannot change the password of instance ${id} while it is ${vmState}; it must be active with no task under way`,
        )
      }
      await call('compute', host, 'setPassword', { instance: id, password })
      return {}
    },
  }
}
