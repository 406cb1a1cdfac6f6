/**
 * Which servers a list shows. The cluster selects by name, state, host, project and time of change, and sorts; the filters it cannot select by
 * are checked here, page after page. Such a search stops after `SCAN_PAGES`, and its next link goes on where it stopped.
 */
import { type Static, Type } from 'typebox'
import { type ClusterApi, hostnameOf, type InstanceBody, type InstanceSort, type ListInstances, VM_STATES } from '../../../actors/api.ts'
import { USER } from '../context.ts'
import { since } from '../requests/changes.ts'
import { badRequest, printable } from '../requests/errors.ts'
import { exactName, nameTest } from '../requests/name-pattern.ts'
import { limitOf, type PageOf, pageOf } from '../requests/paging.ts'
import { changedIn } from '../requests/query-time.ts'
import { Id, isOn, pageFields, Switch } from '../requests/schemas.ts'
import { POWER_STATE } from '../views/server.ts'
import { statusFilter } from '../views/server-status.ts'

const several = <S extends typeof Id>(one: S) => Type.Optional(Type.Union([one, Type.Array(one, { maxItems: 8 })]))
const TagList = Type.Optional(since('server.tags', Id))
/** A filter of Nova that nothing here can have: a list by it is right, and empty. */
const Nothing = Type.Optional(Id)

export const ServersQuery = Type.Object({
  ...pageFields,
  sort_key: several(Id),
  sort_dir: several(Id),
  'changes-since': Type.Optional(Id),
  'changes-before': Type.Optional(since('changes-before', Id)),
  name: Type.Optional(Id),
  status: Type.Optional(Id),
  vm_state: Type.Optional(Id),
  task_state: Type.Optional(Id),
  power_state: Type.Optional(Id),
  host: Type.Optional(Id),
  node: Type.Optional(Id),
  project_id: Type.Optional(Id),
  tenant_id: Type.Optional(Id),
  user_id: Type.Optional(Id),
  /** Whose servers are seen is decided before (`policy/guard.ts`), which sets `project_id`. */
  all_tenants: Type.Optional(Type.String({ maxLength: 255 })),
  all_projects: Type.Optional(Type.String({ maxLength: 255 })),
  deleted: Type.Optional(Switch),
  soft_deleted: Type.Optional(Switch),
  reservation_id: Type.Optional(Id),
  uuid: Type.Optional(Id),
  flavor: Type.Optional(Id),
  image: Type.Optional(Id),
  image_ref: Type.Optional(Id),
  key_name: Type.Optional(Id),
  hostname: Type.Optional(Id),
  description: Type.Optional(Id),
  config_drive: Type.Optional(Switch),
  locked: Type.Optional(since('server.locked-reason', Switch)),
  availability_zone: Type.Optional(Id),
  tags: TagList,
  'tags-any': TagList,
  'not-tags': TagList,
  'not-tags-any': TagList,
  ip: Nothing,
  ip6: Nothing,
  access_ip_v4: Nothing,
  access_ip_v6: Nothing,
})
export type ServersQuery = Static<typeof ServersQuery>

const SCAN_PAGES = 10

interface Selection {
  readonly where: ListInstances
  /** What is left to check on each; null when the cluster selects by itself. */
  readonly test: ((instance: InstanceBody) => boolean) | null
}

/** Nova's sort keys, and the columns behind them. */
const SORT_KEYS: Readonly<Record<string, InstanceSort['column']>> = {
  created_at: 'created_at',
  updated_at: 'updated_at',
  display_name: 'name',
  project_id: 'project',
  vm_state: 'vm_state',
  task_state: 'task_state',
  host: 'host',
  node: 'host',
  uuid: 'id',
}

/** Keys without a direction go as the last one that has one; without any, newest first. */
function sortOf({ sort_key: keys, sort_dir: dirs }: ServersQuery): readonly InstanceSort[] | null {
  const names = keys === undefined ? [] : [keys].flat()
  const directions = dirs === undefined ? [] : [dirs].flat()
  if (names.length === 0 && directions.length === 0) return null
  if (directions.length > Math.max(1, names.length)) throw badRequest('Invalid input for sort_dir: there are more directions than keys.')
  return (names.length > 0 ? names : ['created_at']).map((name, i) => {
    const column = Object.hasOwn(SORT_KEYS, name) ? SORT_KEYS[name] : undefined
    if (!column) throw badRequest(`Invalid input for sort_key: ${printable(name)} is none of ${Object.keys(SORT_KEYS).join(', ')}.`)
    const direction = (directions[i] ?? directions.at(-1) ?? 'desc').toLowerCase()
    if (direction !== 'asc' && direction !== 'desc')
      throw badRequest(`Invalid input for sort_dir: it must be asc or desc, not ${printable(direction)}.`)
    return { column, direction }
  })
}

type Test = (instance: InstanceBody) => boolean

const tagsOf = (list: string): string[] => list.split(',')

/** Each filter that a query can have and the cluster cannot select by. `zoneOf` of a host; lists by zone need it. */
const TESTS: Readonly<Partial<Record<keyof ServersQuery, (wanted: string, zoneOf: (host: string | null) => string) => Test>>> = {
  name: wanted => {
    const matches = nameTest(wanted)
    return ({ name }) => matches(name)
  },
  task_state: wanted => instance => instance.taskState === wanted,
  power_state: wanted => instance => String(instance.powerState === null ? 0 : POWER_STATE[instance.powerState]) === wanted,
  user_id: wanted => instance => (instance.user ?? USER) === wanted,
  reservation_id: wanted => instance => instance.reservation === wanted,
  uuid: wanted => instance => instance.id === wanted,
  flavor: wanted => instance => instance.flavor.id === wanted,
  image: wanted => instance => instance.image === wanted,
  image_ref: wanted => instance => instance.image === wanted,
  key_name: wanted => instance => instance.about?.keyPair?.name === wanted,
  hostname: wanted => instance => hostnameOf(instance) === wanted,
  description: wanted => instance => instance.about?.description?.includes(wanted) ?? false,
  config_drive: wanted => instance => (instance.about?.configDrive ?? false) === (wanted.toLowerCase() === 'true' || wanted === '1'),
  locked: wanted => instance => (instance.locked !== null) === (wanted.toLowerCase() === 'true' || wanted === '1'),
  availability_zone: (wanted, zoneOf) => instance => zoneOf(instance.host) === wanted,
  tags: wanted => instance => tagsOf(wanted).every(tag => instance.tags.includes(tag)),
  'tags-any': wanted => instance => tagsOf(wanted).some(tag => instance.tags.includes(tag)),
  'not-tags': wanted => instance => !tagsOf(wanted).every(tag => instance.tags.includes(tag)),
  'not-tags-any': wanted => instance => !tagsOf(wanted).some(tag => instance.tags.includes(tag)),
  ip: () => () => false,
  ip6: () => () => false,
  access_ip_v4: () => () => false,
  access_ip_v6: () => () => false,
}
const TESTED = Object.entries(TESTS) as [keyof ServersQuery, NonNullable<(typeof TESTS)[keyof ServersQuery]>][]

/** Null when nothing can match. Throws 400 for a value that is none. */
function selectionOf(query: ServersQuery, zoneOf: (host: string | null) => string): Selection | null {
  const status = query.status === undefined ? { where: {}, task: null } : statusFilter(query.status)
  if (status === null) return null
  const vmState = VM_STATES.find(state => state === query.vm_state)
  if (query.vm_state !== undefined && !vmState) return null
  const [host, project] = [query.host ?? query.node, query.project_id ?? query.tenant_id]
  const name = query.name === undefined ? null : exactName(query.name)
  const [changed, sort] = [changedIn(query), sortOf(query)]
  const where: ListInstances = {
    // What was deleted has changed, too.
    ...(changed?.from === undefined ? {} : { deleted: 'any' as const }),
    ...status.where,
    ...(vmState ? { vmState } : {}),
    ...(name === null ? {} : { name }),
    ...(host === undefined ? {} : { host }),
    ...(project === undefined ? {} : { project }),
    ...(isOn(query.deleted) ? { deleted: true } : {}),
    ...(isOn(query.soft_deleted) ? { vmState: 'soft-delete' as const } : {}),
    ...(changed ? { changed } : {}),
    ...(sort ? { sort } : {}),
  }
  const tests = TESTED.flatMap(([field, test]) => {
    const wanted = query[field]
    return typeof wanted === 'string' && !(field === 'name' && name !== null) ? [test(wanted, zoneOf)] : []
  })
  const { task } = status
  if (task !== null) tests.push(({ taskState }) => taskState === task)
  return { where, test: tests.length === 0 ? null : instance => tests.every(test => test(instance)) }
}

type List = Pick<ClusterApi, 'listInstances'>

/** One page of the servers a query asks for. Rejects `BadRequest` for an unknown marker or status. */
export async function findServers(
  api: List,
  query: ServersQuery,
  maxItems: number,
  zoneOf: (host: string | null) => string = () => '',
): Promise<PageOf<InstanceBody>> {
  const selection = selectionOf(query, zoneOf)
  if (selection === null) return { items: [], next: null }
  const { where, test } = selection
  if (test === null) return pageOf(query, maxItems, page => api.listInstances({ ...where, ...page }))
  return scan(query, maxItems, where, test, api)
}

async function scan(
  query: ServersQuery,
  maxItems: number,
  where: ListInstances,
  test: (instance: InstanceBody) => boolean,
  api: List,
): Promise<PageOf<InstanceBody>> {
  const limit = limitOf(query, maxItems)
  const items: InstanceBody[] = []
  if (limit === 0) return { items, next: null }
  let marker = query.marker
  for (let page = 0; page < SCAN_PAGES; page++) {
    const found = await api.listInstances({ ...where, limit: maxItems, ...(marker === undefined ? {} : { marker }) })
    for (const instance of found) {
      marker = instance.id
      if (test(instance)) items.push(instance)
      if (items.length === limit) return { items, next: marker }
    }
    if (found.length < maxItems) return { items, next: null }
  }
  return { items, next: marker ?? null }
}
