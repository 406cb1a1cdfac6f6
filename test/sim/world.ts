/**
 * A simulated cluster: the production code of conductors, agents and gateways, on simulated time, network, database and
 * processes. Faults are methods here; who calls them when is the business of `faults.ts`.
 */
import type { ClusterApi, InstanceBody } from '../../actors/api.ts'
import type { HypervisorDriver } from '../../actors/hypervisor/driver.ts'
import { type MemoryBlobs, memoryBlobs } from '../../actors/hypervisor/drivers/blobs.ts'
import { createFakeDriver, type FakeDriver } from '../../actors/hypervisor/drivers/fake.ts'
import { withoutPower } from '../../actors/hypervisor/drivers/fake-transfer.ts'
import { FAKE_IMAGE } from '../../actors/hypervisor/drivers/images.ts'
import type { FakeGuest } from '../../actors/hypervisor/drivers/records.ts'
import { type MemoryStore, memoryStore } from '../../actors/hypervisor/drivers/store.ts'
import type { Append, Incarnation } from '../../actors/kernel/ports.ts'
import { memoryImageStore } from '../../persistence/images/memory-store.ts'
import { createMemoryDatabase, type MemoryDatabase } from '../../persistence/memory.ts'
import { type Compute, startCompute } from '../../supervisors/compute.ts'
import { type Conductor, startConductor } from '../../supervisors/conductor.ts'
import type { ConductorSettings } from '../../supervisors/config/conductor-settings.ts'
import { type Gateway, startGateway } from '../../supervisors/gateway.ts'
import { createGuard } from '../../supervisors/watchdog/guard.ts'
import type { Link } from '../../transport/link.ts'
import { createMemoryNetwork } from '../../transport/memory-link.ts'
import { type DatabaseFaults, lineTo, newDatabaseFaults } from './database-line.ts'
import { type Failures, failures, latencies } from './drivers.ts'
import { printOf, turnsOf } from './history.ts'
import { imagesOver, withAgent } from './image-source.ts'
import { createLateness } from './lateness.ts'
import type { Loop } from './loop.ts'
import { createMachine, type Machine } from './machine.ts'
import { courier, type NetworkFaults, newNetworkFaults, speaking } from './network.ts'
import { type Probes, probed } from './probes.ts'
import { createProcess, SIM_EPOCH_MS, type SimProcess } from './process.ts'
import type { Random } from './random.ts'
import { bodyOf } from './rows.ts'
import { SIM_AGENTS, SIM_SETTINGS } from './settings.ts'

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
  /** Images and disks by host. */
  readonly blobs: ReadonlyMap<string, MemoryBlobs>
  readonly database: MemoryDatabase
  readonly databaseFaults: DatabaseFaults
  readonly network: NetworkFaults
  readonly settings: ConductorSettings
  /** By how much clocks are wrong: the database's, and the wall clock of each node. */
  readonly clocks: { databaseMs: number; readonly wallMs: Map<string, number> }
  /** Every append in the order in which it was committed or refused. */
  readonly commits: { readonly incarnation: Incarnation; readonly entry: Append; readonly ok: boolean }[]
  /** Events written by a conductor that did not own their shard. */
  readonly trespasses: readonly string[]
  /** Guests that came to life without the lease that protects them, in words. */
  readonly unleased: readonly string[]
  /** Answers to calls that came after their deadline. */
  readonly lateAnswers: readonly string[]
  /** Answers of conductors that were over. */
  readonly oldAnswers: readonly string[]
  /** What tells the versions of each instance apart, in the order in which they were committed; see `printOf`. */
  readonly versions: ReadonlyMap<string, readonly string[]>
  kill(node: string): void
  /** From now on everything this node does takes up to so much longer, ms; 0 ends that. */
  slow(node: string, lagMs: number): void
  /** The machine of a compute host loses power: agent and guests are gone, disks stay. */
  powerOff(node: string): void
  /** A running guest of this host ends by itself: that of this instance, or any. */
  crashGuest(node: string, instance?: string): void
  /** Machines without power. */
  readonly dark: ReadonlySet<string>
  /** What strikes a host when its agent begins to bring a guest to life, or a conductor when it writes the next event of an operation. */
  readonly ambushes: Map<string, () => void>
  start(node: string): void
  freeze(node: string): void
  thaw(node: string): void
  api(): ClusterApi
  /** Whether somebody is told of alerts. */
  readonly hasWebhook: boolean
  /** Lives of agents and gateways so far. */
  lives(): number
  nowMs(): number
  /** What every machine's wall clock shows. */
  wallMs(): number
  log(line: string): void
}

const CAPACITY = { vcpus: 4, ramMb: 1024, diskGb: 100 }
export interface WorldSize {
  readonly conductors: number
  readonly computes: number
  readonly settings?: ConductorSettings
  readonly probes?: Probes
  /** Of each compute host. */
  readonly capacity?: typeof CAPACITY
  /** By default drivers fail now and then by themselves. */
  readonly failure?: Failures
  /** How many times as long drivers take, and how many times as often they fail; 1 by default. */
  readonly pace?: number
  readonly flaky?: number
  /** By how much clocks of conductors and gateways run fast or slow, as a share; none by default. Hosts' clocks always do. */
  readonly drift?: number
  /** What guests have of consoles; nothing by default. */
  readonly consoles?: Pick<HypervisorDriver, 'streams' | 'openStream'>
  /** Versions of the protocol that nodes of other releases speak. */
  readonly speaks?: Readonly<Record<string, readonly [oldest: number, newest: number]>>
  /** Whether there are agents in guests, who put away what they have in an image store. */
  readonly agents?: 'required' | 'optional' | undefined
  /** Whether there is an image store; without one, snapshots stay on their hosts. */
  readonly images?: boolean
}

export function createWorld(loop: Loop, random: Random, size: WorldSize, log: (line: string) => void): World {
  const { settings = SIM_SETTINGS, probes = {}, probes: { webhook } = {}, pace = 1, flaky = 1, failure = failures(flaky) } = size
  const network = newNetworkFaults()
  const databaseFaults = newDatabaseFaults()
  const isOver = (name: string): boolean => {
    const life = conductors.find(c => c.name === name)?.running?.incarnation
    const state = life === undefined ? 'alive' : database.tables.conductors.get(life)?.state
    return state !== 'alive' && state !== 'draining'
  }
  const lateness = createLateness(loop.nowMs, isOver)
  const carry = courier(network, random.fork())
  const links = createMemoryNetwork({
    schedule: (delayMs, fn) => loop.schedule(delayMs, fn),
    deliver(from, to, message) {
      lateness.sent(message)
      return carry(from, to, message)
    },
    onFault: (node, error) => log(`${node} FAULT in a message handler: ${error}`),
  })
  const db = random.fork()
  const clocks: World['clocks'] = { databaseMs: 0, wallMs: new Map() }
  const wallMs = (name: string): number => clocks.wallMs.get(name) ?? 0
  const trespasses: string[] = []
  const unleased: string[] = []
  const versions = new Map<string, string[]>()
  const database = createMemoryDatabase({
    now: () => SIM_EPOCH_MS + Math.floor(loop.nowMs()) + clocks.databaseMs,
    delay: fn => loop.schedule(0.2 + db.next() * (2 + databaseFaults.slowMs), fn),
    onAppend: ({ incarnation, actor, owner }) => {
      if (owner !== incarnation) trespasses.push(`${actor} was written by ${incarnation} while ${owner} owned its shard`)
      const [kind, id = ''] = actor.split('/')
      const row = kind === 'instance' ? database.tables.views.instance.get(id) : undefined
      if (row) {
        const prints = versions.get(id) ?? []
        prints.push(printOf(bodyOf(row) as InstanceBody))
        versions.set(id, prints)
      }
      probes.appended?.(actor)
    },
  })
  const commits: World['commits'] = []
  const stores = new Map<string, MemoryStore<FakeGuest>>()
  const blobs = new Map<string, MemoryBlobs>()
  const imageStore = size.images || size.agents ? memoryImageStore() : undefined
  const dark = new Set<string>()
  let lives = 0
  let latestApi = 0

  const machines = new Map<string, Machine>()
  const names = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix}-${i + 1}`)
  const rates = new Map<string, number>()
  const processOf = (name: string): SimProcess =>
    createProcess(name, loop, random.fork(), log, { wrongMs: () => wallMs(name), rate: machines.get(name)?.rate ?? rates.get(name) ?? 1 })
  const linkOf = (name: string): Link => {
    const versions = size.speaks?.[name]
    const link = lateness.watch(name, links.link(name))
    return versions ? speaking(link, versions) : link
  }
  const idle = <T>(name: string): Node<T> => ({ name, process: processOf(name), up: false, running: null })
  const conductors = names('conductor', size.conductors).map(n => idle<Conductor>(n))
  const computes = names('compute', size.computes).map(n => idle<Compute>(n))
  const gateways = [idle<Gateway>('gateway-1')]
  const seeds = conductors.map(n => `sim://${n.name}`)
  if (size.drift) for (const { name } of [...conductors, ...gateways]) rates.set(name, 1 + (random.next() * 2 - 1) * size.drift)
  const drivers = new Map<string, FakeDriver>()
  for (const { name } of computes) {
    const store = memoryStore<FakeGuest>()
    stores.set(name, store)
    blobs.set(name, memoryBlobs())
    machines.set(name, createMachine({ name, loop, random: random.fork(), store, log, onUnleased: said => unleased.push(said) }))
  }

  function conductor(node: Node<Conductor>): void {
    const { process } = node
    const link = linkOf(node.name)
    const line = lineTo({ database, faults: databaseFaults, loop, random: random.fork(), process })
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
        // Machines of conductors are never started again.
        machine: () => ({ boot: node.name, uptimeMs: loop.nowMs() * (rates.get(node.name) ?? 1) }),
        pid: 1,
        ...{ version: 'sim', engine: 'sim' },
        link,
        membership: line.membership,
        ...(webhook ? { webhook: told => process.guard(webhook(told, node.name)) } : {}),
        views: line.views,
        images: [size.agents ? withAgent(size.agents) : FAKE_IMAGE],
        imageStore,
        settings,
        journal(incarnation) {
          const journal = line.journal(incarnation)
          return {
            append(entry) {
              probes.appending?.(entry, node.name)
              // A probe may have killed it: then this was never sent.
              if (!process.alive()) return new Promise(() => {})
              return process.guard(
                journal.append(entry).then(
                  () => {
                    commits.push({ incarnation, entry, ok: true })
                    for (const line of turnsOf(entry)) log(line)
                  },
                  error => {
                    commits.push({ incarnation, entry, ok: false })
                    throw error
                  },
                ),
              )
            },
            confirm: () => process.guard(journal.confirm()),
            load: journal.load,
            awake: journal.awake,
            stats: () => ({ queued: journal.waiting(), oldestMs: 0, commits: 0, commitSumMs: 0, connected: true }),
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
    const kept = blobs.get(node.name)
    const machine = machines.get(node.name)
    if (!kept || !machine) throw new Error(`no machine for ${node.name}`)
    const life = ++lives
    const guard = createGuard(machine.ports(process, life), life)
    const images = size.agents ? imagesOver(() => node.running?.toStore) : undefined
    const driver = createFakeDriver(process.env, machine.store, {
      capacity: size.capacity ?? CAPACITY,
      blobs: kept,
      images,
      lease: guard.lease,
      latencyMs: latencies(pace),
      failure,
      // A tiny guest takes half a second and a small one four; so there is time for something to go wrong.
      guestMs: () => SIM_EPOCH_MS + loop.nowMs(),
      rates: { bytesPerS: 160 * 1024 ** 2, dirtyBytesPerS: 32 * 1024 ** 2 },
    })
    drivers.set(node.name, driver)
    startCompute({
      env: process.env,
      nodeId: node.name,
      incarnation: life,
      pid: life,
      version: 'sim',
      engine: 'sim',
      link: linkOf(node.name),
      seeds,
      guard,
      driver: Object.assign(probed(node.name, process, driver, probes), size.consoles),
      bootId: machine.bootId(),
      intervalMs: settings.heartbeat.intervalMs,
      agents: SIM_AGENTS,
      ...(images ? { images } : {}),
    }).then(running => {
      node.running = running
    })
  }

  function gateway(node: Node<Gateway>): void {
    const identity = { node: node.name, inc: ++lives, role: 'gateway', pid: lives, ver: 'sim', eng: 'sim' } as const
    node.running = startGateway({ env: node.process.env, self: identity, link: linkOf(node.name), seeds, requestMs: 20_000 })
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
    machines.get(name)?.powerOff()
    dark.add(name)
    // Without power nothing runs, and none of it is begun again by itself.
    store.load().then(({ guests }) => {
      for (const guest of guests) void store.put(guest.spec.instance, withoutPower(guest))
    })
  }

  function crashGuest(name: string, instance?: string): void {
    const store = stores.get(name)
    const guest = store?.guests().find(({ power, spec }) => power === 'running' && (instance ?? spec.instance) === spec.instance)
    if (store && guest)
      drivers
        .get(name)
        ?.crash(guest.spec.instance)
        .catch(() => {})
  }

  function start(name: string): void {
    const node = find(name)
    if (node.up) return
    dark.delete(name)
    node.up = true
    node.process = processOf(name)
    if (name.startsWith('conductor')) conductor(node as Node<Conductor>)
    else if (name.startsWith('compute')) compute(node as Node<Compute>)
    else gateway(node as Node<Gateway>)
  }

  for (const node of all()) start(node.name)

  return {
    ...{ conductors, computes, gateways, stores, blobs, database, databaseFaults, network, settings, clocks, commits, trespasses, unleased },
    lateAnswers: lateness.answers,
    oldAnswers: lateness.oldAnswers,
    versions,
    kill,
    powerOff,
    crashGuest,
    dark,
    ambushes: new Map(),
    start,
    log,
    freeze(name) {
      const { up, process } = find(name)
      if (!up || process.frozen()) return
      process.freeze()
      links.pause(name)
    },
    slow(name, lagMs) {
      find(name).process.slow(lagMs)
      if (lagMs > 0) network.lagMs.set(name, lagMs)
      else network.lagMs.delete(name)
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
    hasWebhook: webhook !== undefined,
    lives: () => lives,
    nowMs: loop.nowMs,
    wallMs: () => SIM_EPOCH_MS + loop.nowMs(),
  }
}
