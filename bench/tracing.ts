/**
 * What traces cost: builds to ACTIVE with none traced, with the default share, and with all, in turns on one cluster. Which requests are
 * traced is said by their `traceparent`, so the turns differ in nothing else; there is a collector that takes whatever comes.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { CONFIG_KEYS } from '../supervisors/config-table.ts'
import { startCluster } from '../test/support/cluster.ts'
import { build } from './builds.ts'
import { type BenchResult, percentile, result } from './result.ts'

const WARM_UP = 600
const BUILDS = 400
const ROUNDS = 4

const SHARES = { none: 0, default: CONFIG_KEYS['tracing.sample'].default, all: 1 } as const
type Share = keyof typeof SHARES

/** Spread evenly: the n-th is traced when a whole number lies between n and n + 1 times the share. */
const headersOf = (share: number) => (n: number) => {
  const isTraced = Math.floor((n + 1) * share) > Math.floor(n * share)
  return { traceparent: `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-0${Number(isTraced)}` }
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
    const ratios: Record<Share, number[]> = { none: [], default: [], all: [] }
    const rates: Record<Share, number[]> = { none: [], default: [], all: [] }
    // A turn of none before and after each: the cluster gets slower as its tables grow.
    let before = (await build(cluster, BUILDS, headersOf(SHARES.none))).perSecond
    for (let round = 0; round < ROUNDS; round++) {
      for (const share of ['default', 'all'] as const) {
        const { perSecond } = await build(cluster, BUILDS, headersOf(SHARES[share]))
        const after = (await build(cluster, BUILDS, headersOf(SHARES.none))).perSecond
        ratios[share].push(perSecond / ((before + after) / 2))
        rates[share].push(perSecond)
        rates.none.push(before)
        before = after
      }
    }
    const median = (samples: readonly number[]): number => percentile(samples, 0.5)
    return (['default', 'all'] as const).flatMap(share => [
      result(`builds to ACTIVE, ${SHARES[share] * 100} % traced, reference none`, median(rates[share]), 'builds/s', median(rates.none)),
      result(`median of ${ROUNDS} pairs, ${SHARES[share] * 100} % traced against none`, median(ratios[share]), 'ratio'),
    ])
  } finally {
    await cluster.stop()
    collector.closeAllConnections()
    collector.close()
  }
}
