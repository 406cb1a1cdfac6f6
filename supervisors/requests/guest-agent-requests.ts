/** Requests about agents in guests, and the backups that they make. What is written down their actors decide; what is asked of an agent is not. */
import type {
  AgentBody,
  BackupBody,
  ClusterApi,
  GuestApi,
  GuestBody,
  GuestRequest,
  HostBody,
  ImageBody,
  InstanceBody,
  SnapshotRequest,
} from '../../actors/api.ts'
import { BY_HAND, backupBody, chainOf, MAX_CHAIN, propertiesOf } from '../../actors/guest/backups.ts'
import type { AgentLook } from '../../actors/guest/guests.ts'
import type { AgentAbout } from '../../actors/guest/report.ts'
import { BACKUP_DRIVER, BACKUP_FORMAT } from '../../actors/image/body.ts'
import type { ViewTable } from '../../actors/kernel/define.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import type { Views } from '../../actors/kernel/ports.ts'
import type { Requester } from '../../actors/kernel/requester.ts'

export interface AgentRequestsOptions {
  readonly views: Views
  call(kind: string, id: string, method: string, args: unknown): Promise<unknown>
  get<T>(table: ViewTable, id: string, what: string): Promise<T>
  /** What begins operations. */
  readonly act: ClusterApi['actOnInstance']
}

const PAGE_LIMIT = 1000
/** Backups of one instance that are looked through for what builds on what. */
const LOOK_LIMIT = 10_000
/** The agent's answer is waited for so long unless somebody says otherwise, ms: less than a call may take. */
const EXEC_MS = 10_000

/** Who makes a backup, or is given one. */
interface Subject {
  readonly named: string
  readonly project: string
  readonly about: AgentAbout | null
  act(asked: {
    readonly kind: 'guest-backup' | 'guest-restore'
    readonly change: { readonly snapshot?: SnapshotRequest & { readonly driver: string }; readonly guest: GuestRequest }
    readonly requestId: string
    readonly by?: Requester
  }): Promise<{ readonly operation: string }>
}

export function guestAgentRequests({ views, call, get, act }: AgentRequestsOptions): GuestApi {
  async function guestOf(id: string): Promise<GuestBody> {
    const row = await views.get('guest', id)
    const { vmState, agent } = await get<InstanceBody>('instance', id, 'instance')
    if (vmState === 'deleted') throw new BatonError('NotFound', `instance ${id} is deleted`)
    if (row) return row.body as GuestBody
    const why = agent ? 'it is not built yet' : 'its image has no property baton_agent, so no agent is expected in it'
    throw new BatonError('NotFound', `nothing is known of an agent in instance ${id}: ${why}`)
  }

  /** Whose agent it is: of a guest, or of its own. */
  async function subjectOf(id: string): Promise<Subject> {
    const row = await views.get('agent', id)
    if (row?.columns.deleted === true) throw new BatonError('NotFound', `agent ${id} is deleted`)
    if (row) {
      const { about, project } = row.body as AgentBody
      return { named: `agent ${id}`, about, project, act: asked => call('agent', id, 'operate', asked) as ReturnType<Subject['act']> }
    }
    const { about, project } = await guestOf(id)
    const begin: Subject['act'] = ({ kind, change: { snapshot, guest }, requestId, by }) =>
      act({ id, action: kind, ...(snapshot ? { snapshot } : {}), guest, requestId, ...(by ? { by } : {}) })
    return { named: `the agent of instance ${id}`, about, project, act: begin }
  }

  const stateOf = async (host: string): Promise<string> => ((await views.get('host', host))?.body as HostBody | undefined)?.state ?? 'gone'

  /** As it was written down, unless its host is silent: then nobody knows how its agent is. */
  async function shown(body: GuestBody): Promise<GuestBody> {
    if (body.agent !== 'up') return body
    const state = await stateOf(body.host)
    return state === 'up' ? body : { ...body, agent: 'unknown', message: `host ${body.host} is ${state}` }
  }

  async function backup(id: string): Promise<BackupBody> {
    const image = (await views.get('image', id))?.body as ImageBody | undefined
    const found = image && image.status !== 'deleted' ? backupBody(image) : null
    if (!found) throw new BatonError('NotFound', `there is no backup ${id}; \`baton backup list\` shows those there are`)
    return found
  }

  /** All backups of an instance, newest first. */
  async function backupsOf(instance: string): Promise<BackupBody[]> {
    const where = { deleted: false, disk_format: BACKUP_FORMAT, instance }
    return (await views.list('image', { where, limit: LOOK_LIMIT })).flatMap(row => backupBody(row.body as ImageBody) ?? [])
  }

  async function parentFor(id: string, asked: string | undefined): Promise<string> {
    const parent = asked === undefined ? (await backupsOf(id)).find(({ state }) => state === 'COMPLETED') : await backup(asked)
    if (!parent) throw new BatonError('Conflict', `${id} has no backup that an incremental one could build on; make a full one first`)
    if (parent.instance !== id) throw new BatonError('BadRequest', `backup ${parent.id} is of instance ${parent.instance}, not of ${id}`)
    if (parent.state !== 'COMPLETED')
      throw new BatonError('Conflict', `backup ${parent.id} is ${parent.state}; one that others build on must be COMPLETED`)
    return parent.id
  }

  return {
    async listGuests({ limit = PAGE_LIMIT, marker, project, agent }) {
      const where = { deleted: false, ...(project === undefined ? {} : { project }), ...(agent === undefined ? {} : { agent }) }
      const rows = await views.list('guest', { where, limit: Math.min(limit, PAGE_LIMIT), ...(marker === undefined ? {} : { marker }) })
      return Promise.all(rows.map(row => shown(row.body as GuestBody)))
    },
    async getGuest({ id }) {
      const body = await shown(await guestOf(id))
      if (body.agent === 'off' || (await stateOf(body.host)) !== 'up') return body
      const live = await call('compute', body.host, 'guestLook', { instance: id }).catch(() => null)
      return live ? { ...body, live: live as AgentLook } : body
    },
    async execGuest({ id, method, args, timeoutMs = EXEC_MS }) {
      if (method.includes('.'))
        throw new BatonError('BadRequest', `${method} is between a host and an agent; \`baton guest show\` has what may be asked`)
      const { host, vmState, locked } = await get<InstanceBody>('instance', id, 'instance')
      await guestOf(id)
      if (locked) throw new BatonError('Conflict', `cannot ask the agent of instance ${id}: it is locked; unlock it first`)
      if (vmState !== 'active' || host === null)
        throw new BatonError('Conflict', `instance ${id} is ${vmState}; its agent answers while it is active`)
      return (await call('compute', host, 'guestExec', { instance: id, method, args, timeoutMs })) as Awaited<ReturnType<GuestApi['execGuest']>>
    },
    async scheduleBackups({ id, schedule }) {
      const { about } = await guestOf(id)
      if (schedule && about && about.backups.length === 0) throw new BatonError('Conflict', `the agent of instance ${id} makes no backups`)
      return (await call('guest', id, 'schedule', { schedule })) as GuestBody
    },
    async createBackup({ id, backup: image, name, kind, parent: asked, keep, requestId, by }) {
      const { named, about, act } = await subjectOf(id)
      if (!about) throw new BatonError('Conflict', `${named} was not heard yet; only an agent can make a backup`)
      if (!about.backups.includes(kind)) {
        const can = about.backups.length > 0 ? `it makes ${about.backups.join(' and ')} ones` : 'it makes none'
        throw new BatonError('Conflict', `${named} makes no ${kind} backups; ${can}`)
      }
      if (kind === 'full' && asked !== undefined) throw new BatonError('BadRequest', 'a full backup builds on no other')
      const parent = kind === 'full' ? null : await parentFor(id, asked)
      const properties = propertiesOf(kind, parent, about.service)
      const kept = keep === undefined ? {} : { rotation: keep }
      const snapshot = { image, name, properties, driver: BACKUP_DRIVER, backupType: BY_HAND, ...kept }
      return act({ kind: 'guest-backup', change: { snapshot, guest: { kind, parent } }, requestId, ...(by ? { by } : {}) })
    },
    async listBackups({ limit = PAGE_LIMIT, marker, project, instance }) {
      const named = { ...(project === undefined ? {} : { project }), ...(instance === undefined ? {} : { instance }) }
      const where = { deleted: false, disk_format: BACKUP_FORMAT, ...named }
      const rows = await views.list('image', { where, limit: Math.min(limit, PAGE_LIMIT), ...(marker === undefined ? {} : { marker }) })
      return rows.flatMap(row => backupBody(row.body as ImageBody) ?? [])
    },
    getBackup: ({ id }) => backup(id),
    async deleteBackup({ id }) {
      const { instance } = await backup(id)
      const above = (await backupsOf(instance)).filter(({ parent }) => parent === id).map(each => each.id)
      if (above.length > 0) throw new BatonError('Conflict', `backup ${id} cannot be deleted: ${above.join(', ')} would be worth nothing without it`)
      await call('image', id, 'delete', {})
      return {}
    },
    async restoreBackup({ id, backup: wanted, requestId, by }) {
      const found = await backup(wanted)
      if (found.state !== 'COMPLETED')
        throw new BatonError('Conflict', `backup ${wanted} is ${found.state}; only one that is COMPLETED can be restored`)
      const { named, about, project, act } = await subjectOf(id)
      if (found.project !== project) throw new BatonError('NotFound', `there is no backup ${wanted} in the project of ${named}`)
      if (about && about.service !== found.service)
        throw new BatonError('BadRequest', `backup ${wanted} is of a ${found.service}, and ${named} has a ${about.service}`)
      const chain = chainOf(found, new Map((await backupsOf(found.instance)).map(each => [each.id, each])))
      if (chain === null) throw new BatonError('Conflict', `backup ${wanted} builds on more than ${MAX_CHAIN} others`)
      if ('missing' in chain) throw new BatonError('Conflict', `backup ${wanted} builds on ${chain.missing}, which is not there any more`)
      return act({ kind: 'guest-restore', change: { guest: { backups: chain.map(each => each.id) } }, requestId, ...(by ? { by } : {}) })
    },
  }
}
