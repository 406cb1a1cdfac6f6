/** A compute host's agent: a hypervisor actor that obeys conductors, and a heartbeat. It never sees the database. */

import type { QueueBody } from '../actors/api.ts'
import { createGuests, type Guests } from '../actors/guest/guests.ts'
import type { SessionSettings } from '../actors/guest/session.ts'
import { createTransfers } from '../actors/guest/transfers.ts'
import type { HostAgents } from '../actors/hypervisor/agents.ts'
import type { HypervisorDriver } from '../actors/hypervisor/driver.ts'
import { createHypervisor, type GuestReport, type Hypervisor } from '../actors/hypervisor/hypervisor.ts'
import type { ImageSource } from '../actors/hypervisor/images.ts'
import { createRemoteConsoles, isRemoteConsoleMethod, type RemoteConsoles } from '../actors/hypervisor/remote-consoles.ts'
import { address } from '../actors/kernel/address.ts'
import type { Env, Timer } from '../actors/kernel/env.ts'
import { BatonError, toFault } from '../actors/kernel/errors.ts'
import { PIECE_BYTES } from '../actors/kernel/image-store.ts'
import type { Received } from '../transport/incoming.ts'
import type { Link } from '../transport/link.ts'
import { createMessenger, type Messenger } from '../transport/messenger.ts'
import { createActorSystem } from './hosting/actor-system.ts'
import type { Beat, BeatAnswer } from './hosts/host-monitor.ts'
import { createHostUploads } from './images/host-uploads.ts'
import type { StoreCall } from './images/pieces.ts'
import { createDirectory } from './membership/seeds.ts'
import type { Witness } from './observe/witness.ts'
import type { Guard } from './watchdog/guard.ts'

export interface ComputeOptions {
  /** Hears how many bytes of images have gone through, by whole pieces. */
  readonly onPassed?: (bytes: number) => void
  readonly env: Env
  readonly nodeId: string
  /** Number of this life, larger than any before. */
  readonly incarnation: number
  readonly pid: number
  readonly version: string
  readonly engine: string
  readonly link: Link
  /** Endpoints of some conductors. */
  readonly seeds: readonly string[]
  readonly driver: HypervisorDriver
  /** Identifies this boot of the machine. */
  readonly bootId: string
  readonly intervalMs: number
  /** Images of the image service; left out, backups cannot be put into guests. */
  readonly images?: ImageSource
  /** About agents in guests. */
  readonly agents?: SessionSettings
  /** Watches over the lease of this host; without it no guest here is ever under the HA policy. */
  readonly guard?: Guard
  gauges?(): Record<string, number>
  /** What this node remembers, for whoever asks. */
  readonly witness?: Witness
  /** Called once, when the first heartbeat was acknowledged. */
  onReady?(): void
}

/** How long a guest waits for its password to be taken, ms. */
const PASSWORD_MS = 5_000
/** How long a report of an agent waits to be taken, ms. */
const REPORT_MS = 10_000
/** Trove's: a heartbeat every few seconds, and some of them missed. */
const AGENT_DEFAULTS: SessionSettings = { heartbeatMs: 5_000, silentMs: 20_000 }

export interface Compute {
  readonly messenger: Messenger
  readonly toStore: StoreCall
  ready(): boolean
  queues(): QueueBody[]
  stats(): ReturnType<Hypervisor['stats']> & {
    readonly guests: number
    readonly agents: ReturnType<Guests['stats']> | null
    readonly consoles: ReturnType<RemoteConsoles['stats']>
  }
  /** Tells a guest's owner the password the guest leaves, encrypted. Resolves to the HTTP status that says how it went. */
  leavePassword(instance: string, password: string): Promise<number>
  stop(): Promise<void>
}

export async function startCompute(options: ComputeOptions): Promise<Compute> {
  const { env, nodeId, driver, guard } = options
  const system = createActorSystem(`${nodeId}-${options.incarnation}`)
  const directory = createDirectory(env, options.seeds)
  const guests = new Map<string, { mailbox: ReturnType<typeof system.spawn<() => Promise<void>>>; waiting: number }>()
  let seq = 0
  let acknowledged = false
  let stopped = false
  let timer: Timer | null = null

  /** Each guest has an actor while there is something to do for it. */
  function perGuest<T>(instance: string, task: () => Promise<T>): Promise<T> {
    const guest = guests.get(instance) ?? { mailbox: system.spawn<() => Promise<void>>(run => run()), waiting: 0 }
    guests.set(instance, guest)
    guest.waiting++
    const context = env.tracing?.active()
    return new Promise<T>((resolve, reject) => {
      guest.mailbox.tell(async () => {
        try {
          resolve(await (env.tracing ? env.tracing.within(context, task) : task()))
        } catch (error) {
          reject(error)
        } finally {
          guest.waiting--
          if (guest.waiting === 0 && guests.get(instance) === guest) {
            guests.delete(instance)
            guest.mailbox.stop()
          }
        }
      })
    })
  }

  const toStore: StoreCall = async (image, method, args, timeoutMs) => {
    const answer = await messenger.call(address('image-store', image), method, args, { timeoutMs })
    if (method === 'read' || method === 'write') options.onPassed?.(PIECE_BYTES)
    return answer
  }
  const consoles = createRemoteConsoles({ env, driver })
  const agents = openAgents()
  const uploads = createHostUploads(env, toStore, driver, agents?.transfers)
  const hypervisor = createHypervisor({ env, driver, perGuest, uploads, agents })

  /** The agents in the guests of a driver that leads to them. */
  function openAgents(): HostAgents | undefined {
    if (!driver.agents) return undefined
    const guests = createGuests({
      env,
      channels: driver.agents,
      life: options.incarnation,
      settings: options.agents ?? AGENT_DEFAULTS,
      async report(instance, report) {
        const answer = await messenger.call(address('guest', instance), 'report', report, { timeoutMs: REPORT_MS })
        if (!isTaken(answer)) throw new BatonError('Conflict', `nobody knows yet that guest ${instance} is here`)
      },
    })
    return { guests, transfers: createTransfers(env, guests, options.images) }
  }

  function queues(): QueueBody[] {
    const h = hypervisor.stats()
    const m = messenger.stats()
    const l = options.link.stats()
    return [
      { node: nodeId, queue: 'commands', depth: h.waiting, limit: 20_000, oldestMs: Math.round(h.oldestMs), busiest: null },
      { node: nodeId, queue: 'calls', depth: m.pending, limit: 20_000, oldestMs: Math.round(m.oldestPendingMs), busiest: null },
      { node: nodeId, queue: 'links', depth: l.queued, limit: 10_000, oldestMs: 0, busiest: null },
    ]
  }

  async function serve({ to, method, args, from, deadlineMs }: Received): Promise<unknown> {
    if (from.role !== 'conductor') throw new BatonError('UnknownMethod', `a compute host takes no commands from a ${from.role}`)
    if (to.kind !== 'compute' || to.id !== nodeId) throw new BatonError('NotFound', `this is ${nodeId}, not ${to.kind} ${to.id}`)
    if (method === 'queues') return queues()
    const told = options.witness?.answer(method, args)
    if (told) return told
    // A host that was said to be fenced may be back before anybody knows. As long as it counts as fenced, what it runs may be made anew
    // elsewhere; so nothing is done here before its actor has written down that it is up.
    if (!acknowledged) throw new BatonError('Unavailable', `${nodeId} has just started; nobody has taken note of that yet`, { retryAfterMs: 50 })
    if (isRemoteConsoleMethod(method)) return consoles.serve(method, args)
    return hypervisor.serve(method, args, deadlineMs)
  }

  const messenger: Messenger = createMessenger({
    env,
    link: options.link,
    self: { node: nodeId, inc: options.incarnation, role: 'compute', pid: options.pid, ver: options.version, eng: options.engine },
    route: to => directory.ownerOf(to),
    serve,
    take: ({ method, args, from }) => {
      if (from.role === 'conductor' && method === 'map') directory.learn(args)
    },
    onMoved: fault => directory.moved(fault),
  })
  directory.start(messenger)

  /** What runs here, with word of what the watchdog has stopped meanwhile. */
  async function reportGuests(): Promise<readonly GuestReport[]> {
    const stopped = guard?.stopped() ?? []
    const lapsed = new Set(stopped.map(({ instance }) => instance))
    for (const { instance, isNew } of stopped) if (isNew) await driver.lapsed?.(instance)
    const report = await hypervisor.report()
    agents?.guests.tend(report)
    if (lapsed.size === 0) return report
    const off = new Set(report.filter(({ instance, power }) => lapsed.has(instance) && !isOn(power)).map(({ instance }) => instance))
    guard?.forget(new Set([...lapsed].filter(instance => !off.has(instance))))
    return report.map(guest => (off.has(guest.instance) ? { ...guest, power: 'shutdown', lapsed: true } : guest))
  }

  let guestReports: readonly GuestReport[] = []
  /** A heartbeat is repeated until it is answered, for so long. */
  const withinMs = options.intervalMs * 3

  async function beat(): Promise<void> {
    try {
      const [inventory, report] = await Promise.all([driver.inventory(), reportGuests()])
      guestReports = report
      const { vcpus, ramMb, diskGb, uptimeS } = inventory
      // Which driver it runs is a trait like any other that a flavor may ask for.
      const traits = [`CUSTOM_DRIVER_${driver.name.toUpperCase()}`, ...(inventory.traits ?? [])]
      const info = { driver: driver.name, pid: options.pid, version: options.version, vcpus, ramMb, diskGb, traits }
      const message: Beat = {
        seq: seq++,
        bootId: `${options.bootId}/${options.incarnation}`,
        info,
        load: options.gauges?.() ?? {},
        ...(uptimeS === undefined ? {} : { uptimeS }),
        guests: guestReports,
        withinMs,
        armed: guard?.tend() ?? 0,
      }
      guard?.lease.sending(message.seq)
      const answer = await messenger.call(address('monitor', nodeId), 'beat', message, { timeoutMs: withinMs })
      if (isGrant(answer)) guard?.granted(answer.lease)
      if (!acknowledged) options.onReady?.()
      acknowledged = true
    } catch (error) {
      if (!stopped) env.log.warn({ fault: toFault(error), guests: guestReports.length }, 'a heartbeat was not acknowledged')
    }
  }

  function loop(): void {
    if (stopped) return
    const startedMs = env.monotonicMs()
    beat().finally(() => {
      if (!stopped) timer = env.setTimer(Math.max(1, options.intervalMs - (env.monotonicMs() - startedMs)), loop)
    })
  }
  loop()

  return {
    messenger,
    toStore,
    ready: () => acknowledged,
    queues,
    stats: () => ({ ...hypervisor.stats(), guests: guestReports.length, agents: agents?.guests.stats() ?? null, consoles: consoles.stats() }),
    async leavePassword(instance, password) {
      try {
        await messenger.call(address('instance', instance), 'leavePassword', { password }, { timeoutMs: PASSWORD_MS })
        return 200
      } catch (error) {
        const { code } = toFault(error)
        return code === 'Conflict' ? 409 : code === 'NotFound' ? 404 : 503
      }
    },
    async stop() {
      stopped = true
      timer?.cancel()
      agents?.guests.stop()
      directory.stop()
      consoles.close()
      messenger.close()
      system.stop()
      await driver.close()
    },
  }
}

const isOn = (power: GuestReport['power']): boolean => power === 'running' || power === 'paused'

const isTaken = (answer: unknown): boolean => typeof answer === 'object' && answer !== null && 'taken' in answer && answer.taken === true

/** A conductor of before there were leases grants none. */
const isGrant = (answer: unknown): answer is Pick<BeatAnswer, 'lease'> => typeof answer === 'object' && answer !== null && 'lease' in answer
