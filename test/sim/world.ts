/**
 * A simulated cluster: the production code of conductors, agents and gateways, on simulated time, network, database and
 * processes. Faults are methods here; who calls them when is the business of `faults.ts`.
 */
import type { ClusterApi } from '../../actors/api.ts'
import { createFakeDriver } from '../../actors/hypervisor/drivers/fake.ts'
import { withoutPower } from '../../actors/hypervisor/drivers/fake-transfer.ts'
import { FAKE_IMAGE } from '../../actors/hypervisor/drivers/images.ts'
import type { FakeGuest } from '../../actors/hypervisor/drivers/records.ts'
import { type MemoryStore, memoryStore } from '../../actors/hypervisor/drivers/store.ts'
import type { Append, Incarnation } from '../../actors/kernel/ports.ts'
import { createMemoryDatabase, type MemoryDatabase } from '../../persistence/memory.ts'
import { type Compute, startCompute } from '../../supervisors/compute.ts'
import { type Conductor, type ConductorSettings, startConductor } from '../../supervisors/conductor.ts'
import { type Gateway, startGateway } from '../../supervisors/gateway.ts'
import { createMemoryNetwork } from '../../transport/memory-link.ts'
import type { Loop } from './loop.ts'
import { createProcess, SIM_EPOCH_MS, type SimProcess } from './process.ts'
import type { Random } from './random.ts'

export const SIM_SETTINGS: ConductorSettings = {
  membership: { leaseMs: 6000, renewMs: 1000, pingMs: 150, suspectMs: 900 },
  heartbeat: { intervalMs: 1000, suspectMs: 3000, downMs: 10_000, auditMs: 12_000 },
  actors: { inbox: 1000, total: 20_000, idleMs: 8000, snapshotEvery: 5 },
  restart: { limit: 5, periodMs: 60_000, backoffBaseMs: 50, backoffCapMs: 2000 },
  ratios: { vcpu: 4, ram: 1, disk: 1 },
  timers: { reclaimMs: 3000, confirmResizeMs: 14_000, shelvedOffloadMs: 1500 },
}

export interface NetworkFaults {
  /** Probability that a message is lost, and that it comes twice. */
  drop: number
  duplicate: number
  /** Delay of a message: `min` to `max` ms. */
  delay: readonly [number, number]
  /** Nodes that hear and say nothing. */
  readonly cutOff: Set<string>
}

export interface Node<T> {
  readonly name: string
  process: SimProcess
  /** Started and not killed; `running` follows when it has come up. */
  up: boolean
  running: T | null
}

export interface World {
  readonly conductors: readonly Node<Conductor>[]
  readonly computes: readonly Node<Compute>[]
  readonly gateways: readonly Node<Gateway>[]
  readonly stores: ReadonlyMap<string, MemoryStore<FakeGuest>>
  readonly database: MemoryDatabase
  readonly network: NetworkFaults
  /** Every append in the order in which it was committed or refused. */
  readonly commits: { readonly incarnation: Incarnation; readonly entry: Append; readonly ok: boolean }[]
  /** Events written by a conductor that did not own their shard. */
  readonly trespasses: readonly string[]
  kill(node: string): void
  /** The machine of a compute host loses power: agent and guests are gone, disks stay. */
  powerOff(node: string): void
  /** Machines without power. */
  readonly dark: ReadonlySet<string>
  start(node: string): void
  freeze(node: string): void
  thaw(node: string): void
  api(): ClusterApi
  nowMs(): number
  /** What every machine's wall clock shows. */
  wallMs(): number
  log(line: string): void
}

const CAPACITY = { vcpus: 4, ramMb: 1024, diskGb: 100 }

export function createWorld(loop: Loop, random: Random, size: { conductors: number; computes: number }, log: (line: string) => void): World {
  const network: NetworkFaults = { drop: 0, duplicate: 0, delay: [0.1, 1], cutOff: new Set() }
  const net = random.fork()
  const links = createMemoryNetwork({
    schedule: (delayMs, fn) => loop.schedule(delayMs, fn),
    deliver(from, to) {
      if (network.cutOff.has(from) || network.cutOff.has(to) || net.chance(network.drop)) return []
      const [min, max] = network.delay
      const delay = () => min + net.next() * (max - min)
      return net.chance(network.duplicate) ? [delay(), delay()] : [delay()]
    },
    onFault: (node, error) => log(`${node} FAULT in a message handler: ${error instanceof Error ? error.stack : error}`),
  })
  const db = random.fork()
  const trespasses: string[] = []
  const database = createMemoryDatabase({
    now: () => 1_700_000_000_000 + Math.floor(loop.nowMs()),
    delay: fn => loop.schedule(0.2 + db.next() * 2, fn),
    onAppend: ({ incarnation, actor, owner }) => {
      if (owner !== incarnation) trespasses.push(`${actor} was written by ${incarnation} while ${owner} owned its shard`)
    },
  })
  const commits: World['commits'] = []
  const stores = new Map<string, MemoryStore<FakeGuest>>()
  const dark = new Set<string>()
  let lives = 0
  let latestApi = 0

  const names = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix}-${i + 1}`)
  const idle = <T>(name: string): Node<T> => ({ name, process: createProcess(name, loop, random.fork(), log), up: false, running: null })
  const conductors = names('conductor', size.conductors).map(n => idle<Conductor>(n))
  const computes = names('compute', size.computes).map(n => idle<Compute>(n))
  const gateways = [idle<Gateway>('gateway-1')]
  const seeds = conductors.map(n => `sim://${n.name}`)
  for (const node of computes) stores.set(node.name, memoryStore<FakeGuest>())

  function conductor(node: Node<Conductor>): void {
    const { process } = node
    const link = links.link(node.name)
    const rejoin = (): void => {
      log(`${node.name} rejoins`)
      kill(node.name)
      loop.schedule(200, () => start(node.name))
    }
    const begin = async (): Promise<void> => {
      await link.listen(`sim://${node.name}`)
      node.running = await startConductor({
        env: process.env,
        nodeId: node.name,
        endpoint: `sim://${node.name}`,
        host: node.name,
        pid: 1,
        version: 'sim',
        engine: 'sim',
        link,
        membership: process.guardAll(database.membership),
        views: process.guardAll(database.views),
        images: [FAKE_IMAGE],
        settings: SIM_SETTINGS,
        journal(incarnation) {
          const journal = database.journal(incarnation)
          return {
            append: entry =>
              process.guard(
                journal.append(entry).then(
                  () => void commits.push({ incarnation, entry, ok: true }),
                  error => {
                    commits.push({ incarnation, entry, ok: false })
                    throw error
                  },
                ),
              ),
            load: actors => process.guard(journal.load(actors)),
            awake: shards => process.guard(journal.awake(shards)),
            stats: () => ({ queued: journal.waiting(), oldestMs: 0, commitMs: 0 }),
            close: () => journal.close(),
          }
        },
        onFenced: rejoin,
      })
    }
    begin().catch(error => {
      log(`${node.name} could not start: ${error instanceof Error ? error.message : error}`)
      if (process.alive()) rejoin()
    })
  }

  function compute(node: Node<Compute>): void {
    const { process } = node
    const store = stores.get(node.name)
    if (!store) throw new Error(`no store for ${node.name}`)
    const driver = createFakeDriver(process.env, store, {
      capacity: CAPACITY,
      latencyMs: {
        ...({ spawn: [5, 400], destroy: [1, 50], stop: [1, 100], start: [1, 100], reboot: [1, 100], receive: [5, 400], rebuild: [5, 200] } as const),
        ...({ prepareIncoming: [5, 300], migrateOut: [1, 50], handOver: [1, 100], finishIncoming: [1, 100] } as const),
      },
      failure: {
        ...{ spawn: 0.02, receive: 0.05, rebuild: 0.02, rescue: 0.05 },
        ...{ prepareIncoming: 0.05, migrateOut: 0.03, handOver: 0.05, finishIncoming: 0.05 },
      },
      // A tiny guest takes half a second and a small one four; so there is time for something to go wrong.
      rates: { bytesPerS: 160 * 1024 ** 2, dirtyBytesPerS: 32 * 1024 ** 2 },
    })
    startCompute({
      env: process.env,
      nodeId: node.name,
      incarnation: ++lives,
      pid: lives,
      version: 'sim',
      engine: 'sim',
      link: links.link(node.name),
      seeds,
      driver,
      bootId: node.name,
      intervalMs: SIM_SETTINGS.heartbeat.intervalMs,
    }).then(running => {
      node.running = running
    })
  }

  function gateway(node: Node<Gateway>): void {
    const identity = { node: node.name, inc: ++lives, role: 'gateway', pid: lives, ver: 'sim', eng: 'sim' } as const
    node.running = startGateway({ env: node.process.env, self: identity, link: links.link(node.name), seeds, requestMs: 20_000 })
  }

  const all = (): readonly Node<unknown>[] => [...conductors, ...computes, ...gateways]
  function find(name: string): Node<unknown> {
    const node = all().find(n => n.name === name)
    if (!node) throw new Error(`no node ${name}`)
    return node
  }

  function kill(name: string): void {
    const node = find(name)
    if (!node.up) return
    node.up = false
    if (node.process.frozen()) links.resume(name)
    node.process.kill()
    links.crash(name)
    // What is left of its actors must not run on; a real process takes them with it.
    const running = node.running as { actors?: { stop(): void } } | null
    running?.actors?.stop()
    node.running = null
  }

  function powerOff(name: string): void {
    const store = stores.get(name)
    if (!store) throw new Error(`${name} is no compute host`)
    kill(name)
    dark.add(name)
    // Without power nothing runs, and none of it is begun again by itself.
    store.load().then(({ guests }) => {
      for (const guest of guests) void store.put(guest.spec.instance, withoutPower(guest))
    })
  }

  function start(name: string): void {
    const node = find(name)
    if (node.up) return
    dark.delete(name)
    node.up = true
    node.process = createProcess(name, loop, random.fork(), log)
    if (name.startsWith('conductor')) conductor(node as Node<Conductor>)
    else if (name.startsWith('compute')) compute(node as Node<Compute>)
    else gateway(node as Node<Gateway>)
  }

  for (const node of all()) start(node.name)

  return {
    conductors,
    computes,
    gateways,
    stores,
    database,
    network,
    commits,
    trespasses,
    kill,
    powerOff,
    dark,
    start,
    log,
    freeze(name) {
      const { up, process } = find(name)
      if (!up || process.frozen()) return
      process.freeze()
      links.pause(name)
    },
    thaw(name) {
      const { up, process } = find(name)
      if (!up || !process.frozen()) return
      links.resume(name)
      process.thaw()
    },
    api() {
      const gateway = gateways[latestApi++ % gateways.length]?.running
      if (!gateway) throw new Error('no gateway runs')
      return gateway.api
    },
    nowMs: loop.nowMs,
    wallMs: () => SIM_EPOCH_MS + loop.nowMs(),
  }
}
