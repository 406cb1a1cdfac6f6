/**
 * The advice to add a conductor, taken: one conductor is given more and more builds a second until the cluster asks for another; then a second one is
 * started, and the same builds go on. What the advice says then, and how busy each was before and is after. Needs a processor to spare for the
 * second: where there is none, the advice stays, and says that it is on a machine that has no more to give.
 *
 *     npx node bench/advice.ts
 */
import type { StatusBody } from '../actors/api.ts'
import { freePort } from '../supervisors/ports.ts'
import { FAKE_IMAGE, SERVERS, type Started, startBaton, startCluster, type TestCluster, until } from '../test/support/cluster.ts'
import { benchClient } from './client.ts'
import { settle } from './hosts.ts'
import { type BenchResult, result } from './result.ts'

const FIRST_PER_S = 40
const STEP = 1.25
const STEP_MS = 3000
const MOST_PER_S = 1500
const IN_FLIGHT = 400
const TICK_MS = 20
/** The advice is looked at so often in a row, a second apart. */
const LOOKS = 3
/** After the second has its shards: figures are means of some seconds. */
const SETTLE_MS = 8000
const AFTER_LOOKS = 10

/** Builds at a rate, whether or not those before are done; what is beyond `IN_FLIGHT` is left out and counted. */
function createLoad(cluster: TestCluster) {
  const client = benchClient(cluster.endpoint, SERVERS, IN_FLIGHT)
  const load = { perSecond: 0, asked: 0, leftOut: 0 }
  let flying = 0
  let due = 0
  const timer = setInterval(() => {
    due += (load.perSecond * TICK_MS) / 1000
    for (; due >= 1; due--) {
      if (flying >= IN_FLIGHT) {
        load.leftOut++
        continue
      }
      flying++
      const body = { server: { name: `load-${load.asked++}`, flavorRef: 'tiny', imageRef: FAKE_IMAGE, networks: 'none' } }
      client.send('POST', SERVERS, body).then(
        () => flying--,
        () => flying--,
      )
    }
  }, TICK_MS)
  const stop = (): void => {
    clearInterval(timer)
    client.close()
  }
  return Object.assign(load, { stop })
}

const statusOf = async (cluster: TestCluster): Promise<StatusBody> => (await cluster.request('GET', '/baton/v1/status')).body.status

/** Whether a conductor more was advised at each of so many looks, a second apart. */
async function looks(cluster: TestCluster, count: number): Promise<StatusBody[]> {
  const seen: StatusBody[] = []
  while (seen.length < count) {
    await settle(1000)
    seen.push(await statusOf(cluster))
  }
  return seen
}

const busiest = (statuses: readonly StatusBody[]): number =>
  Math.max(...statuses.flatMap(({ nodes }) => nodes.flatMap(({ role, load }) => (role === 'conductor' ? (load.busy ?? 0) : []))))

const share = (statuses: readonly StatusBody[]): number => statuses.filter(({ advice }) => advice.addConductor).length / statuses.length

async function second(cluster: TestCluster): Promise<Started> {
  const port = await freePort(0, [])
  const args = ['conductor', '--id', 'conductor-2', '--listen', `tcp://127.0.0.1:${port}`]
  const started = startBaton(args, { env: { BATON_DATABASE_URL: cluster.databaseUrl() } })
  await until('shards of the second conductor', 30_000, async () => {
    const { nodes } = await statusOf(cluster)
    const shards = nodes.filter(({ role }) => role === 'conductor').map(node => node.shards)
    return shards.length === 2 && Math.min(...shards) > 50
  })
  return started
}

export async function bench(): Promise<BenchResult[]> {
  const cluster = await startCluster({ args: ['--conductors', '1', '--computes', '4'] })
  const load = createLoad(cluster)
  let other: Started | null = null
  try {
    load.perSecond = FIRST_PER_S
    let before: StatusBody[] = []
    for (;;) {
      await settle(STEP_MS)
      before = await looks(cluster, LOOKS)
      if (share(before) === 1) break
      if (load.perSecond > MOST_PER_S) throw new Error(`no conductor is missing at ${Math.round(load.perSecond)} builds a second`)
      load.perSecond *= STEP
    }
    console.log(`one conductor, ${Math.round(load.perSecond)} builds/s: ${before.at(-1)?.advice.because}`)
    other = await second(cluster)
    await settle(SETTLE_MS)
    const after = await looks(cluster, AFTER_LOOKS)
    console.log(`two conductors, the same builds: ${after.at(-1)?.advice.because}`)
    return [
      result('builds a second at which one conductor asks for another', load.perSecond, '/s'),
      result('… looks at which it does', share(before) * 100, '%'),
      result('… its event loop busy', busiest(before) * 100, '%'),
      result('with a second, the same builds: looks that ask for another', share(after) * 100, '%', 100 * share(before)),
      result('… event loop of the busiest', busiest(after) * 100, '%', busiest(before) * 100),
    ]
  } finally {
    load.stop()
    await other?.stop()
    await cluster.stop()
  }
}

if (import.meta.main) for (const { name, value, unit } of await bench()) console.log(`${name.padEnd(64)} ${value} ${unit}`)
