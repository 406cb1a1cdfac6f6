/**
 * The cluster's interface as conductors serve it: writes go to actors, reads come from views, which changed in the same
 * transaction as the events behind them, so whoever was answered reads what he wrote.
 */
import { adviseScaling } from '../../actors/alerts/advice.ts'
import type { AlertsBody } from '../../actors/alerts/body.ts'
import {
  type ClusterApi,
  type FlavorBody,
  type HostBody,
  type ImageBody,
  type InstanceBody,
  type ListInstances,
  NODE_ROLES,
  type NodeBody,
  type NodeRole,
  type OperationBody,
  type Page,
  type QueueBody,
  type StatusBody,
  VM_STATES,
  type VmState,
} from '../../actors/api.ts'
import type { AuditLog } from '../../actors/kernel/audit.ts'
import type { ViewTable } from '../../actors/kernel/define.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import type { Member, ShardMap, ViewQuery, Views } from '../../actors/kernel/ports.ts'
import type { Session } from '../../transport/sessions.ts'
import { hostFigures } from '../hosts/host-figures.ts'
import { createImages } from '../images/requests.ts'
import { createDoctor, type DoctorOptions } from '../observe/doctor.ts'
import { evidenceRequests } from '../observe/requests.ts'
import { numbersOf } from '../observe/self-report.ts'
import { agentRequests } from './agent-requests.ts'
import { auditRequests } from './audit-requests.ts'
import { diskRequests } from './disk-requests.ts'
import { guestAgentRequests } from './guest-agent-requests.ts'
import { guestRequests } from './guest-requests.ts'
import { hostRequests, KNOWN_HOSTS } from './host-requests.ts'
import { instanceCreation } from './instance-creation.ts'
import { type InstanceTimers, instanceRequests } from './instance-requests.ts'
import { keyPairRequests } from './key-pair-requests.ts'
import type { PlacementService } from './placement.ts'
import { placementRequests } from './placement-requests.ts'
import { quotaRequests } from './quota-requests.ts'
import type { Quotas } from './quotas.ts'

export interface ClusterApiOptions {
  readonly quotas: Quotas
  readonly views: Views
  /** The images that come with Baton, as far as some host can run them. */
  builtIn(): readonly ImageBody[]
  call(kind: string, id: string, method: string, args: unknown): Promise<unknown>
  members(): readonly Member[]
  map(): ShardMap
  sessions(): readonly Session[]
  hostLoad(host: string): Readonly<Record<string, number>>
  /** Every host of the cluster as last heard of. */
  hosts(): readonly HostBody[]
  readonly explain: PlacementService['explain']
  readonly audit: AuditLog | undefined
  listAlerts(): Promise<AlertsBody>
  readonly clusterHistory: ClusterApi['clusterHistory']
  /** Whether this conductor could reach the database just now. */
  databaseConnected(): boolean
  readonly version: string
  readonly timers?: InstanceTimers | undefined
  /** Time in which the agent of a new guest must be heard, ms, unless its image says otherwise. */
  readonly agentBootMs?: number | undefined
  /** Agents outside of guests that one project may have. */
  readonly agentsMax?: number | undefined
  readonly doctor: Omit<DoctorOptions, 'views' | 'call' | 'nodes' | 'members' | 'map' | 'version'>
}

/** Compute hosts whose queues are asked for. */
const QUEUES_OF_COMPUTES = 100
/** Rows a list answers with when no limit is asked for, and at most. */
export const PAGE_LIMIT = 1000

export function createClusterApi(options: ClusterApiOptions): ClusterApi {
  const { views, call, quotas } = options
  const limits = quotaRequests(options)

  async function list<T>(
    table: ViewTable,
    where: ViewQuery['where'],
    page: Page,
    more: Pick<ViewQuery, 'sort' | 'changed' | 'contains'> = {},
  ): Promise<T[]> {
    const limit = Math.min(page.limit ?? PAGE_LIMIT, PAGE_LIMIT)
    const rows = await views.list(table, { ...more, where, limit, ...(page.marker === undefined ? {} : { marker: page.marker }) })
    return rows.map(row => row.body as T)
  }

  async function get<T>(table: ViewTable, id: string, what: string): Promise<T> {
    const row = await views.get(table, id)
    if (!row) throw new BatonError('NotFound', `there is no ${what} ${id}`)
    return row.body as T
  }

  const images = createImages(options)

  /** Of compute hosts a page, as of every list: who wants them all reads hosts. */
  async function nodes(roles: readonly NodeRole[] = NODE_ROLES): Promise<NodeBody[]> {
    const map = options.map()
    const sessions = new Map(options.sessions().map(s => [s.identity.node, s]))
    const conductors = options
      .members()
      .filter(m => m.state === 'alive' || m.state === 'draining')
      .map(
        (m): NodeBody => ({
          id: m.nodeId,
          role: 'conductor',
          pid: m.pid,
          state: m.state === 'alive' ? 'up' : m.state,
          endpoint: m.endpoint,
          version: m.version,
          node: String((m.load as { node?: string })?.node ?? ''),
          shards: map.owners.filter(o => o === m.incarnation).length,
          load: numbersOf(m.load),
        }),
      )
    const hosts = roles.includes('compute') ? await list<HostBody>('host', { state: KNOWN_HOSTS }, {}) : []
    const computes = hosts.map((h): NodeBody => {
      const session = sessions.get(h.id)
      return {
        id: h.id,
        role: 'compute',
        pid: h.pid,
        state: h.state,
        endpoint: '',
        version: h.version,
        node: session?.identity.eng ?? '',
        shards: 0,
        load: options.hostLoad(h.id),
      }
    })
    const gateways = [...sessions.values()]
      .filter(s => s.identity.role === 'gateway')
      .map(
        ({ identity: i }): NodeBody => ({
          id: i.node,
          role: 'gateway',
          pid: i.pid,
          state: 'up',
          endpoint: '',
          version: i.ver,
          node: i.eng,
          shards: 0,
          load: {},
        }),
      )
    const byId = (a: NodeBody, b: NodeBody) => (a.id < b.id ? -1 : 1)
    return [...conductors.sort(byId), ...computes.sort(byId), ...gateways.sort(byId)].filter(({ role }) => roles.includes(role))
  }

  async function instanceCounts(): Promise<Record<VmState, number>> {
    const counts = await views.countBy('instance', 'vm_state')
    return Object.fromEntries(VM_STATES.map(state => [state, counts.get(state) ?? 0])) as Record<VmState, number>
  }

  const instances = instanceRequests({ ...options, bootable: images.bootable, get, quotas })
  const { checkPlacement, ...placement } = placementRequests({ views, call, explain: options.explain, bootable: images.bootable, get, list, quotas })

  return {
    ...placement,
    createInstances: instanceCreation({ call, bootable: images.bootable, checkPlacement, quotas, agentBootMs: options.agentBootMs }),
    getInstance: ({ id }) => get<InstanceBody>('instance', id, 'instance'),
    listInstances(args: ListInstances) {
      const { deleted = false, sort, changed, find } = args
      const where: Record<string, string | boolean> = deleted === 'any' ? {} : { deleted }
      if (args.name !== undefined) where.name = args.name
      if (args.vmState !== undefined) where.vm_state = args.vmState
      if (args.host !== undefined) where.host = args.host
      if (args.project !== undefined) where.project = args.project
      const contains = find === undefined ? {} : { contains: { columns: ['name', 'host'], text: find } }
      return list('instance', where, args, { ...(sort ? { sort } : {}), ...(changed ? { changed } : {}), ...contains })
    },
    ...images.requests,
    ...diskRequests(options),
    ...createDoctor({ ...options, ...options.doctor, nodes }),
    ...instances,
    ...guestRequests({ call, get }),
    ...agentRequests({ env: options.doctor.env, views, call, agentsMax: options.agentsMax }),
    ...guestAgentRequests({ views, call, get, act: instances.actOnInstance }),
    ...limits,
    ...keyPairRequests({ call, getQuota: limits.getQuota }),
    listFlavors: page => list('flavor', { deleted: false }, page),
    async getFlavor({ id }) {
      return (await call('flavor', id, 'get', {})) as FlavorBody
    },
    async createFlavor({ id, ...definition }) {
      const taken = await views.list('flavor', { where: { name: definition.name, deleted: false }, limit: 2 })
      if (taken.some(row => row.id !== id)) throw new BatonError('Conflict', `a flavor named ${definition.name} exists already`)
      return (await call('flavor', id, 'create', definition)) as FlavorBody
    },
    async describeFlavor({ id, description }) {
      return (await call('flavor', id, 'describe', { description })) as FlavorBody
    },
    async setFlavorAccess({ id, project, granted }) {
      return (await call('flavor', id, 'setAccess', { project, granted })) as FlavorBody
    },
    async deleteFlavor({ id }) {
      await call('flavor', id, 'delete', {})
      return {}
    },
    listOperations({ subject, open, requestId, kinds, changed, ...page }) {
      const where: Record<string, string | boolean | readonly string[]> = {}
      if (kinds !== undefined) where.kind = kinds
      if (subject !== undefined) where.subject = subject
      if (open !== undefined) where.open = open
      if (requestId !== undefined) where.request_id = requestId
      return list('operation', where, page, changed ? { changed } : {})
    },
    getOperation: ({ id }) => get<OperationBody>('operation', id, 'operation'),
    listHosts: page => list('host', { state: KNOWN_HOSTS }, page),
    ...hostRequests({ views, call, get }),
    ...auditRequests(options.audit),
    listAlerts: options.listAlerts,
    clusterHistory: options.clusterHistory,
    ...evidenceRequests({ env: options.doctor.env, views, call, nodes }),
    listNodes: ({ roles }) => nodes(roles),
    async drainNode({ id }) {
      const node = (await nodes()).find(n => n.id === id)
      if (!node) throw new BatonError('NotFound', `there is no node ${id}; \`baton node list\` shows those there are`)
      if (node.role === 'compute') {
        await call('host', id, 'setEnabled', { enabled: false, reason: 'drained' })
        return { state: 'disabled' }
      }
      if (node.role === 'gateway') throw new BatonError('Conflict', `${id} is a gateway and has nothing to hand over; stop it with SIGTERM`)
      const members = options.members()
      if (members.filter(m => m.state === 'alive').length < 2) {
        throw new BatonError('Conflict', `${id} is the only conductor; start another before it is drained`)
      }
      const incarnation = members.find(m => m.nodeId === id && (m.state === 'alive' || m.state === 'draining'))?.incarnation
      if (incarnation === undefined) throw new BatonError('Conflict', `${id} is ${node.state}; only a conductor that runs can be drained`)
      await call('node', id, 'drain', { incarnation })
      return { state: 'draining' }
    },
    async listQueues() {
      const up = (await nodes()).filter(n => n.state === 'up')
      const [computes, others] = [up.filter(n => n.role === 'compute'), up.filter(n => n.role !== 'compute')]
      // Each is asked; of thousands of hosts those that work most.
      const asked = [...others, ...computes.sort((a, b) => (b.load.cpu ?? 0) - (a.load.cpu ?? 0)).slice(0, QUEUES_OF_COMPUTES)]
      const parts = await Promise.all(
        asked.map(async n => {
          try {
            return (await call(n.role === 'compute' ? 'compute' : 'node', n.id, 'queues', {})) as QueueBody[]
          } catch {
            return []
          }
        }),
      )
      return parts.flat()
    },
    async status({ roles }) {
      const [all, instances, operationsOpen] = await Promise.all([
        nodes(roles),
        instanceCounts(),
        views.count('operation', { where: { open: true } }),
      ])
      const conductors = await nodes(['conductor'])
      const waitingCommits = conductors.reduce((sum, n) => sum + (n.load.commitsWaiting ?? 0), 0)
      const poisoned = options.members().flatMap(m => (m.load as { poisoned?: string[] })?.poisoned ?? [])
      const status: StatusBody = {
        version: options.version,
        nodes: all,
        hosts: hostFigures(options.hosts()),
        instances,
        operationsOpen,
        mapVersion: options.map().version,
        database: { connected: options.databaseConnected(), waitingCommits },
        advice: adviseScaling(conductors),
        poisoned,
        alerts: [...new Set(options.members().flatMap(m => (m.load as { alerts?: string[] })?.alerts ?? []))],
      }
      return status
    },
  }
}
