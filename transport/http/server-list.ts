/**
 * Which servers a list shows. The cluster selects by name, state, host and project; the few filters it cannot select by are
 * checked here, page after page. Such a search stops after `SCAN_PAGES`, and its next link goes on where it stopped.
 */
import { type Static, Type } from 'typebox'
import type { ClusterApi, InstanceBody, ListInstances } from '../../actors/api.ts'
import { limitOf, type PageOf, pageOf } from './paging.ts'
import { Id, isOn, pageFields, Switch } from './schemas.ts'
import { statusFilter } from './views/server-status.ts'

/** Parameters of Nova not named here (changes-since, all_tenants, sort_key …) are ignored, as Nova ignores what it does not know. */
export const ServersQuery = Type.Object({
  ...pageFields,
  name: Type.Optional(Id),
  status: Type.Optional(Id),
  host: Type.Optional(Id),
  project_id: Type.Optional(Id),
  deleted: Type.Optional(Switch),
  reservation_id: Type.Optional(Id),
  flavor: Type.Optional(Id),
  image: Type.Optional(Id),
})
export type ServersQuery = Static<typeof ServersQuery>

const SCAN_PAGES = 10

interface Selection {
  readonly where: ListInstances
  /** What is left to check on each; null when the cluster selects by itself. */
  readonly test: ((instance: InstanceBody) => boolean) | null
}

/** Null when nothing can match. Throws 400 for an unknown status. */
function selectionOf(query: ServersQuery): Selection | null {
  const status = query.status === undefined ? { where: {}, task: null } : statusFilter(query.status)
  if (status === null) return null
  const where: ListInstances = {
    ...status.where,
    ...(query.name === undefined ? {} : { name: query.name }),
    ...(query.host === undefined ? {} : { host: query.host }),
    ...(query.project_id === undefined ? {} : { project: query.project_id }),
    ...(isOn(query.deleted) ? { deleted: true } : {}),
  }
  const wanted: [unknown, (instance: InstanceBody) => unknown][] = [
    [status.task ?? undefined, instance => instance.taskState],
    [query.reservation_id, instance => instance.reservation],
    [query.flavor, instance => instance.flavor.id],
    [query.image, instance => instance.image],
  ]
  const tests = wanted.filter(([value]) => value !== undefined)
  return { where, test: tests.length === 0 ? null : instance => tests.every(([value, of]) => of(instance) === value) }
}

type List = Pick<ClusterApi, 'listInstances'>

/** One page of the servers a query asks for. Rejects `BadRequest` for an unknown marker or status. */
export async function findServers(api: List, query: ServersQuery, maxItems: number): Promise<PageOf<InstanceBody>> {
  const selection = selectionOf(query)
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
