/**
 * What traces cost: builds to ACTIVE with none traced, with the default share, and with all, in turns on one cluster. Which requests are
 * traced is said by their `traceparent`, so the turns differ in nothing else; there is a collector that takes whatever comes.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { CONFIG_KEYS } from '../supervisors/config/config-table.ts'
import { startCluster, type TestCluster } from '../test/support/cluster.ts'
import { build } from './builds.ts'
import { type BenchResult, percentile, result } from './result.ts'

const WARM_UP = 600
const BUILDS = 400
const ROUNDS = 4

const SHARES = { default: CONFIG_KEYS['tracing.sample'].default, all: 1 } as const

/** Spread evenly: the n-th is traced when a whole number lies between n and n + 1 times the share. */
const headersOf = (share: number) => (n: number) => {
  const isTraced = Math.floor((n + 1) * share) > Math.floor(n * share)
  return { traceparent: `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-0${Number(isTraced)}` }
}

/** Processor time of all nodes of a cluster so far, ms: what others do on the machine is not in it. */
function cpuMs(cluster: TestCluster): number {
  return cluster.processes().reduce((sum, { pid }) => {
    // Fields 14 and 15 of proc(5), in hundredths of a second; the name before them may hold spaces.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ')
    return sum + 10 * (Number(fields[11]) + Number(fields[12]))
  }, 0)
}

interface Turn {
  readonly perSecond: number
  /** Processor time per build. */
  readonly cpuMs: number
}

async function turn(cluster: TestCluster, share: number): Promise<Turn> {
  const before = cpuMs(cluster)
  const { perSecond } = await build(cluster, BUILDS, headersOf(share))
  return { perSecond, cpuMs: (cpuMs(cluster) - before) / BUILDS }
}

export async function bench(): Promise<BenchResult[]> {
  const collector = createServer((request, response) => {
    request.resume()
    request.once('end', () => response.end('{}'))
  })
  collector.listen(0, '127.0.0.1')
  await once(collector, 'listening')
  const address = collector.address()
  const port = typeof address === 'object' && address ? address.port : 0
  const cluster = await startCluster({ env: { BATON_TRACING_ENDPOINT: `http://127.0.0.1:${port}` } })
  try {
    await build(cluster, WARM_UP, headersOf(0))
    const none: Turn[] = []
    const pairs: Record<'default' | 'all', { readonly traced: Turn; readonly rate: number; readonly cpu: number }[]> = { default: [], all: [] }
    // A turn of none before and after each: the cluster gets slower as its tables grow.
    let before = await turn(cluster, 0)
    for (let round = 0; round < ROUNDS; round++) {
      for (const share of ['default', 'all'] as const) {
        const traced = await turn(cluster, SHARES[share])
        const after = await turn(cluster, 0)
        const [rate, cpu] = [(before.perSecond + after.perSecond) / 2, (before.cpuMs + after.cpuMs) / 2]
        pairs[share].push({ traced, rate: traced.perSecond / rate, cpu: traced.cpuMs / cpu })
        none.push(before)
        before = after
      }
    }
    const median = (samples: readonly number[]): number => percentile(samples, 0.5)
    return (['default', 'all'] as const).flatMap(share => {
      const of = `${SHARES[share] * 100} % traced`
      const [traced, bare] = [pairs[share].map(p => p.traced), none]
      return [
        result(`builds to ACTIVE, ${of}, reference none`, median(traced.map(t => t.perSecond)), 'builds/s', median(bare.map(t => t.perSecond))),
        result(`processor time per build, ${of}, reference none`, median(traced.map(t => t.cpuMs)), 'ms', median(bare.map(t => t.cpuMs))),
        result(`median of ${ROUNDS} pairs, ${of} against none: builds per second`, median(pairs[share].map(p => p.rate)), 'ratio'),
        result(`median of ${ROUNDS} pairs, ${of} against none: processor time`, median(pairs[share].map(p => p.cpu)), 'ratio'),
      ]
    })
  } finally {
    await cluster.stop()
    collector.closeAllConnections()
    collector.close()
  }
}
