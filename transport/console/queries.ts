/** The topics as a table: what each takes, who may watch it, how its rows are read, and which rows belong to it. */
import type { ClusterApi, HostBody, InstanceBody, InstanceSort, ListLogs, LogLevel, NodeRole, OperationBody, VmState } from '../../actors/api.ts'
import { INSTANCE_SORT_KEYS, isFoundIn, LOG_LEVELS, NODE_ROLES, VM_STATES } from '../../actors/api.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import type { Params, Topic } from '../console-client/topics.ts'
import { feedText } from './feed.ts'
import type { Row, WindowSpec } from './window.ts'

export const WINDOW = { default: 1000, max: 10_000 } as const
/** Rows that are held beyond those that are shown, of their number: when one of these goes, the next is known. */
const SPARE = { least: 20, share: 0.1 }
/** Rows read at a time. */
const PAGE = 1000
/** Pages that are looked through for the operations of one project: the database cannot filter by it. */
const PAGES_SEARCHED = 10

/** A topic with its parameters, for one project or for all (null). */
export interface Query {
  readonly topic: Topic
  readonly params: Params
  readonly project: string | null
}

/** The same text for the same query: those who watch the same share it. */
export const keyOf = ({ topic, params, project }: Query): string =>
  JSON.stringify([topic, project, ...Object.entries(params).toSorted(([a], [b]) => (a < b ? -1 : 1))])

interface TopicEntry {
  readonly about: string
  readonly params: readonly (keyof Params)[]
  /** Rule for the own project's, and for everybody's; the same when it is nobody's in particular. */
  readonly own: string | null
  readonly all: string
}

export const TOPICS: Readonly<Record<Topic, TopicEntry>> = {
  cluster: { about: 'the figures of `baton status`, one row', params: [], own: null, all: 'baton:cluster' },
  alerts: { about: 'the alerts that fire, and the newest that are over', params: [], own: null, all: 'baton:cluster' },
  nodes: { about: 'conductors, gateways and compute hosts with their load', params: ['role'], own: null, all: 'baton:cluster' },
  shards: { about: 'who owns each shard', params: [], own: null, all: 'baton:cluster' },
  queues: { about: 'every queue with its depth, limit and oldest message', params: [], own: null, all: 'baton:cluster' },
  hosts: { about: 'compute hosts', params: ['id', 'state', 'mode', 'find', 'sort', 'limit'], own: null, all: 'baton:hosts' },
  instances: {
    about: 'instances that are not deleted; with `id` that one, whatever becomes of it',
    params: ['id', 'project', 'host', 'vmState', 'name', 'find', 'sort', 'after', 'limit'],
    own: 'os_compute_api:servers:detail',
    all: 'os_compute_api:servers:detail:get_all_tenants',
  },
  operations: {
    about: 'operations, the newest first; `subject` is an instance or host',
    params: ['id', 'project', 'subject', 'kind', 'open', 'limit'],
    own: 'baton:operations:show',
    all: 'baton:operations:all',
  },
  events: {
    about: 'what actors commit, from now on; `subject` is an instance, with its operations, or a host',
    params: ['project', 'subject', 'kind'],
    own: 'baton:operations:show',
    all: 'baton:operations:all',
  },
  console: {
    about: 'what the guest of the instance `id` writes',
    params: ['id'],
    own: 'os_compute_api:os-console-output',
    all: 'os_compute_api:os-console-output',
  },
  logs: {
    about: 'lines of the logs of the nodes, the newest and then what comes; for admins',
    params: ['node', 'request', 'instance', 'operation', 'level'],
    own: null,
    all: 'baton:evidence',
  },
}

/** Which topics have rows that come from the views, and of which table. */
export const TABLES: Partial<Record<Topic, string>> = { hosts: 'host', instances: 'instance', operations: 'operation' }

const bad = (message: string): never => {
  throw new BatonError('BadRequest', message)
}

/** The parameters in their normal form. Throws `BadRequest` for those that the topic does not take. */
export function paramsOf(topic: Topic, params: Params): Params {
  const allowed = TOPICS[topic].params
  for (const name of Object.keys(params))
    if (!allowed.some(known => known === name))
      bad(`topic ${topic} has no parameter ${JSON.stringify(name)}; it has ${allowed.length === 0 ? 'none' : allowed.join(', ')}`)
  if (topic === 'console' && params.id === undefined) bad('topic console needs the parameter id, an instance')
  if (params.vmState !== undefined && !isVmState(params.vmState)) bad(`vmState must be one of ${VM_STATES.join(', ')}`)
  if (params.role !== undefined && !isRole(params.role)) bad(`role must be one of ${NODE_ROLES.join(', ')}`)
  if (params.sort !== undefined && topic === 'hosts') hostOrder(params.sort)
  else if (params.sort !== undefined) sortOf(params.sort)
  if (params.level !== undefined && !isLevel(params.level)) bad(`level must be one of ${LOG_LEVELS.join(', ')}`)
  return params
}

const isLevel = (text: string): text is LogLevel => LOG_LEVELS.some(level => level === text)

/** The lines that a query of `logs` is about. */
export function logsOf({ node, request, instance, operation, level }: Params): ListLogs {
  const mentions = [request, instance, operation].filter(id => id !== undefined)
  return {
    ...(node === undefined ? {} : { node }),
    ...(mentions.length === 0 ? {} : { mentions }),
    ...(level !== undefined && isLevel(level) ? { level } : {}),
  }
}

export const isRole = (text: string): text is NodeRole => NODE_ROLES.some(role => role === text)
const isVmState = (text: string): text is VmState => VM_STATES.some(state => state === text)

function sortOf(text: string): InstanceSort {
  const [name, direction = 'asc'] = text.split(':')
  const column = INSTANCE_SORT_KEYS.find(key => key === name)
  if (!column) return bad(`sort: there is no column ${JSON.stringify(name)}; there are ${INSTANCE_SORT_KEYS.join(', ')}`)
  if (direction !== 'asc' && direction !== 'desc') return bad('sort: the direction is asc or desc')
  return { column, direction }
}

const NEWEST: InstanceSort = { column: 'created_at', direction: 'desc' }

const COLUMNS: Readonly<Record<InstanceSort['column'], (i: InstanceBody) => string | number | null>> = {
  created_at: i => i.createdAt,
  updated_at: i => i.updatedAt,
  name: i => i.name,
  project: i => i.project,
  vm_state: i => i.vmState,
  task_state: i => i.taskState,
  host: i => i.host,
  id: i => i.id,
}

/** Null is smallest, as in the views. */
function compareValues(a: string | number | null, b: string | number | null): number {
  if (a === b) return 0
  if (a === null || b === null) return a === null ? -1 : 1
  return a < b ? -1 : 1
}

const byNumber = (text: string): string => text.replaceAll(/\d+/g, digits => digits.padStart(12, '0'))
const share = (used: number, of: number): number => (of > 0 ? used / of : 0)

/** What a host is sorted by; `attention` is who should be looked at first: those that are not well, then the fullest. */
const HOST_COLUMNS: Readonly<Record<string, (h: HostBody) => string | number>> = {
  created_at: h => h.createdAt,
  id: h => byNumber(h.id),
  state: h => h.state,
  ram: h => share(h.ramMbUsed, h.ramMb),
  claims: h => h.claims,
  attention: h =>
    (h.state === 'up' ? 0 : 2) + (h.mode === 'enabled' ? 0 : 1) + Math.max(share(h.ramMbUsed, h.ramMb), share(h.diskGbUsed, h.diskGb)) / 2,
}

function hostOrder(text: string): (a: Row, b: Row) => number {
  const [name = '', direction = 'asc'] = text.split(':')
  const of = HOST_COLUMNS[name]
  if (!of) return bad(`sort: hosts have no column ${JSON.stringify(name)}; there are ${Object.keys(HOST_COLUMNS).join(', ')}`)
  if (direction !== 'asc' && direction !== 'desc') return bad('sort: the direction is asc or desc')
  const sign = direction === 'asc' ? 1 : -1
  return (a, b) => sign * (compareValues(of(host(a.body)), of(host(b.body))) || compareValues(a.id, b.id))
}

const newestFirst = (at: (row: Row) => number) => (a: Row, b: Row) => compareValues(at(b), at(a)) || compareValues(b.id, a.id)

// What the rows of a table are is known from the table; the casts say so.
const instance = (body: object) => body as InstanceBody
const operation = (body: object) => body as OperationBody
const host = (body: object) => body as HostBody

const is = (wanted: string | undefined, value: string | null): boolean => wanted === undefined || wanted === value

/** The rows of a query over a view. */
export function windowSpec({ topic, params, project }: Query): WindowSpec {
  const limit = Math.min(params.limit ?? WINDOW.default, WINDOW.max)
  const spare = { limit, hold: limit + Math.max(SPARE.least, Math.round(limit * SPARE.share)) }
  switch (topic) {
    case 'instances': {
      const { column, direction } = params.sort === undefined ? NEWEST : sortOf(params.sort)
      const sign = direction === 'asc' ? 1 : -1
      const value = COLUMNS[column]
      return {
        ...spare,
        fits: body => {
          const i = instance(body)
          const isAsked = params.id === undefined ? i.vmState !== 'deleted' : i.id === params.id
          return (
            isAsked &&
            is(project ?? params.project, i.project) &&
            is(params.host, i.host) &&
            is(params.vmState, i.vmState) &&
            is(params.name, i.name) &&
            (params.find === undefined || isFoundIn(params.find, i))
          )
        },
        compare: (a, b) => sign * (compareValues(value(instance(a.body)), value(instance(b.body))) || compareValues(a.id, b.id)),
      }
    }
    case 'operations':
      return {
        ...spare,
        fits: body => {
          const o = operation(body)
          const isOpen = params.open === undefined || params.open === (o.endedAt === null)
          return (
            isOpen &&
            is(project ?? params.project, o.project ?? null) &&
            is(params.id, o.id) &&
            is(params.subject, o.subject) &&
            is(params.kind, o.kind)
          )
        },
        compare: newestFirst(row => operation(row.body).startedAt),
      }
    default:
      return {
        limit,
        // In another order than the database's all of them are held, to know which are the first.
        hold: params.sort === undefined ? spare.hold : WINDOW.max,
        fits: body => {
          const h = host(body)
          const isFound = params.find === undefined || h.id.toLowerCase().includes(params.find.toLowerCase())
          return h.state !== 'gone' && isFound && is(params.id, h.id) && is(params.state, h.state) && is(params.mode, h.mode)
        },
        compare: hostOrder(params.sort ?? 'created_at:desc'),
      }
  }
}

export function rowOf(body: object & { readonly id: string; readonly rev?: number }): Row {
  return { id: body.id, rev: body.rev ?? 0, body, json: feedText(body) }
}

export interface WatchedView {
  readonly spec: WindowSpec
  /** Reads the rows, in their order, at most as many as the window holds. Rejects `NotFound` when there is nothing they could come behind. */
  read(): Promise<Row[]>
}

/** A query over a view. One that begins behind a row follows that row, by what it was at the last read. */
export function viewOf(api: ClusterApi, query: Query): WatchedView {
  const plain = windowSpec(query)
  const { params, project } = query
  const { after } = params
  if (after === undefined) return { spec: plain, read: () => readRows(api, query, plain) }
  let anchor: Row | null = null
  const isBehind = (body: object): boolean => anchor !== null && plain.compare({ id: instance(body).id, rev: 0, body, json: '' }, anchor) > 0
  const spec: WindowSpec = { ...plain, fits: body => plain.fits(body) && isBehind(body) }
  return {
    spec,
    async read() {
      const body = await api.getInstance({ id: after })
      if (project !== null && body.project !== project) throw new BatonError('NotFound', `there is no instance ${after}`)
      anchor = rowOf(body)
      return readRows(api, query, spec)
    },
  }
}

async function readRows(api: ClusterApi, query: Query, { fits, hold: limit }: WindowSpec): Promise<Row[]> {
  const { topic, params, project } = query
  const owner = project ?? params.project
  if (params.id !== undefined) return one(api, topic, params.id)
  switch (topic) {
    case 'instances': {
      const { host, name, vmState, find, after } = params
      const behind = after === undefined ? {} : { marker: after }
      const where = {
        ...(owner === undefined ? {} : { project: owner }),
        ...(host === undefined ? {} : { host }),
        ...(name === undefined ? {} : { name }),
        ...(find === undefined ? {} : { find }),
        ...(vmState !== undefined && isVmState(vmState) ? { vmState } : {}),
      }
      return pages(limit, limit, fits, page =>
        api.listInstances({ ...where, sort: [params.sort === undefined ? NEWEST : sortOf(params.sort)], ...behind, ...page }),
      )
    }
    case 'operations': {
      const { subject, open, kind } = params
      const where = {
        ...(subject === undefined ? {} : { subject }),
        ...(open === undefined ? {} : { open }),
        ...(kind === undefined ? {} : { kinds: [kind] }),
      }
      return pages(limit, owner === undefined ? limit : PAGES_SEARCHED * PAGE, fits, page => api.listOperations({ ...where, ...page }))
    }
    default:
      return pages(limit, WINDOW.max, fits, page => api.listHosts(page))
  }
}

async function one(api: ClusterApi, topic: Topic, id: string): Promise<Row[]> {
  try {
    const body =
      topic === 'instances' ? await api.getInstance({ id }) : topic === 'operations' ? await api.getOperation({ id }) : await api.getHost({ id })
    return [rowOf(body)]
  } catch (error) {
    if (error instanceof BatonError && error.code === 'NotFound') return []
    throw error
  }
}

type Body = InstanceBody | OperationBody | HostBody

/** Looks at up to `search` rows for up to `limit` that fit. */
async function pages(
  limit: number,
  search: number,
  fits: WindowSpec['fits'],
  read: (page: { limit: number; marker?: string }) => Promise<readonly Body[]>,
): Promise<Row[]> {
  const rows: Row[] = []
  let marker: string | undefined
  for (let seen = 0; seen < search && rows.length < limit; ) {
    const wanted = Math.min(PAGE, search - seen)
    const page = await read({ limit: wanted, ...(marker === undefined ? {} : { marker }) })
    for (const body of page) if (rows.length < limit && fits(body)) rows.push(rowOf(body))
    seen += page.length
    marker = page.at(-1)?.id
    if (page.length < wanted) break
  }
  return rows
}
