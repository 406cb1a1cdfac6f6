/**
 * Moves of instances through the whole system, on the fake driver: resize and cold migration, each with its confirm, as fast as 50
 * clients ask for them. One instance takes part in one move at a time: it is asked to move, looked at until it waits for its
 * confirmation, confirmed, and looked at until it is back.
 *
 * The reference is builds to ACTIVE of the same cluster in the same run, by as many clients who look in the same way: a move with its
 * confirm is two operations of six steps together, a build one of three. Real Nova does 1.4 to 2.5 moves a second.
 */
import { FAKE_IMAGE, SERVERS, startCluster, type TestCluster } from '../test/support/cluster.ts'
import { type BenchClient, benchClient } from './client.ts'
import { type BenchResult, percentile, result } from './result.ts'

const IN_FLIGHT = 50
const WARM_UP = 100
const MOVES = 600
const REFERENCE_BUILDS = 200
const GOAL_PER_S = 150
/** One answer lists every instance, so all that wait for something share it. */
const LOOK_EVERY_MS = 40
const GIVE_UP_MS = 60_000

interface Move {
  readonly name: string
  /** What asks for it. `turn` counts the moves of one instance. */
  readonly begin: (turn: number) => object
  /** The status in which it waits for its confirm; null when it is over by itself. */
  readonly waits: string | null
}

const MOVES_TO_MEASURE: readonly Move[] = [
  { name: 'resize and confirm', begin: turn => ({ resize: { flavorRef: turn % 2 === 0 ? 'small' : 'tiny' } }), waits: 'VERIFY_RESIZE' },
  { name: 'cold migrate and confirm', begin: () => ({ migrate: null }), waits: 'VERIFY_RESIZE' },
  { name: 'live migrate', begin: () => ({ 'os-migrateLive': { host: null, block_migration: 'auto' } }), waits: null },
]

interface Measured {
  readonly perSecond: number
  readonly latencies: readonly number[]
}

/** Statuses of all instances, looked at for everybody together. */
function watcher(client: BenchClient) {
  const waiting = new Map<string, { readonly status: string; readonly since: number; resolve(): void; reject(error: Error): void }>()
  let ended = false

  async function look(): Promise<void> {
    while (!ended) {
      if (waiting.size > 0) {
        const asked = performance.now()
        for (const { id, status } of await client.servers()) {
          const waiter = waiting.get(id)
          // What was read before the waiting began may be from before what is waited for.
          if (!waiter || waiter.since > asked) continue
          const late = performance.now() - waiter.since > GIVE_UP_MS
          if (status !== waiter.status && status !== 'ERROR' && !late) continue
          waiting.delete(id)
          if (status === waiter.status) waiter.resolve()
          else waiter.reject(new Error(`instance ${id} is ${status} and not ${waiter.status}`))
        }
      }
      await new Promise(resolve => setTimeout(resolve, LOOK_EVERY_MS))
    }
  }
  const over = look().catch(error => {
    for (const { reject } of waiting.values()) reject(error)
  })

  return {
    until: (id: string, status: string) =>
      new Promise<void>((resolve, reject) => waiting.set(id, { status, since: performance.now(), resolve, reject })),
    async end() {
      ended = true
      await over
    },
  }
}

async function measure(client: BenchClient, ids: readonly string[], move: Move, count: number): Promise<Measured> {
  const watch = watcher(client)
  const latencies: number[] = []
  const begun = performance.now()
  let next = 0
  await Promise.all(
    ids.map(async id => {
      for (let turn = 0; next < count; turn++) {
        next++
        const sent = performance.now()
        await client.act(id, move.begin(turn))
        if (move.waits !== null) {
          await watch.until(id, move.waits)
          await client.act(id, { confirmResize: null })
        }
        await watch.until(id, 'ACTIVE')
        latencies.push(performance.now() - sent)
      }
    }),
  )
  const seconds = (performance.now() - begun) / 1000
  await watch.end()
  return { perSecond: count / seconds, latencies }
}

async function build(client: BenchClient, count: number): Promise<{ ids: string[]; perSecond: number }> {
  const watch = watcher(client)
  const begun = performance.now()
  const ids: string[] = []
  let next = 0
  await Promise.all(
    Array.from({ length: IN_FLIGHT }, async () => {
      while (next++ < count) {
        const id = await client.create({ name: `move-${next}`, flavorRef: 'tiny', imageRef: FAKE_IMAGE, networks: 'none' })
        ids.push(id)
        await watch.until(id, 'ACTIVE')
      }
    }),
  )
  const seconds = (performance.now() - begun) / 1000
  await watch.end()
  return { ids, perSecond: count / seconds }
}

async function measureAll(cluster: TestCluster): Promise<BenchResult[]> {
  const client = benchClient(cluster.endpoint, SERVERS, IN_FLIGHT * 2)
  try {
    const { ids } = await build(client, IN_FLIGHT)
    const measured: (readonly [name: string, figures: Measured])[] = []
    for (const move of MOVES_TO_MEASURE) {
      await measure(client, ids, move, WARM_UP)
      measured.push([move.name, await measure(client, ids, move, MOVES)])
    }
    const { perSecond: builds } = await build(client, REFERENCE_BUILDS)
    return measured.flatMap(([name, { perSecond, latencies }]) => [
      result(`${name}, reference builds`, perSecond, 'moves/s', builds),
      result(`${name}, reference the goal of ${GOAL_PER_S}`, perSecond, 'moves/s', GOAL_PER_S),
      result(`${name}, p50 at ${IN_FLIGHT} in flight`, percentile(latencies, 0.5), 'ms'),
      result(`${name}, p99 at ${IN_FLIGHT} in flight`, percentile(latencies, 0.99), 'ms'),
    ])
  } finally {
    client.close()
  }
}

export async function bench(): Promise<BenchResult[]> {
  const cluster = await startCluster()
  try {
    return await measureAll(cluster)
  } finally {
    await cluster.stop()
  }
}
