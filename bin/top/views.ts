/** The tables of `baton top`: columns to show and sort by, and what is behind a row. Pure. */
import { spreadText } from '../../actors/alerts/advice.ts'
import type { HostBody, InstanceBody, NodeBody, OperationBody } from '../../actors/api.ts'
import type { ClusterRow, QueueRow, ShardRow } from '../../transport/console-client/topics.ts'
import { loadLines } from '../output/load.ts'
import { stepText } from '../output/progress.ts'
import { duration } from '../output/table.ts'

export interface Data {
  readonly cluster: ReadonlyMap<string, ClusterRow>
  readonly nodes: ReadonlyMap<string, NodeBody>
  readonly shards: ReadonlyMap<string, ShardRow>
  readonly queues: ReadonlyMap<string, QueueRow>
  readonly operations: ReadonlyMap<string, OperationBody>
  readonly hosts: ReadonlyMap<string, HostBody>
  readonly instances: ReadonlyMap<string, InstanceBody>
}

export type Cell = string | number | null

export interface Line {
  readonly id: string
  readonly cells: readonly Cell[]
}

export interface View {
  readonly columns: readonly string[]
  /** Column by which it is sorted at first; negative: the largest first. 1 is the first. */
  readonly sort: number
  lines(data: Data): readonly Line[]
  /** What is to say about one row; no lines when it is gone. */
  detail(data: Data, id: string): readonly string[]
}

const percent = (part: number, of: number): string => (of === 0 ? '-' : `${Math.round((100 * part) / of)} %`)

/** Every field of a body as a line, those of objects in JSON. */
const fields = (body: object | undefined): string[] =>
  body ? Object.entries(body).map(([name, value]) => `${name.padEnd(18)} ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`) : []

const NODES: View = {
  columns: ['NODE', 'ROLE', 'STATE', 'SHARDS', 'CPU %', 'MEM MB', 'CMD/S', 'QUEUE', 'OLDEST MS', 'COMMIT MS', 'LAG MS', 'VERSION'],
  sort: 1,
  lines: ({ nodes }) =>
    [...nodes.values()].map(({ id, role, state, shards, load, version }) => {
      const { cpu, rssMb, commandsPerS, inbox, commitsWaiting = 0, oldestMs, commitMs, lagMs } = load
      const queue = inbox === undefined ? null : inbox + commitsWaiting
      const cells = [id, role, state, role === 'conductor' ? shards : null, cpu === undefined ? null : Math.round(cpu * 100)]
      return { id, cells: [...cells, ...[rssMb, commandsPerS, queue, oldestMs, commitMs, lagMs].map(value => value ?? null), version] }
    }),
  detail({ nodes }, id) {
    const node = nodes.get(id)
    if (!node) return []
    const { load: _, ...rest } = node
    return [...fields(rest), ...loadLines(node).map(([title, text]) => `${title.toLowerCase().padEnd(18)} ${text}`)]
  },
}

const SHARDS: View = {
  columns: ['CONDUCTOR', 'SHARDS', 'INCARNATION', 'WHICH'],
  sort: 1,
  lines: ({ shards }) =>
    [...Map.groupBy(shards.values(), shard => shard.node ?? '(nobody)')].map(([node, owned]) => ({
      id: node,
      cells: [node, owned.length, owned[0]?.incarnation ?? null, owned.map(shard => shard.id).join(' ')],
    })),
  detail: ({ shards }, id) => [`shards of ${id}:`, [...shards.values()].flatMap(s => (s.node === id ? [s.id] : [])).join(' ')],
}

const QUEUES: View = {
  columns: ['NODE', 'QUEUE', 'DEPTH', 'LIMIT', 'FULL', 'OLDEST MS', 'BUSIEST'],
  sort: -3,
  lines: ({ queues }) =>
    [...queues.values()].map(q => ({ id: q.id, cells: [q.node, q.queue, q.depth, q.limit, percent(q.depth, q.limit), q.oldestMs, q.busiest] })),
  detail: ({ queues }, id) => fields(queues.get(id)),
}

const OPERATIONS: View = {
  columns: ['OPERATION', 'KIND', 'STATUS', 'STEP', 'STEPS', 'STARTED', 'FAULT'],
  sort: -6,
  lines: ({ operations }) =>
    [...operations.values()].map(o => {
      const step = o.steps.findLast(s => s.state === 'running')
      const done = o.steps.filter(s => s.state === 'done' && s.direction === 'do').length
      const started = new Date(o.startedAt).toISOString().slice(11, 23)
      return { id: o.id, cells: [o.id, o.kind, o.status, step?.name ?? null, `${done}/${o.plan.length}`, started, o.fault?.message ?? null] }
    }),
  detail({ operations }, id) {
    const o = operations.get(id)
    if (!o) return []
    const took = o.endedAt === null ? 'is under way' : `took ${duration(o.endedAt - o.startedAt)}`
    const lines = [`${o.kind} of ${o.subject}: ${o.status}, ${took}; request ${o.requestId}`, ...o.steps.map(step => `  ${stepText(step)}`)]
    return o.fault ? [...lines, `fault: ${o.fault.message}`] : lines
  },
}

const HOSTS: View = {
  columns: ['HOST', 'STATE', 'MODE', 'DRIVER', 'VCPUS', 'RAM', 'DISK', 'CLAIMS', 'OPERATION'],
  sort: 1,
  lines: ({ hosts }) =>
    [...hosts.values()].map(h => {
      const used = [percent(h.vcpusUsed, h.vcpus), percent(h.ramMbUsed, h.ramMb), percent(h.diskGbUsed, h.diskGb)]
      return { id: h.id, cells: [h.id, h.state, h.mode, h.driver, ...used, h.claims, h.operation] }
    }),
  detail: ({ hosts }, id) => fields(hosts.get(id)),
}

const INSTANCES: View = {
  columns: ['INSTANCE', 'NAME', 'STATE', 'TASK', 'POWER', 'HOST', 'FLAVOR', 'PROJECT'],
  sort: 2,
  lines: ({ instances }) =>
    [...instances.values()].map(i => ({
      id: i.id,
      cells: [i.id, i.name, i.vmState, i.taskState, i.powerState, i.host, i.flavor.name, i.project],
    })),
  detail: ({ instances }, id) => fields(instances.get(id)),
}

export const VIEWS = { nodes: NODES, shards: SHARDS, queues: QUEUES, operations: OPERATIONS, hosts: HOSTS, instances: INSTANCES } as const
export type ViewName = keyof typeof VIEWS
export const VIEW_NAMES: readonly ViewName[] = ['nodes', 'shards', 'queues', 'operations', 'hosts', 'instances']

/** The lines above every table: how the cluster is. */
export function headline({ cluster, nodes }: Data): string[] {
  const figures = cluster.get('cluster')
  if (!figures) return ['(no figures yet)']
  const counts = Object.entries(figures.instances).flatMap(([state, count]) => (count > 0 ? [`${count} ${state}`] : []))
  const roles = ['conductor', 'gateway', 'compute'].map(role => `${[...nodes.values()].filter(n => n.role === role).length} ${role}s`)
  return [
    `Baton ${figures.version}   ${roles.join(', ')}   operations open: ${figures.operationsOpen}   shard map ${figures.mapVersion}`,
    `instances: ${counts.join(', ') || 'none'}`,
    `${figures.advice.addConductor ? 'ADD A CONDUCTOR' : 'no conductor needed'}: ${figures.advice.because}`,
    ...(figures.advice.spread ? [`  ${spreadText(figures.advice.spread)}`] : []),
    ...figures.alerts.map(alert => `ALERT ${alert}`),
  ]
}
