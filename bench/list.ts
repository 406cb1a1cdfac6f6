/**
 * A page of 1,000 servers in full, of 100,000: by an admin who sees all, page after page to the last, and by a member of a small project among
 * them. The rows are put into the view at once, copies of one real instance; there are no actors behind them. The reference is the goal of
 * 150 ms, and for being flat the first pages. What the database alone takes for a page is measured beside it.
 */
import { FAKE_IMAGE, SERVERS, startCluster, type TestCluster } from '../test/support/cluster.ts'
import { runSql } from '../test/support/database.ts'
import { active } from '../test/support/history.ts'
import { adminOf } from '../test/support/login.ts'
import { type BenchResult, percentile, result } from './result.ts'

const SERVERS_IN_ALL = 100_000
const PAGE = 1000
/** Of the servers, one in so many is of the small project. */
const SMALL = 500
const SMALL_LOOKS = 30
const GOAL_MS = 150
const PAGES_COMPARED = 10

const FILL = `
insert into instance (id, name, project, vm_state, task_state, host, reservation, deleted, created_at, updated_at, body)
select c.id, c.name, c.project, vm_state, task_state, c.host, reservation, deleted, c.at, c.at,
  body || jsonb_build_object('id', c.id, 'name', c.name, 'project', c.project, 'host', c.host, 'createdAt', c.at, 'updatedAt', c.at)
from instance, lateral (
  select gen_random_uuid()::text as id, 'copy-' || n as name, case when n % $1 = 0 then 'small' else 'project-' || n % 50 end as project,
    'nowhere-' || n % 200 as host, created_at - n as at
  from generate_series(1, $2) n
) c where instance.id = $3`

interface Page {
  readonly tookMs: number
  readonly ids: readonly string[]
}

async function page(cluster: TestCluster, query: string, headers: Record<string, string>): Promise<Page> {
  const begun = performance.now()
  const reply = await fetch(`${cluster.endpoint}${SERVERS}/detail?limit=${PAGE}${query}`, { headers })
  const text = await reply.text()
  const tookMs = performance.now() - begun
  if (reply.status !== 200) throw new Error(`a list was answered ${reply.status}: ${text}`)
  const { servers }: { servers: { id: string }[] } = JSON.parse(text)
  return { tookMs, ids: servers.map(({ id }) => id) }
}

/** Every page, each behind the last of the one before. Throws unless every server is on exactly one. */
async function walk(cluster: TestCluster, headers: Record<string, string>): Promise<number[]> {
  const times: number[] = []
  const seen = new Set<string>()
  let marker = ''
  for (;;) {
    const { tookMs, ids } = await page(cluster, `&all_tenants=1${marker}`, headers)
    for (const id of ids) seen.add(id)
    if (ids.length < PAGE) break
    times.push(tookMs)
    marker = `&marker=${ids.at(-1)}`
  }
  if (seen.size !== SERVERS_IN_ALL + 1) throw new Error(`the pages held ${seen.size} servers of ${SERVERS_IN_ALL + 1}`)
  return times
}

async function databaseAlone(cluster: TestCluster): Promise<number> {
  const url = cluster.databaseUrl()
  const times: number[] = []
  for (let i = 0; i < PAGES_COMPARED; i++) {
    const begun = performance.now()
    await runSql(url, `select * from instance where not deleted order by created_at desc, id desc limit ${PAGE}`)
    times.push(performance.now() - begun)
  }
  return percentile(times, 0.5)
}

/** One of all is looked for by a text, as the console does. */
async function search(cluster: TestCluster): Promise<number> {
  const contains = ['id', 'name', 'host'].map(column => `strpos(lower(${column}), $1) > 0`).join(' or ')
  const times: number[] = []
  for (let i = 0; i < PAGES_COMPARED; i++) {
    const begun = performance.now()
    await runSql(
      cluster.databaseUrl(),
      `select * from instance where not deleted and (${contains}) order by created_at desc, id desc limit ${PAGE}`,
      [`copy-${SERVERS_IN_ALL - i}`],
    )
    times.push(performance.now() - begun)
  }
  return percentile(times, 0.5)
}

export async function bench(): Promise<BenchResult[]> {
  const cluster = await startCluster({ args: ['--conductors', '1', '--computes', '1'], env: { BATON_AUTH_MODE: 'token' } })
  try {
    const { token } = await adminOf(cluster.folder)
    const headers = { 'x-auth-token': token, 'openstack-api-version': 'compute 2.90' }
    const server = { name: 'first', flavorRef: 'tiny', imageRef: FAKE_IMAGE, networks: 'none' }
    const made = await cluster.request('POST', SERVERS, { server }, headers)
    await active(cluster, made.body.server.id, headers)
    await runSql(cluster.databaseUrl(), FILL, [SMALL, SERVERS_IN_ALL, made.body.server.id])
    await runSql(cluster.databaseUrl(), 'analyze instance')

    await page(cluster, '&all_tenants=1', headers)
    const times = await walk(cluster, headers)
    const [first, last] = [times.slice(0, PAGES_COMPARED), times.slice(-PAGES_COMPARED)].map(some => percentile(some, 0.5))
    const small: number[] = []
    for (let i = 0; i < SMALL_LOOKS; i++) small.push((await page(cluster, '&all_tenants=1&project_id=small', headers)).tookMs)
    return [
      result(`page of ${PAGE} servers in full, of ${SERVERS_IN_ALL}, p50, reference the goal`, percentile(times, 0.5), 'ms', GOAL_MS),
      result(`page of ${PAGE} servers in full, of ${SERVERS_IN_ALL}, p99, reference the goal`, percentile(times, 0.99), 'ms', GOAL_MS),
      result('the last ten pages, p50, reference the first ten', last ?? 0, 'ms', first ?? 0),
      result(`the servers of a small project (${SERVERS_IN_ALL / SMALL}), p50`, percentile(small, 0.5), 'ms'),
      result('the database alone, a page, p50', await databaseAlone(cluster), 'ms'),
      result(`the database alone, one of ${SERVERS_IN_ALL} found by a text, p50`, await search(cluster), 'ms'),
    ]
  } finally {
    await cluster.stop()
  }
}
