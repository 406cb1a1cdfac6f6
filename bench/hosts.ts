/**
 * A conductor that listens to ten thousand hosts, each with a heartbeat a second: what that takes of its processor, how long a heartbeat waits for
 * its answer, what a host takes of its memory. The conductor is the real one; its database and its link are in memory, the hosts are as little
 * as can speak for a host, and all is one process. The reference is the same hosts with as many messages of the same size to somebody who only
 * decodes them and says yes: what is more than that is the conductor's own.
 */

import { monitorEventLoopDelay } from 'node:perf_hooks'
import { cpuUsage, memoryUsage } from 'node:process'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { ImageBody } from '../actors/api.ts'
import { SHARD_COUNT } from '../actors/kernel/address.ts'
import type { Env } from '../actors/kernel/env.ts'
import { createMemoryDatabase, type MemoryDatabase } from '../persistence/memory.ts'
import { type Conductor, startConductor } from '../supervisors/conductor.ts'
import { realEnv } from '../supervisors/real-env.ts'
import { SIM_SETTINGS } from '../test/sim/settings.ts'
import { createMemoryNetwork, type MemoryNetwork } from '../transport/memory-link.ts'
import { decode, encode } from '../transport/protocol.ts'
import { type BenchResult, percentile, result } from './result.ts'

const HOSTS = 10_000
const SECONDS = 10
const GUESTS = 10
const TICK_MS = 20
/** How long a host waits for an answer, ms. */
const PATIENCE_MS = 3000
const AT = 'memory://conductor-1'
const COMING_MS = 60_000
const GOAL_CPU = 100

export const settle = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

setFlagsFromString('--expose-gc')
const collect: unknown = runInNewContext('gc')

function heapMb(): number {
  if (typeof collect === 'function') collect()
  return memoryUsage().heapUsed / 2 ** 20
}

/** Messages are there at the next turn of the event loop. */
const newNetwork = (): MemoryNetwork =>
  createMemoryNetwork({ schedule: (delayMs, fn) => void (delayMs <= 1 ? setImmediate(fn) : setTimeout(fn, delayMs)) })

interface Hosts {
  /** Those whose last heartbeat was answered well. */
  answered(): number
  /** Begins with heartbeats, each host once a second, spread over it. */
  start(): void
  stop(): void
  /** Times to the answers since the last look, ms. */
  waits(): number[]
  readonly faults: Map<string, number>
}

function createHosts(network: MemoryNetwork): Hosts {
  const faults = new Map<string, number>()
  let waits: number[] = []
  const well = new Set<number>()
  const hosts = Array.from({ length: HOSTS }, (_, i) => {
    const node = `compute-${i}`
    const link = network.link(node)
    const peer = link.dial(AT)
    const sent = new Map<string, number>()
    const guests = Array.from({ length: GUESTS }, (_, g) => ({
      instance: `00000000-0000-4000-8000-${String(i * GUESTS + g).padStart(12, '0')}`,
      power: 'running',
      order: 1,
    }))
    const info = { driver: 'fake', pid: i, version: '0', vcpus: 64, ramMb: 262_144, diskGb: 4000, traits: ['CUSTOM_DRIVER_FAKE', 'CUSTOM_SSD'] }
    let seq = 0
    link.onMessage((from, bytes) => {
      const said = decode(bytes)
      if (said.t === 'ping') link.send(from, encode({ t: 'pong', at: said.at }))
      else if (said.t === 'ok') {
        waits.push(performance.now() - (sent.get(said.id) ?? 0))
        sent.delete(said.id)
        well.add(i)
      } else if (said.t === 'no') {
        faults.set(said.f.code, (faults.get(said.f.code) ?? 0) + 1)
        sent.delete(said.id)
        well.delete(i)
      }
    })
    return {
      hello: () =>
        link.send(
          peer,
          encode({ t: 'hello', vs: [1, 1], id: { node, inc: 1, role: 'compute', pid: i, ver: '0', eng: 'bench' }, at: performance.now() }),
        ),
      /** As an agent: none before the last was answered, or has had its time. */
      beat() {
        const at = performance.now()
        for (const [id, sentMs] of sent) if (at - sentMs > PATIENCE_MS) sent.delete(id)
        if (sent.size > 0) return
        const id = `${i}-${seq}`
        sent.set(id, at)
        const beat = { seq: seq++, bootId: 'boot/1', info, load: { cpu: 0.2, lagMs: 1, rssMb: 90 }, guests, armed: 0 }
        link.send(peer, encode({ t: 'call', id, to: `monitor/${node}`, m: 'beat', a: beat, ttl: 3000, at, n: 1 }))
      },
    }
  })
  let timer: NodeJS.Timeout | null = null
  return {
    faults,
    answered: () => well.size,
    start() {
      for (const host of hosts) host.hello()
      const begun = performance.now()
      let done = 0
      timer = setInterval(() => {
        const due = Math.floor(((performance.now() - begun) / 1000) * HOSTS)
        // What is too late is left out, as a host that was held up leaves it out.
        if (due - done > HOSTS) done = due - HOSTS
        for (; done < due; done++) hosts[done % HOSTS]?.beat()
      }, TICK_MS)
    },
    stop: () => timer && clearInterval(timer),
    waits() {
      const these = waits
      waits = []
      return these
    },
  }
}

/** Decodes what comes and says yes to what asks. */
function sayYes(network: MemoryNetwork): void {
  const link = network.link('conductor-1')
  link.onMessage((peer, bytes) => {
    const said = decode(bytes)
    if (said.t === 'call') link.send(peer, encode({ t: 'ok', id: said.id, r: { intervalMs: 1000, lease: { leaseMs: 30_000, upTo: 7 } }, at: 1 }))
  })
  link.listen(AT).catch(() => {})
}

/** Resolves when it serves all shards: who comes before that is sent on, with the map. */
async function startReal(network: MemoryNetwork): Promise<Conductor> {
  const conductor = await startNode(network, newDatabase(), 'conductor-1')
  while (conductor.actors.owned().length < SHARD_COUNT) await settle(50)
  return conductor
}

const newDatabase = (): MemoryDatabase => createMemoryDatabase({ now: () => Date.now(), delay: fn => void setTimeout(fn, 1) })

/** As users have it, but for what is in memory and hosts that audits leave alone. */
export async function startNode(
  network: MemoryNetwork,
  database: MemoryDatabase,
  nodeId: string,
  { env = realEnv(nodeId, 'silent'), images = [] }: { readonly env?: Env; readonly images?: readonly ImageBody[] } = {},
): Promise<Conductor> {
  const link = network.link(nodeId)
  const endpoint = `memory://${nodeId}`
  await link.listen(endpoint)
  return startConductor({
    ...{ env, nodeId, endpoint, host: 'bench', pid: 1, version: '0', engine: 'bench', link },
    machine: () => ({ boot: 'bench', uptimeMs: env.monotonicMs() }),
    ...{ membership: database.membership, views: database.views, images },
    settings: {
      ...SIM_SETTINGS,
      membership: { leaseMs: 6000, renewMs: 1000, pingMs: 150, suspectMs: 900 },
      heartbeat: { intervalMs: 1000, suspectMs: 3000, downMs: 10_000, auditMs: 60_000 },
      ha: { leaseMs: 30_000, parallel: 4, massFraction: 0.5 },
    },
    journal(incarnation) {
      const journal = database.journal(incarnation)
      return Object.assign(journal, { stats: () => ({ queued: journal.waiting(), oldestMs: 0, commits: 0, commitSumMs: 0, connected: true }) })
    },
    onFenced(error) {
      throw error
    },
  })
}

interface Measured {
  readonly cpu: number
  readonly waits: readonly number[]
  readonly lagMs: number
  readonly heapMb: number
  readonly comingMs: number
}

async function measured(serve: (network: MemoryNetwork) => Promise<unknown>): Promise<Measured> {
  const before = heapMb()
  const network = newNetwork()
  await serve(network)
  const hosts = createHosts(network)
  const begun = performance.now()
  hosts.start()
  while (hosts.answered() < HOSTS) {
    if (performance.now() - begun > COMING_MS)
      throw new Error(`after ${COMING_MS} ms ${hosts.answered()} of ${HOSTS} hosts are heard: ${JSON.stringify([...hosts.faults])}`)
    await settle(100)
  }
  const comingMs = performance.now() - begun
  await settle(2000)
  hosts.waits()
  const lag = monitorEventLoopDelay({ resolution: 10 })
  lag.enable()
  const usage = cpuUsage()
  const from = performance.now()
  await settle(SECONDS * 1000)
  const { user, system } = cpuUsage(usage)
  const cpu = (user + system) / 1000 / (performance.now() - from)
  const waits = hosts.waits()
  lag.disable()
  const heap = heapMb()
  hosts.stop()
  await settle(200)
  return { cpu, waits, lagMs: Math.max(0, lag.percentile(99) / 1e6 - 10), heapMb: heap - before, comingMs }
}

export async function bench(): Promise<BenchResult[]> {
  const bare = await measured(async network => sayYes(network))
  let conductor: Conductor | null = null
  const ours = await measured(async network => {
    conductor = await startReal(network)
  })
  const running: Conductor | null = conductor
  await (running as Conductor | null)?.stop()
  const of = `${HOSTS} hosts, a heartbeat a second each`
  return [
    result(`${of}: processor of all, reference bare`, ours.cpu * 100, '%', bare.cpu * 100),
    result('… of it the conductor, reference one processor', (ours.cpu - bare.cpu) * 100, '%', GOAL_CPU),
    result('… heartbeats answered per second, reference those sent', ours.waits.length / SECONDS, '/s', HOSTS),
    result('… to the answer, p50, reference bare', percentile(ours.waits, 0.5), 'ms', percentile(bare.waits, 0.5)),
    result('… to the answer, p99, reference bare', percentile(ours.waits, 0.99), 'ms', percentile(bare.waits, 0.99)),
    result('… event loop late, p99, reference bare', ours.lagMs, 'ms', bare.lagMs),
    result('… until all are registered, from nothing', ours.comingMs, 'ms', bare.comingMs),
    result('… memory of one host at the conductor, its database in memory', ((ours.heapMb - bare.heapMb) * 1024) / HOSTS, 'kB'),
  ]
}
