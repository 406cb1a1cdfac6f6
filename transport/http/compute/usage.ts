/** /os-simple-tenant-usage and /os-instance_usage_audit_log: what projects have used, told from the instances there are and were. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type Static, Type } from 'typebox'
import type { InstanceBody, ListInstances } from '../../../actors/api.ts'
import { COMPUTE, type HttpContext } from '../context.ts'
import { has, since } from '../requests/changes.ts'
import { badRequest, printable } from '../requests/errors.ts'
import { limitOf } from '../requests/paging.ts'
import { timeOf } from '../requests/query-time.ts'
import { checkProject, originOf } from '../requests/request.ts'
import { Id, type IdParams, PageLimit } from '../requests/schemas.ts'
import { nextLinks } from '../views/links.ts'
import { type Period, usagesOf, wasThere } from '../views/usage.ts'
import { allHosts } from './hypervisors.ts'

const shown = {
  start: Type.Optional(Id),
  end: Type.Optional(Id),
  limit: Type.Optional(since('usage.paging', PageLimit)),
  marker: Type.Optional(since('usage.paging', Id)),
}
const ShowQuery = Type.Object(shown)
const ListQuery = Type.Object({ ...shown, detailed: Type.Optional(Id) })
type ListQuery = Static<typeof ListQuery>

/** Pages of instances that one request looks through; before there are pages, more is refused and not left out. */
const SCAN_PAGES = 100

interface Found {
  readonly instances: readonly InstanceBody[]
  /** The marker of the next page, null when there is none. */
  readonly next: string | null
}

export function usageRoutes(app: FastifyInstance, context: HttpContext): void {
  const path = `${COMPUTE}/os-simple-tenant-usage`

  app.get<{ Querystring: ListQuery }>(path, { schema: { querystring: ListQuery }, config: { strictQuery: true } }, async request => {
    const nowMs = Date.now()
    const period = periodOf(request.query, nowMs)
    const { instances, next } = await findInstances(context, request, {}, period)
    const usages = usagesOf(instances, period, nowMs, request.query.detailed === '1')
    return { tenant_usages: usages, ...nextLinks('tenant_usages', originOf(request), request.url, next) }
  })

  app.get<{ Params: IdParams; Querystring: ListQuery }>(
    `${path}/:id`,
    { schema: { querystring: ShowQuery }, config: { strictQuery: true } },
    async request => {
      const nowMs = Date.now()
      const period = periodOf(request.query, nowMs)
      const project = checkProject('The project', request.params.id)
      const { instances, next } = await findInstances(context, request, { project }, period)
      const [usage = {}] = usagesOf(instances, period, nowMs, true)
      return { tenant_usage: usage, ...nextLinks('tenant_usage', originOf(request), request.url, next) }
    },
  )

  const log = `${COMPUTE}/os-instance_usage_audit_log`
  app.get(log, async () => ({ instance_usage_audit_logs: await auditLog(context, Date.now()) }))
  app.get<{ Params: { before: string } }>(`${log}/:before`, async request => {
    const { before } = request.params
    if (!/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?$/.test(before)) {
      throw badRequest(`Invalid timestamp for date ${printable(before)}: it must be like 2026-01-31 12:00:00.`)
    }
    return { instance_usage_audit_log: await auditLog(context, timeOf('before', before) ?? 0) }
  })
}

/** The period asked for, which ends now at the latest. Without a start it is empty, and refused, as in Nova. */
function periodOf(query: ListQuery, nowMs: number): Period {
  const start = timeOf('start', query.start) ?? nowMs
  const stop = timeOf('end', query.end) ?? nowMs
  if (start >= stop) throw badRequest('Invalid start time. The start time cannot occur after the end time.')
  return { start, stop: Math.min(stop, nowMs) }
}

/** The instances that count: a page of them by marker and limit where the version has pages, else all. */
async function findInstances({ api, limits }: HttpContext, request: FastifyRequest, where: ListInstances, period: Period): Promise<Found> {
  const query = request.query as ListQuery
  const limit = has(request.novaMinor, 'usage.paging') ? limitOf(query, limits.maxPageItems) : Number.POSITIVE_INFINITY
  if (limit === 0) return { instances: [], next: null }
  const instances: InstanceBody[] = []
  let { marker } = query
  for (let page = 0; page < SCAN_PAGES; page++) {
    const found = await api.listInstances({ ...where, deleted: 'any', limit: limits.maxPageItems, ...(marker === undefined ? {} : { marker }) })
    for (const instance of found) {
      marker = instance.id
      if (wasThere(instance, period)) instances.push(instance)
      if (instances.length === limit) return { instances, next: marker }
    }
    if (found.length < limits.maxPageItems) return { instances, next: null }
  }
  if (limit === Number.POSITIVE_INFINITY)
    throw badRequest('There are too many instances for one answer; ask page by page, from microversion 2.40 on.')
  return { instances, next: marker ?? null }
}

/** Hosts named in one answer. */
const MAX_HOSTS = 10_000

/**
 * In Nova a periodic task of each host audits usage for another system that meters it, and is off by default; Baton has no such task, so no
 * host has ever run it. The period is the month before `beforeMs`, as by Nova's default.
 */
async function auditLog({ api, limits }: HttpContext, beforeMs: number) {
  const hosts = (await allHosts(page => api.listHosts(page), limits.maxPageItems)).slice(0, MAX_HOSTS)
  const at = new Date(beforeMs)
  const end = Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), 1)
  const begin = Date.UTC(at.getUTCFullYear(), at.getUTCMonth() - 1, 1)
  return {
    period_beginning: dateTime(begin),
    period_ending: dateTime(end),
    num_hosts: hosts.length,
    num_hosts_done: 0,
    num_hosts_running: 0,
    num_hosts_not_run: hosts.length,
    hosts_not_run: hosts.map(({ id }) => id),
    total_instances: 0,
    total_errors: 0,
    overall_status: `${hosts.length === 0 ? 'ALL' : `0 of ${hosts.length}`} hosts done. 0 errors.`,
    log: {},
  }
}

const dateTime = (ms: number): string => new Date(ms).toISOString().slice(0, 19).replace('T', ' ')
