/**
 * How long nobody looks after an operation whose conductor was killed: from just before kill -9, by the wall clock of this
 * machine, to the first step that another conductor resumes. 30 kills under load, each on a whole cluster. Several conductors
 * share the shards of a dead one; the figures are those of the first that resumed anything, and of the last.
 *
 *     npx node bench/takeover.ts [KILLS]
 */
import { setTimeout as delay } from 'node:timers/promises'
import { startCluster, type TestCluster, until } from '../test/support/cluster.ts'
import { buildWhile } from '../test/support/history.ts'
import { kill } from '../test/support/kill.ts'
import { type BenchResult, percentile, result } from './result.ts'

/** Builds under way all the time, and how long each takes: enough that every kill finds some in every conductor. */
const AT_ONCE = 40
const SPAWN_MS = 400
const TAKE_OVER_MS = 15_000
/** From then on a conductor that resumed nothing had nothing to resume. */
const IDLE_MS = 10_000
/** After the first part of a take-over the others have so long to show theirs. */
const PARTS_MS = 1000
/** Goals in ms. */
const GOAL = { p50: 1500, p99: 3000 } as const

interface Part {
  readonly firstAtWallMs: number
  readonly actors: number
  readonly silentMs: number
}

interface TakeOverTime {
  readonly victim: string
  readonly firstMs: number
  readonly lastMs: number
  readonly actors: number
}

/** Resolves with one result per figure, in ms, the goal as its reference. */
export async function bench(kills = 30): Promise<BenchResult[]> {
  const times = await measure(kills)
  const first = times.map(t => t.firstMs)
  const last = times.map(t => t.lastMs)
  return [
    result('take-over, kill -9 to first resumed step, p50', percentile(first, 0.5), 'ms', GOAL.p50),
    result('take-over, kill -9 to first resumed step, p99', percentile(first, 0.99), 'ms', GOAL.p99),
    result('take-over, last conductor to resume its part, p50', percentile(last, 0.5), 'ms', GOAL.p50),
    result('take-over, last conductor to resume its part, p99', percentile(last, 0.99), 'ms', GOAL.p99),
  ]
}

async function measure(kills: number): Promise<TakeOverTime[]> {
  const cluster = await startCluster({ env: { BATON_DRIVER_FAKE_LATENCY_MS: String(SPAWN_MS) } })
  let goesOn = true
  const load = buildWhile(cluster, 'load', AT_ONCE, () => goesOn)
  // A failure of the load is reported when it is awaited below.
  load.catch(() => {})
  try {
    const times: TakeOverTime[] = []
    while (times.length < kills) {
      const victims = (await cluster.whole()).filter(n => n.role === 'conductor')
      const victim = victims[times.length % victims.length]
      if (!victim) throw new Error('no conductor runs')
      // At a random moment of the pings between them.
      await delay(Math.random() * SPAWN_MS)
      const killedAt = Date.now()
      kill(victim.pid)
      const time = summed(victim.id, killedAt, await partsOf(cluster, killedAt))
      if (time === null) {
        console.log(`     ${victim.id}  had nothing to do just then; not counted`)
        continue
      }
      times.push(time)
      console.log(`${String(times.length).padStart(3)}  ${time.victim}  first ${time.firstMs} ms, last ${time.lastMs} ms, ${time.actors} actors`)
    }
    goesOn = false
    console.log(`${times.length} kills, ${(await load).length} instances built meanwhile`)
    return times
  } finally {
    goesOn = false
    await cluster.stop()
  }
}

/** What conductors said about taking shards over since then: resolves a moment after the first that resumed something. */
async function partsOf(cluster: TestCluster, sinceMs: number): Promise<Part[]> {
  const look = async (): Promise<Part[]> => {
    const conductors = cluster.processes('conductor')
    const lines = (await Promise.all(conductors.map(c => cluster.log(c.id)))).flat()
    return lines.flatMap(({ msg, takeOver }) =>
      msg === 'took over shards' && isPart(takeOver) && takeOver.firstAtWallMs >= sinceMs ? [takeOver] : [],
    )
  }
  await until('a conductor that resumes what the killed one did', TAKE_OVER_MS, async () => {
    const parts = await look()
    return parts.some(p => p.actors > 0) || (parts.length > 0 && Date.now() - sinceMs > IDLE_MS)
  })
  const settledAt = performance.now() + PARTS_MS
  return until('the other parts', PARTS_MS * 2, async () => performance.now() >= settledAt && look(), 100)
}

function summed(victim: string, killedAt: number, parts: readonly Part[]): TakeOverTime | null {
  const resumed = parts.filter(p => p.actors > 0)
  if (resumed.length === 0) return null
  const ends = resumed.map(p => p.firstAtWallMs - killedAt)
  return { victim, firstMs: Math.min(...ends), lastMs: Math.max(...ends), actors: resumed.reduce((sum, p) => sum + p.actors, 0) }
}

function isPart(value: unknown): value is Part {
  if (typeof value !== 'object' || value === null) return false
  return 'firstAtWallMs' in value && typeof value.firstAtWallMs === 'number' && 'actors' in value && typeof value.actors === 'number'
}

if (import.meta.main) {
  const kills = Number(process.argv[2] ?? 30)
  for (const { name, value, unit, reference } of await bench(kills)) console.log(`${name.padEnd(52)} ${value} ${unit}   goal <= ${reference} ${unit}`)
}
