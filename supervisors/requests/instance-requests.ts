/** Requests about one instance: names are looked up here, the instance's actor decides. */
import type {
  Accepted,
  ActOnInstance,
  ClusterApi,
  FlavorBody,
  HostBody,
  ImageBody,
  InstanceAction,
  InstanceBody,
  SnapshotRequest,
} from '../../actors/api.ts'
import { keptByInstances } from '../../actors/flavor/flavor.ts'
import { driveOf } from '../../actors/guest/expected.ts'
import { BUILT_IN_IMAGES, QEMU_IMAGE } from '../../actors/hypervisor/drivers/images.ts'
import { BACKUP_DRIVER } from '../../actors/image/body.ts'
import type { AboutChange } from '../../actors/instance/about.ts'
import type { Declined } from '../../actors/instance/answers.ts'
import type { Change, Task } from '../../actors/instance/model.ts'
import { address } from '../../actors/kernel/address.ts'
import type { ViewTable } from '../../actors/kernel/define.ts'
import { BatonError, type Fault, isTransient, toFault } from '../../actors/kernel/errors.ts'
import type { Views } from '../../actors/kernel/ports.ts'
import { amountsOf } from '../../actors/kernel/quota.ts'
import { checkFits } from '../images/fits.ts'
import { knownDisk } from './disk-requests.ts'
import { askedAgain, type Quotas } from './quotas.ts'

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
  /** The image; rejects when there is none or it is not active. */
  bootable(id: string): Promise<ImageBody>
  readonly views: Views
  get<T>(table: ViewTable, id: string, what: string): Promise<T>
  readonly timers?: InstanceTimers | undefined
  readonly quotas: Quotas
}

type Requests = Pick<
  ClusterApi,
  'actOnInstance' | 'deleteInstance' | 'updateInstance' | 'lockInstance' | 'unlockInstance' | 'resetInstance' | 'setInstanceHa'
>

type Part = 'image' | 'flavor' | 'about' | 'host' | 'snapshot' | 'disk' | 'interface' | 'guest' | 'blockMigration'

/** What an action may say beside its name, and which actions say it. What is not optional must be said. */
const PARTS: Readonly<Record<Part, readonly InstanceAction[]>> = {
  image: ['rebuild', 'rescue'],
  flavor: ['resize'],
  about: ['rebuild'],
  host: ['migrate', 'live-migrate', 'evacuate', 'unshelve'],
  snapshot: ['snapshot', 'backup', 'guest-backup'],
  guest: ['guest-backup', 'guest-restore'],
  disk: ['attach-disk', 'detach-disk'],
  interface: ['attach-interface', 'detach-interface'],
  blockMigration: ['live-migrate'],
}
/** Of a fault's message so much is kept, characters. */
const FAULT_TEXT = 1000
const OPTIONAL: ReadonlySet<string> = new Set(['image', 'about', 'host', 'blockMigration'])

/** Throws `BadRequest` for what makes no sense wherever and whenever it is asked. */
function checkParts(args: ActOnInstance): void {
  const { action, snapshot } = args
  for (const [part, actions] of Object.entries(PARTS)) {
    const isGiven = args[part as keyof typeof PARTS] !== undefined
    if (isGiven && !actions.includes(action)) throw new BatonError('BadRequest', `a ${action} takes no ${part}`)
    if (!isGiven && actions.includes(action) && !OPTIONAL.has(part)) throw new BatonError('BadRequest', `a ${action} needs a ${part}`)
  }
  const isBackup = action === 'backup'
  if (snapshot && action !== 'guest-backup' && isBackup !== (snapshot.rotation !== undefined && snapshot.backupType !== undefined)) {
    throw new BatonError('BadRequest', isBackup ? 'a backup needs a backup type and a rotation' : 'only a backup has a type and a rotation')
  }
}

export function instanceRequests({ call, bootable, views, get, quotas, timers = NOVA_DEFAULTS }: InstanceRequestsOptions): Requests {
  /** What begins by itself afterwards. */
  function followUpOf(action: InstanceAction): Task['followUp'] {
    if ((action === 'resize' || action === 'migrate') && timers.confirmResizeMs > 0)
      return { kind: 'confirm-resize', afterMs: timers.confirmResizeMs }
    if (action === 'shelve' && timers.shelvedOffloadMs >= 0) return { kind: 'shelve-offload', afterMs: timers.shelvedOffloadMs }
    return undefined
  }

  /** The image a host is to boot must be one that its driver runs, be there, and need no more than the instance has. */
  async function checkImage(instance: string, imageId: string): Promise<ImageBody> {
    const image = await bootable(imageId)
    const { driver, name, hosts } = image
    const { host, flavor } = await get<InstanceBody>('instance', instance, 'instance')
    checkFits(image, flavor)
    if (host === null) return image
    const runs = (await get<HostBody>('host', host, 'host')).driver
    if (driver !== '' && runs !== driver)
      throw new BatonError('BadRequest', `image ${name} needs the driver ${driver}, but host ${host} runs ${runs}`)
    if (hosts && !hosts.includes(host)) {
      throw new BatonError('Conflict', `image ${name} is on ${hosts.join(', ')}, but not on host ${host}, where instance ${instance} is`)
    }
    return image
  }

  /** What is said of an instance once it is made anew: how it learns who it is depends on its image. */
  async function rebuiltAbout(id: string, image: ImageBody, asked: AboutChange | undefined): Promise<AboutChange | undefined> {
    const [drive, before] = [driveOf(image) ?? null, (await get<InstanceBody>('instance', id, 'instance')).about?.drive ?? null]
    return drive === before ? asked : { ...asked, drive }
  }

  async function changeOf(args: ActOnInstance): Promise<Change | null> {
    const { id, image, flavor, snapshot, about, guest } = args
    if (guest) return { guest, ...(snapshot ? { snapshot: { ...snapshot, driver: BACKUP_DRIVER } } : {}) }
    if (image !== undefined) {
      const found = await checkImage(id, image)
      const told = args.action === 'rebuild' ? await rebuiltAbout(id, found, about) : about
      return { image, ...(told ? { about: told } : {}) }
    }
    if (about) return { about }
    if (flavor !== undefined) {
      const wanted = keptByInstances((await call('flavor', flavor, 'get', {})) as FlavorBody)
      const { image: from } = await get<InstanceBody>('instance', id, 'instance')
      // One that is gone has no say any more.
      const known = await imageOf(from)
      if (known && known.status !== 'deleted') checkFits(known, wanted)
      return { flavor: wanted }
    }
    return snapshot ? { snapshot: await snapshotOf(args, snapshot) } : null
  }

  /** The image that an instance was made of, if anything is known of it. */
  const imageOf = async (id: string): Promise<ImageBody | undefined> =>
    BUILT_IN_IMAGES.find(image => image.id === id) ?? ((await views.get('image', id))?.body as ImageBody | undefined)

  /** What clients read of a snapshot beside its name. */
  async function snapshotOf({ id, action }: ActOnInstance, asked: SnapshotRequest) {
    const { image, host } = await get<InstanceBody>('instance', id, 'instance')
    const isBackup = action === 'backup'
    // As in Nova, its owner may call it another type, and lists by type believe that; of what it is, there is one truth.
    const type = { image_type: isBackup ? 'backup' : 'snapshot' }
    const about = { instance_uuid: id, base_image_ref: image }
    const driver = host === null ? '' : (await get<HostBody>('host', host, 'host')).driver
    // What starts a system is not on its disk when it was booted by a kernel beside it; its snapshots need the same (Nova's `kernel_id`).
    const from = await imageOf(image)
    const kernel = image === QEMU_IMAGE.id ? image : from?.properties.kernel_id
    // The agent is in the copy too, so its instances are active when that says so.
    const agent = Object.entries(from?.properties ?? {}).filter(([key]) => key.startsWith('baton_agent'))
    const made = { ...about, ...(kernel ? { kernel_id: kernel } : {}), ...(asked.backupType === undefined ? {} : { backup_type: asked.backupType }) }
    const properties = { ...type, ...Object.fromEntries(agent), ...asked.properties, ...made }
    return { ...asked, properties, driver }
  }

  /**
   * The image of a snapshot is there when the request is answered: its client asks for it at once. This is what the operation's first step says,
   * and it is nothing where that step was faster, or is over.
   */
  async function announce(instance: string, operation: string, snapshot: NonNullable<Change['snapshot']>): Promise<void> {
    const { image, name, properties, driver, backupType = null, rotation } = snapshot
    if (rotation === 0) return
    const { project, host } = await get<InstanceBody>('instance', instance, 'instance')
    const definition = { name, properties, driver, backupType, project, instance, operation, host: host ?? '' }
    // Whatever is wrong here, the operation is told of as well, and it is the one that acts on it.
    await call('image', image, 'create', definition).catch(() => undefined)
  }

  /** The larger size counts before the resize begins, so that neither its confirm nor its revert can be over the quota. */
  async function reserve(id: string, change: Awaited<ReturnType<typeof changeOf>>) {
    if (!change?.flavor) return null
    const { project, vmState } = await get<InstanceBody>('instance', id, 'instance')
    return vmState === 'deleted' ? null : quotas.take(project, [address('instance', id)], amountsOf(change.flavor))
  }

  /**
   * Serves a request, and has its instance know when nothing comes of it, before whoever made it does: a copy of it may be under way by another
   * conductor. If the instance has accepted that one meanwhile, this is the answer.
   */
  async function answered<T extends Accepted | { operation: string }>(id: string, requestId: string, serve: () => Promise<T>): Promise<T | Accepted> {
    try {
      return await serve()
    } catch (error) {
      const fault = toFault(error)
      if (isTransient(fault)) throw error
      const { accepted } = await decline(id, requestId, fault)
      if (accepted) return accepted
      throw error
    }
  }

  async function decline(id: string, requestId: string, { code, message }: Fault): Promise<Declined> {
    try {
      return (await call('instance', id, 'decline', { requestId, fault: { code, message: message.slice(0, FAULT_TEXT) } })) as Declined
    } catch (error) {
      // Where there is no instance, nothing will come of it either.
      if (error instanceof BatonError && error.code === 'NotFound') return { accepted: null }
      throw error
    }
  }

  async function act(args: ActOnInstance): Promise<Accepted> {
    const { id, action, mode, host, blockMigration, requestId, by } = args
    const change = await changeOf(args)
    if (host !== undefined) await get('host', host, 'host')
    const attaches = action === 'attach-disk' && args.disk
    const disk = attaches ? await knownDisk(views, attaches, await get<InstanceBody>('instance', id, 'instance')) : args.disk
    const followUp = followUpOf(action)
    const asked = {
      action,
      requestId,
      ...(by ? { by } : {}),
      ...(mode ? { mode } : {}),
      ...(change ? { change } : {}),
      ...(host === undefined ? {} : { host }),
      ...(blockMigration === undefined ? {} : { blockMigration }),
    }
    const devices = { ...(disk ? { disk } : {}), ...(args.interface ? { interface: args.interface } : {}) }
    const taken = await reserve(id, change)
    let begun: Accepted
    try {
      const quota = taken ? { quota: taken.number } : {}
      begun = (await call('instance', id, 'act', { ...asked, ...devices, ...(followUp ? { followUp } : {}), ...quota })) as Accepted
      taken?.confirm()
    } catch (error) {
      taken?.doubt()
      throw askedAgain(error)
    }
    if (change?.snapshot) await announce(id, begun.operation, change.snapshot)
    return begun
  }

  return {
    async actOnInstance(args) {
      checkParts(args)
      return answered(args.id, args.requestId, () => act(args))
    },
    async deleteInstance({ id, force, requestId, by }) {
      const reclaimMs = force ? 0 : timers.reclaimMs
      const asked = { requestId, ...(by ? { by } : {}), ...(reclaimMs > 0 ? { reclaimMs } : {}) }
      return answered(id, requestId, async () => (await call('instance', id, 'delete', asked)) as { operation: string })
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
    async setInstanceHa({ id, policy }) {
      return (await call('instance', id, 'setHa', { policy })) as InstanceBody
    },
    async resetInstance({ id, state }) {
      return (await call('instance', id, 'reset', { state })) as InstanceBody
    },
  }
}
