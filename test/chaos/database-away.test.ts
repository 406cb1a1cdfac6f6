/**
 * The database goes away for half a minute under load. Requests wait or are answered 503 with Retry-After; nothing is acknowledged that is
 * not committed; and when it is back everything goes on by itself, in the same processes. The server is one of the test's own,
 * given with --database, as a real one would be.
 */
import { rm } from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Embedded, removeEmbedded, startEmbedded } from '../../persistence/embedded.ts'
import { ask, FAKE_IMAGE, newFolder, SERVERS, type TestCluster, until, withCluster } from '../support/cluster.ts'
import { active, assertOneStory, buildWhile } from '../support/history.ts'
import { descendantsOf } from '../support/kill.ts'

const test = suite('a database that is away')

/** Longer than a gateway lets a request wait: the first are answered 503, the last once the database is back. */
const AWAY_MS = 33_000
const AT_ONCE = 10
const SPAWN_MS = 100
const PROBE_MS = 1000
/** What a request may take at most: the gateway's own bound, and a little. */
const ANSWER_MS = 32_000

interface Probe {
  readonly status: number
  readonly retryAfter: string | null
  readonly tookMs: number
  readonly whileAway: boolean
  readonly id: string | null
}

test(`${AWAY_MS / 1000} s without a database: nothing acknowledged is lost, and all goes on by itself`, async () => {
  const folder = await newFolder()
  let server: Embedded | null = await startEmbedded({ dataDir: folder })
  const args = ['--database', server.url]
  try {
    await withCluster({ args, env: { BATON_DRIVER_FAKE_LATENCY_MS: String(SPAWN_MS) } }, async cluster => {
      const before = pidsOf(cluster)
      assert.is(
        descendantsOf(cluster.up.pid).some(p => p.command[0]?.endsWith('postgres')),
        false,
        'no database of its own',
      )
      let goesOn = true
      const built: string[] = []
      const load = buildWhile(cluster, 'load', AT_ONCE, () => goesOn, built)
      load.catch(() => {})
      try {
        await until('the cluster at work', 20_000, () => built.length > 50)
        await server?.stop()
        server = null
        const awayAt = performance.now()
        const probes: Promise<Probe>[] = []
        await until(
          'the end of the outage',
          AWAY_MS + 5000,
          () => {
            probes.push(probe(cluster, () => server === null))
            return performance.now() - awayAt >= AWAY_MS
          },
          PROBE_MS,
        )
        const acknowledged = built.length
        server = await startEmbedded({ dataDir: folder })
        await until('the cluster at work again', 30_000, () => built.length > acknowledged + 50)
        goesOn = false
        const ids = await load
        const answers = await Promise.all(probes)
        for (const { status, whileAway, retryAfter, tookMs } of answers) {
          assert.ok(tookMs < ANSWER_MS, `an answer after ${tookMs} ms`)
          assert.ok(status === 503 || (status === 202 && !whileAway), `${status} while the database was away: ${whileAway}`)
          if (status === 503) assert.match(retryAfter ?? 'none', /^[1-9]\d*$/)
        }
        assert.ok(
          answers.some(a => a.status === 503),
          'nobody waits for ever',
        )
        const taken = answers.flatMap(a => a.id ?? [])
        for (const id of taken) await active(cluster, id)
        await assertOneStory(cluster, [...ids, ...taken])
        assert.equal(pidsOf(cluster), before, 'no node was started again')
        console.log(
          `away for ${(AWAY_MS / 1000).toFixed(0)} s: ${acknowledged} built before, ${ids.length - acknowledged} after; ` +
            `${answers.length} requests meanwhile, ` +
            `${answers.filter(a => a.status === 503).length} answered 503, ${taken.length} taken once it was back`,
        )
      } finally {
        goesOn = false
      }
    })
  } finally {
    await server?.stop()
    await removeEmbedded(folder)
    await rm(folder, { recursive: true, force: true })
  }
})

/** One create, not repeated. */
async function probe(cluster: TestCluster, isAway: () => boolean): Promise<Probe> {
  const begun = performance.now()
  const server = { name: 'probe', flavorRef: 'tiny', imageRef: FAKE_IMAGE, networks: 'none' }
  const { status, headers, body } = await ask(`${cluster.endpoint}${SERVERS}`, 'POST', { server })
  const id = status === 202 ? body.server.id : null
  return { status, retryAfter: headers.get('retry-after'), tookMs: performance.now() - begun, whileAway: isAway(), id }
}

const pidsOf = (cluster: TestCluster): string[] =>
  cluster
    .processes()
    .map(p => `${p.id} ${p.pid}`)
    .toSorted()

test.run()
