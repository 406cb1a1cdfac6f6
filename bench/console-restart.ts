/**
 * A gateway is killed and started again at its port, with a thousand clients of the published kind watching a list: how they come back. What
 * the gateway has to do at once is seen in the largest number of handshakes within a tenth of a second, and in what a request of somebody
 * else waits meanwhile.
 */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { connectConsole } from '../transport/console-client/client.ts'
import { heard, memoryMb, startConductor, startGateway } from './console-world.ts'
import { type BenchResult, percentile, result } from './result.ts'

const BUCKET_MS = 100
const PATIENCE_MS = 60_000
const LOOK_MS = 20

const settle = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

async function until(what: string, test: () => boolean): Promise<number> {
  const begun = performance.now()
  while (!test()) {
    if (performance.now() - begun > PATIENCE_MS) throw new Error(`waited ${PATIENCE_MS} ms for ${what}`)
    await settle(LOOK_MS)
  }
  return performance.now() - begun
}

export async function restarted(clients: number): Promise<BenchResult[]> {
  const conductor = await startConductor()
  let gateway = await startGateway(conductor.endpoint)
  const live = new Set<number>()
  /** When each was back, ms. */
  const liveAt: number[] = []
  const watched = new Set<number>()
  const consoles = Array.from({ length: clients }, (_, i) =>
    connectConsole({
      url: gateway.url,
      onState({ state }) {
        if (state === 'live') {
          live.add(i)
          liveAt.push(performance.now())
        } else live.delete(i)
      },
    }),
  )
  try {
    for (const [i, client] of consoles.entries()) client.watch('instances', { limit: 1000 }, { onChange: () => watched.add(i) })
    await until('all clients to be shown the list', () => watched.size === clients)
    const before = await conductor.paid()
    await gateway.kill()
    await until('all clients to have noticed', () => live.size === 0)
    liveAt.length = 0
    const begun = performance.now()
    gateway = await startGateway(conductor.endpoint, gateway.port)
    const readyMs = performance.now()
    // In a process of its own: this one has a thousand clients to be.
    const somebody = fork(fileURLToPath(new URL('ask.ts', import.meta.url)))
    somebody.send(`http://127.0.0.1:${gateway.port}/healthz`)
    await until('all clients to be back', () => live.size === clients)
    // A change that all of them must hear: whoever has heard it has its list again.
    watched.clear()
    await conductor.change({ rows: 1, perSecond: 1, seconds: 1 })
    await until('all clients to hear a change', () => watched.size === clients)
    const answers = heard<number[]>(somebody, () => true)
    somebody.send('enough')
    const waits = await answers
    somebody.disconnect()
    const reads = (await conductor.paid()).reads - before.reads
    const buckets = Map.groupBy(liveAt, at => Math.floor((at - begun) / BUCKET_MS))
    const most = Math.max(...[...buckets.values()].map(some => some.length))
    const back = liveAt.toSorted((a, b) => a - b).map(at => Math.max(0, at - readyMs))
    return [
      result(`gateway started again: most clients back within ${BUCKET_MS} ms, reference all`, most, 'clients', clients),
      result('… p50 of being back after it was ready', percentile(back, 0.5), 'ms'),
      result('… the last', back.at(-1) ?? 0, 'ms'),
      result('… a request of somebody else meanwhile, p99', percentile(waits, 0.99), 'ms'),
      result('… reads of the conductor, reference one for each client', reads, 'reads', clients),
      result('… memory of the gateway after it', memoryMb(gateway.pid), 'MB'),
    ]
  } finally {
    for (const client of consoles) client.close()
    await gateway.kill()
    conductor.stop()
  }
}
