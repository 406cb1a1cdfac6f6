/**
 * Builds to ACTIVE through the whole system: HTTP, gateway, conductors, PostgreSQL, compute agents with the fake driver.
 *
 * The reference is what a conductor without group commit could do on the same database in the same run: a build is eight
 * commits that follow one another, so as many pooled connections as the cluster has conductors' worth, each committing one event
 * at a time, eight per build.
 */
import pg from 'pg'
import { FAKE_IMAGE, SERVERS, startCluster, type TestCluster } from '../test/support/cluster.ts'
import { benchClient } from './client.ts'
import { type BenchResult, percentile, result } from './result.ts'

const IN_FLIGHT = 50
const WARM_UP = 600
const BUILDS = 3000
const GOAL_PER_S = 300
const COMMITS_PER_BUILD = 8
const REFERENCE_BUILDS = 400

/** `headersOf` says what goes with the n-th create. */
export async function build(
  cluster: TestCluster,
  count: number,
  headersOf: (n: number) => Record<string, string> = () => ({}),
): Promise<{ perSecond: number; latencies: number[] }> {
  const client = benchClient(cluster.endpoint, SERVERS, IN_FLIGHT)
  const latencies: number[] = []
  const before = (await cluster.request('GET', '/baton/v1/status')).body.status.instances.active
  const started = performance.now()
  let next = 0
  await Promise.all(
    Array.from({ length: IN_FLIGHT }, async () => {
      while (next < count) {
        const headers = headersOf(next)
        const body = { server: { name: `bench-${next++}`, flavorRef: 'tiny', imageRef: FAKE_IMAGE, networks: 'none' } }
        const sent = performance.now()
        const { status } = await client.send('POST', SERVERS, body, headers)
        if (status !== 202) throw new Error(`a create was answered ${status}`)
        latencies.push(performance.now() - sent)
      }
    }),
  )
  for (;;) {
    const { instances } = (await cluster.request('GET', '/baton/v1/status')).body.status
    if (instances.error > 0) throw new Error(`${instances.error} builds failed`)
    if (instances.active - before >= count) break
  }
  client.close()
  return { perSecond: count / ((performance.now() - started) / 1000), latencies }
}

/** Builds per second that one event per commit allows, over ten connections as a pool of a conductor has. */
async function oneByOne(url: string): Promise<number> {
  const pool = new pg.Pool({ ...target(url), max: 10 })
  await pool.query('create table if not exists bench_event (actor text, seq int, data jsonb, primary key (actor, seq))')
  const started = performance.now()
  let next = 0
  await Promise.all(
    Array.from({ length: IN_FLIGHT }, async () => {
      while (next < REFERENCE_BUILDS) {
        const id = `b${started}-${next++}`
        for (let seq = 1; seq <= COMMITS_PER_BUILD; seq++) {
          await pool.query({
            name: 'one',
            text: 'insert into bench_event values ($1, $2, $3)',
            values: [id, seq, { type: 'stepDone', found: { claim: id }, next: 'spawn' }],
          })
        }
      }
    }),
  )
  const perSecond = REFERENCE_BUILDS / ((performance.now() - started) / 1000)
  await pool.query('drop table bench_event')
  await pool.end()
  return perSecond
}

function target(url: string): pg.ClientConfig {
  const parsed = new URL(url.replace('@/', '@localhost/'))
  const socket = parsed.searchParams.get('host')
  return { user: parsed.username, password: decodeURIComponent(parsed.password), database: parsed.pathname.slice(1), host: socket ?? parsed.hostname }
}

export async function bench(): Promise<BenchResult[]> {
  const cluster = await startCluster()
  try {
    await build(cluster, WARM_UP)
    const { perSecond, latencies } = await build(cluster, BUILDS)
    const bare = await oneByOne(cluster.databaseUrl())
    return [
      result('builds to ACTIVE, reference one commit per event', perSecond, 'builds/s', bare),
      result(`builds to ACTIVE, reference the goal of ${GOAL_PER_S}`, perSecond, 'builds/s', GOAL_PER_S),
      result(`create answered, p50 at ${IN_FLIGHT} in flight`, percentile(latencies, 0.5), 'ms'),
      result(`create answered, p99 at ${IN_FLIGHT} in flight`, percentile(latencies, 0.99), 'ms'),
    ]
  } finally {
    await cluster.stop()
  }
}
