/** Agents in guests and their backups, for a cluster in memory: every active instance has an agent that does what it is told. */
import type { ActOnInstance, BackupBody, GuestApi, GuestBody, InstanceBody } from '../../actors/api.ts'
import { backupBody, propertiesOf } from '../../actors/guest/backups.ts'
import { BACKUP_DRIVER } from '../../actors/image/body.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import type { FakeImages } from './fake-images.ts'

interface World {
  readonly instances: ReadonlyMap<string, InstanceBody>
  readonly images: FakeImages
  act(args: ActOnInstance): Promise<{ operation: string }>
}

export function fakeAgents({ instances, images, act }: World): GuestApi {
  function instance(id: string): InstanceBody {
    const found = instances.get(id)
    if (!found) throw new BatonError('NotFound', `Instance ${id} could not be found.`)
    return found
  }

  const schedules = new Map<string, GuestBody['schedule']>()

  const guestOf = ({ id, project, host, createdAt, updatedAt }: InstanceBody): GuestBody => ({
    ...{ id, project, host: host ?? '', agent: 'up', status: 'ACTIVE', message: null, createdAt, updatedAt },
    about: { agent: 'fake/1', boot: 'b1', service: 'fake', methods: [{ name: 'freeze', about: 'holds writes' }], backups: ['full', 'incremental'] },
    ...{ backup: null, schedule: schedules.get(id) ?? null, lastBackup: null },
  })

  async function backups(): Promise<BackupBody[]> {
    return (await images.api.listImages({})).flatMap(image => backupBody(image) ?? [])
  }

  async function backup(id: string): Promise<BackupBody> {
    const found = (await backups()).find(each => each.id === id)
    if (!found) throw new BatonError('NotFound', `there is no backup ${id}`)
    return found
  }

  return {
    listGuests: async ({ project, agent }) =>
      [...instances.values()]
        .filter(each => each.host !== null && (project === undefined || each.project === project))
        .map(guestOf)
        .filter(guest => agent === undefined || guest.agent === agent),
    getGuest: async ({ id }) => guestOf(instance(id)),
    execGuest: async ({ id, method, args }) => {
      if (!guestOf(instance(id)).about?.methods.some(({ name }) => name === method)) {
        throw new BatonError('BadRequest', `the agent of guest ${id} has no method ${method}; it has freeze`)
      }
      return { value: { ...args } }
    },
    scheduleBackups: async ({ id, schedule }) => {
      schedules.set(id, schedule)
      return guestOf(instance(id))
    },
    async createBackup({ id, backup: image, name, kind, parent = null, requestId }) {
      const properties = propertiesOf(kind, parent, 'fake')
      const begun = await act({ id, action: 'guest-backup', snapshot: { image, name, properties }, guest: { kind, parent }, requestId })
      images.add({ ...(await images.api.getImage({ id: image })), driver: BACKUP_DRIVER })
      return begun
    },
    listBackups: async ({ project, instance: of }) =>
      (await backups()).filter(each => (project === undefined || each.project === project) && (of === undefined || each.instance === of)),
    getBackup: ({ id }) => backup(id),
    async deleteBackup({ id }) {
      await backup(id)
      await images.api.deleteImage({ id })
      return {}
    },
    async restoreBackup({ id, backup: wanted, requestId }) {
      await backup(wanted)
      return act({ id, action: 'guest-restore', guest: { backups: [wanted] }, requestId })
    },
  }
}
