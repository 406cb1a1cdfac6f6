/**
 * Creates through the whole API: TLS apart, everything that a client of a real cluster pays: the token, policy, limits, validation, and the
 * commit behind the 202. What is created is also built meanwhile, on the same machine. The reference is the same requests to a bare HTTP server
 * in a process of its own, with as many clients.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { FAKE_IMAGE, SERVERS, startCluster, type TestCluster, until } from '../test/support/cluster.ts'
import { adminOf } from '../test/support/login.ts'
import { benchClient } from './client.ts'
import { type BenchResult, percentile, result } from './result.ts'

/** By clients at once, how many creates are measured. */
const ROUNDS: readonly (readonly [clients: number, creates: number])[] = [
  [1, 200],
  [20, 1500],
  [200, 2000],
]
const WARM_UP = 300
const BUILT_MS = 60_000

interface Measured {
  readonly perSecond: number
  readonly latencies: readonly number[]
}

async function creates(endpoint: string, headers: Record<string, string>, clients: number, count: number): Promise<Measured> {
  const client = benchClient(endpoint, SERVERS, clients, headers)
  const latencies: number[] = []
  const begun = performance.now()
  let next = 0
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (next < count) {
        const sent = performance.now()
        await client.create({ name: `bench-${next++}`, flavorRef: 'tiny', imageRef: FAKE_IMAGE, networks: 'none' })
        latencies.push(performance.now() - sent)
      }
    }),
  )
  const perSecond = count / ((performance.now() - begun) / 1000)
  client.close()
  return { perSecond, latencies }
}

const built = (cluster: TestCluster, headers: Record<string, string>): Promise<boolean> =>
  until('the builds to end', BUILT_MS, async () => {
    const { body } = await cluster.request('GET', '/baton/v1/status', undefined, headers)
    return body.status.operationsOpen === 0
  })

async function plainServer(): Promise<{ endpoint: string; close(): void }> {
  const child = fork(fileURLToPath(new URL('plain-http.ts', import.meta.url)))
  const [address]: { port: number }[] = await once(child, 'message')
  return { endpoint: `http://127.0.0.1:${address?.port}`, close: () => child.disconnect() }
}

export async function bench(): Promise<BenchResult[]> {
  // One client may send as much as it can here.
  const env = { BATON_AUTH_MODE: 'token', BATON_RATE_PER_TOKEN: '0', BATON_RATE_PER_PROJECT: '0', BATON_RATE_PER_ADDRESS: '0' }
  const cluster = await startCluster({ env })
  const plain = await plainServer()
  try {
    const { token } = await adminOf(cluster.folder)
    // `networks: none` is of 2.37.
    const headers = { 'x-auth-token': token, 'openstack-api-version': 'compute 2.90' }
    await creates(cluster.endpoint, headers, 20, WARM_UP)
    await creates(plain.endpoint, headers, 20, WARM_UP)
    const results: BenchResult[] = []
    for (const [clients, count] of ROUNDS) {
      await built(cluster, headers)
      const bare = await creates(plain.endpoint, headers, clients, count)
      const ours = await creates(cluster.endpoint, headers, clients, count)
      const at = `at ${clients} client${clients === 1 ? '' : 's'}`
      results.push(
        result(`creates through the API ${at}, reference bare HTTP`, ours.perSecond, 'creates/s', bare.perSecond),
        result(`create answered, p50 ${at}, reference bare HTTP`, percentile(ours.latencies, 0.5), 'ms', percentile(bare.latencies, 0.5)),
        result(`create answered, p99 ${at}, reference bare HTTP`, percentile(ours.latencies, 0.99), 'ms', percentile(bare.latencies, 0.99)),
      )
    }
    return results
  } finally {
    plain.close()
    await cluster.stop()
  }
}
