/**
 * A conductor: one incarnation of it, put together from its parts. Pure wiring over ports, so that the simulator starts
 * this very function with a simulated world. `bin/` gives it the real one.
 */
import type { HostBody, ImageBody, QueueBody } from '../actors/api.ts'
import { BUILTIN_FLAVORS, flavorActor } from '../actors/flavor/flavor.ts'
import { hostActor, type Ratios } from '../actors/host/host.ts'
import { hostOperationActor } from '../actors/host-operation/host-operation.ts'
import { instanceActor } from '../actors/instance/instance.ts'
import { type Address, address, addressKey, rootOf, shardOf } from '../actors/kernel/address.ts'
import { checkObject, integer, listOf } from '../actors/kernel/check.ts'
import type { AnyActor, Json } from '../actors/kernel/define.ts'
import type { Env } from '../actors/kernel/env.ts'
import { BatonError, toFault } from '../actors/kernel/errors.ts'
import type { Incarnation, Journal, Membership, Views } from '../actors/kernel/ports.ts'
import { catalogue, type Deadlines } from '../actors/operation/catalogue/index.ts'
import { operationActor } from '../actors/operation/operation.ts'
import type { PickRequest } from '../actors/scheduler/filters.ts'
import { createScheduler } from '../actors/scheduler/scheduler.ts'
import type { Link } from '../transport/link.ts'
import { createMessenger, type Messenger, type Received, type Route } from '../transport/messenger.ts'
import type { NodeIdentity } from '../transport/protocol.ts'
import { type ActorHost, createActorHost } from './actor-host.ts'
import { createActorSystem } from './actor-system.ts'
import { createClusterApi } from './cluster-api.ts'
import { createClusterClock } from './cluster-clock.ts'
import { type Beat, checkBeat, createHostMonitor } from './host-monitor.ts'
import type { InstanceTimers } from './instance-requests.ts'
import { type ClusterMember, createMember } from './member.ts'
import { createPicks } from './picks.ts'
import type { RestartPolicy } from './restart.ts'
import { serveApi } from './serve-api.ts'
import { createSummaries, type HostSummary } from './summaries.ts'

export interface ConductorSettings {
  readonly membership: { readonly leaseMs: number; readonly renewMs: number; readonly pingMs: number; readonly suspectMs: number }
  readonly heartbeat: { readonly intervalMs: number; readonly suspectMs: number; readonly downMs: number; readonly auditMs: number }
  readonly actors: { readonly inbox: number; readonly total: number; readonly idleMs: number; readonly snapshotEvery: number }
  readonly restart: RestartPolicy
  readonly ratios: Ratios
  readonly deadlines?: Deadlines
  readonly timers?: InstanceTimers
}

export interface ConductorOptions {
  readonly env: Env
  readonly nodeId: string
  readonly endpoint: string
  readonly host: string
  readonly pid: number
  readonly version: string
  /** `process.version` */
  readonly engine: string
  readonly link: Link
  readonly membership: Membership
  /** The journal writer of this incarnation. */
  readonly journal: (
    incarnation: Incarnation,
  ) => Journal & { stats(): { readonly queued: number; readonly oldestMs: number; readonly commitMs: number }; close(): Promise<void> | void }
  readonly views: Views
  readonly images: readonly ImageBody[]
  readonly settings: ConductorSettings
  /** Figures of the process itself (cpu, lag), for the load it reports. */
  gauges?(): Record<string, number>
  /** This incarnation is over; start another. */
  onFenced(error: BatonError): void
  /** An operator asked this node to drain; it is over when `drained` has been called. */
  onDrained?(): void
}

export interface Conductor {
  readonly incarnation: Incarnation
  readonly actors: ActorHost
  readonly messenger: Messenger
  readonly member: ClusterMember
  queues(): QueueBody[]
  /** Hands everything over, then stops. */
  drain(): Promise<void>
  /** Gives everything up without handing it over, then stops: the whole cluster goes down. */
  leave(): Promise<void>
  /** Stops at once, handing nothing over. */
  stop(): Promise<void>
}

/** Time a call between actors may take before its way is looked up afresh, ms. */
const CALL_MS = 15_000

export async function startConductor(options: ConductorOptions): Promise<Conductor> {
  const { env, nodeId, settings } = options
  const clock = createClusterClock(env)
  const sentMs = env.monotonicMs()
  const { nodeId: _n, ...joined } = {
    nodeId,
    ...(await options.membership.join({ nodeId, endpoint: options.endpoint, pid: options.pid, version: options.version, host: options.host })),
  }
  clock.sync(joined.now, sentMs, env.monotonicMs())
  const { incarnation } = joined

  let stopped = false
  let fenced = false
  const journal = options.journal(incarnation)
  const system = createActorSystem(`${nodeId}-${incarnation}`)
  const scheduler = createScheduler({ random: () => env.random(), ratios: settings.ratios })
  const self = { role: 'conductor', node: nodeId } as const
  const identity: NodeIdentity = { node: nodeId, inc: incarnation, role: 'conductor', pid: options.pid, ver: options.version, eng: options.engine }

  const recordedHosts = async () => (await options.views.list('host', { limit: 10_000 })).map(row => row.body as HostBody)
  const pick = createPicks({ env, system, scheduler, recorded: recordedHosts })

  function onFenced(error: BatonError): void {
    if (fenced || stopped) return
    fenced = true
    env.log.error({ incarnation, fault: toFault(error) }, 'fenced: this incarnation writes nothing any more')
    options.onFenced(error)
  }

  const definitions: AnyActor[] = [
    instanceActor,
    operationActor(catalogue(settings.deadlines)),
    hostActor(settings.ratios),
    hostOperationActor,
    flavorActor,
  ]
  const actors: ActorHost = createActorHost({
    env,
    system,
    journal,
    definitions: new Map(definitions.map(d => [d.kind, d])),
    now: clock.now,
    self,
    call: (to, method, args, timeoutMs) => messenger.call(to, method, args, { timeoutMs }),
    limits: settings.actors,
    restart: settings.restart,
    onCommitted(actor, row) {
      if (actor.kind === 'host' && row) summaries.changed(row.body as HostBody)
    },
    onFenced,
    onPoisoned(actor, reason) {
      env.log.error({ actor: addressKey(actor), reason }, 'an actor was set aside')
      const told = (subject: Address, method: string, args: object) =>
        messenger.call(subject, method, { operation: actor.id, reason, ...args }, { timeoutMs: CALL_MS }).catch(error => {
          env.log.error({ actor: addressKey(actor), fault: toFault(error) }, 'the subject of a broken operation could not be told')
        })
      if (actor.kind === 'operation') told(address('instance', rootOf(actor.id)), 'broken', {})
      if (actor.kind === 'host-operation') told(address('host', actor.id.slice(0, actor.id.lastIndexOf('.'))), 'ended', { outcome: 'failed' })
    },
  })

  function route(to: Address): Route {
    switch (to.kind) {
      case 'scheduler':
      case 'api':
        return { at: 'here' }
      case 'compute':
        return { at: 'node', node: to.id }
      case 'node':
        return to.id === nodeId ? { at: 'here' } : { at: 'node', node: to.id }
      default: {
        const shard = shardOf(to.id)
        if (actors.owns(shard)) return { at: 'here' }
        const map = member.map()
        const owner = map.members.find(m => m.incarnation === map.owners[shard])
        if (!owner) return { at: 'nowhere', why: `shard ${shard} has no owner just now` }
        // Ours by the map, but not served yet or any more: it will be in a moment.
        return owner.nodeId === nodeId ? { at: 'nowhere', why: `shard ${shard} is being taken over` } : { at: 'node', node: owner.nodeId }
      }
    }
  }

  const call = (kind: string, id: string, method: string, args: unknown) => messenger.call(address(kind, id), method, args, { timeoutMs: CALL_MS })

  async function serve(message: Received): Promise<unknown> {
    const { to, method, args, from, deadlineMs } = message
    switch (to.kind) {
      case 'scheduler':
        if (method !== 'pick' || from.role !== 'conductor')
          throw new BatonError('UnknownMethod', `a scheduler has no method ${method} for a ${from.role}`)
        return pick(pickRequest(args))
      case 'api':
        if (from.role !== 'gateway' && from.role !== 'client') throw new BatonError('UnknownMethod', `the API is not for a ${from.role}`)
        return serveApi(api, method, args)
      case 'monitor': {
        if (!actors.owns(shardOf(to.id))) throw movedWithMap(shardOf(to.id))
        if (method !== 'beat') throw new BatonError('UnknownMethod', `a monitor has no method ${method}`)
        const wrong = checkBeat(args)
        if (wrong) throw new BatonError('BadRequest', `monitor.beat: ${wrong}`)
        return monitor.beat(to.id, args as Beat, from)
      }
      case 'node':
        if (from.role !== 'conductor') throw new BatonError('UnknownMethod', `a node has no method ${method} for a ${from.role}`)
        return serveNode(method)
      default:
        return actors.deliver(to, { method, args }, from, deadlineMs).catch(error => {
          throw error instanceof BatonError && error.code === 'Moved' ? movedWithMap(shardOf(to.id)) : error
        })
    }
  }

  /** A pick names the image; the scheduler needs to know what can run it. */
  function pickRequest(args: unknown): PickRequest {
    const { image, ...request } = args as Omit<PickRequest, 'driver'> & { image: string }
    return { ...request, driver: options.images.find(i => i.id === image)?.driver ?? null }
  }

  const movedWithMap = (shard: number): BatonError =>
    new BatonError('Moved', `shard ${shard} is not served by ${nodeId}`, { details: { map: member.map() } })

  async function serveNode(method: string): Promise<unknown> {
    if (method === 'queues') return queues()
    if (method === 'drain') {
      env.setTimer(0, () => drain().then(() => options.onDrained?.()))
      return { state: 'draining' }
    }
    throw new BatonError('UnknownMethod', `a node has no method ${method}`)
  }

  const checkPing = checkObject({ incarnation: integer(1, Number.MAX_SAFE_INTEGER), suspects: listOf(integer(1, Number.MAX_SAFE_INTEGER), 1000) })

  const checkVersion = checkObject({ version: integer(0, Number.MAX_SAFE_INTEGER) })

  function take({ to, method, args, from }: Received): void {
    if (method === 'mapNewer' && checkVersion(args) === null && (args as { version: number }).version < member.map().version) {
      const session = messenger.sessions.to(from.node)
      if (session) messenger.castTo(session, address('node', from.node), 'map', member.map())
    }
    if (from.role !== 'conductor') return
    if (to.kind === 'node' && method === 'ping' && checkPing(args) === null) {
      const ping = args as { incarnation: Incarnation; suspects: Incarnation[] }
      member.heard(ping.incarnation, ping.suspects)
    }
    if (to.kind === 'node' && method === 'membershipChanged') member.refresh()
    if (to.kind === 'node' && method === 'summaries') summaries.take(args as HostSummary[])
  }

  const messenger: Messenger = createMessenger({
    env,
    link: options.link,
    self: identity,
    route,
    serve,
    take,
    onMoved: () => member.refresh(),
    onSessionClosed(session) {
      if (session.identity.role === 'conductor' && session.dialled) member.disconnected(session.identity.inc)
    },
    onSession(session) {
      if (session.identity.role === 'conductor') {
        member.met(session.identity.inc)
        summaries.greet(session.identity.node)
      } else messenger.castTo(session, address('node', session.identity.node), 'map', member.map())
    },
  })

  /** A host that was deleted is nobody's choice, and no reason why nothing fits. */
  const learn = (host: HostBody): void => (host.state === 'gone' ? scheduler.forget(host.id) : scheduler.learn(host))

  const summaries = createSummaries({
    env,
    learn,
    loadOf: host => monitor.load(host),
    others: () => member.members().flatMap(m => (m.incarnation === incarnation ? [] : [m.nodeId])),
    send: (node, bodies) => messenger.cast(address('node', node), 'summaries', bodies),
  })

  const monitor = createHostMonitor({ env, now: clock.now, views: options.views, call, timing: settings.heartbeat })

  const member: ClusterMember = createMember({
    env,
    clock,
    membership: options.membership,
    messenger,
    actors,
    nodeId,
    incarnation,
    timing: settings.membership,
    load,
    async onAdopted(shards) {
      await monitor.adopt(shards)
      messenger.reroute()
    },
    onReleased: shards => monitor.release(shards),
    onFenced,
  })

  const api = createClusterApi({
    views: options.views,
    images: () => usableImages(options.images, scheduler.hosts()),
    call,
    members: member.members,
    map: member.map,
    sessions: () => messenger.sessions.all(),
    hostLoad: summaries.load,
    version: options.version,
    timers: settings.timers,
  })

  function load(): Json {
    const a = actors.stats()
    const j = journal.stats()
    const m = messenger.stats()
    return {
      node: options.engine,
      actors: a.actors,
      inbox: a.waiting,
      oldestMs: Math.round(Math.max(a.oldestMs, j.oldestMs)),
      commitsWaiting: j.queued,
      commitMs: Math.round(j.commitMs * 10) / 10,
      calls: m.pending,
      restarts: a.restarts,
      deadLetters: a.deadLetters,
      poisoned: [...a.poisoned].slice(0, 100),
      ...options.gauges?.(),
    }
  }

  function queues(): QueueBody[] {
    const a = actors.stats()
    const j = journal.stats()
    const m = messenger.stats()
    const l = options.link.stats()
    return [
      { node: nodeId, queue: 'inboxes', depth: a.waiting, limit: settings.actors.total, oldestMs: Math.round(a.oldestMs), busiest: a.busiest },
      { node: nodeId, queue: 'journal', depth: j.queued, limit: settings.actors.total, oldestMs: Math.round(j.oldestMs), busiest: null },
      { node: nodeId, queue: 'calls', depth: m.pending, limit: 20_000, oldestMs: Math.round(m.oldestPendingMs), busiest: null },
      { node: nodeId, queue: 'links', depth: l.queued, limit: 10_000, oldestMs: 0, busiest: null },
    ]
  }

  async function drain(): Promise<void> {
    if (stopped) return
    await member.drain()
    await stop()
  }

  async function leave(): Promise<void> {
    // An operator's drain came first: there is nothing left to give up, and no membership to leave.
    if (stopped) return
    await member.leave()
    await stop()
  }

  async function stop(): Promise<void> {
    if (stopped) return
    stopped = true
    member.stop()
    monitor.stop()
    summaries.stop()
    actors.stop()
    messenger.close()
    system.stop()
    await journal.close()
  }

  try {
    for (const host of await recordedHosts()) learn(host)
    await member.start(joined)
  } catch (error) {
    await stop()
    throw error
  }
  plantFlavors()

  /** Every new cluster has a few flavors; the actors see to it that a deleted one does not come back. */
  function plantFlavors(): void {
    for (const { id, ...flavor } of BUILTIN_FLAVORS) {
      call('flavor', id, 'create', { ...flavor, builtin: true }).catch(error => {
        if (!stopped) env.setTimer(1000, () => !stopped && plantFlavors())
        env.log.debug({ flavor: id, fault: toFault(error) }, 'a built-in flavor is not there yet')
      })
    }
  }

  return { incarnation, actors, messenger, member, queues, drain, leave, stop }
}

/** Images that some host here can run; all of them as long as no host has reported. */
function usableImages(images: readonly ImageBody[], hosts: readonly HostBody[]): readonly ImageBody[] {
  const drivers = new Set(hosts.map(h => h.driver))
  return drivers.size === 0 ? images : images.filter(i => drivers.has(i.driver))
}
