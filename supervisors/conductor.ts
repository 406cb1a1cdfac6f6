/**
 * A conductor: one incarnation of it, put together from its parts. Pure wiring over ports, so that the simulator starts
 * this very function with a simulated world. `bin/` gives it the real one.
 */
import type { Notification } from '../actors/alerts/body.ts'
import type { HistoryAsked, HistoryPart, HostBody, ImageBody, InstanceBody, QueueBody } from '../actors/api.ts'
import { RECONCILE_DEFAULTS } from '../actors/host/policies.ts'
import { address, addressKey, parseAddress, shardOf } from '../actors/kernel/address.ts'
import type { AuditLog } from '../actors/kernel/audit.ts'
import type { Env } from '../actors/kernel/env.ts'
import { BatonError, toFault } from '../actors/kernel/errors.ts'
import type { ImageStore } from '../actors/kernel/image-store.ts'
import type { Incarnation, Journal, Machine, Membership, Views } from '../actors/kernel/ports.ts'
import { NOTHING } from '../actors/placement/amounts.ts'
import { createScheduler } from '../actors/scheduler/scheduler.ts'
import { schedulerSettings } from '../actors/scheduler/settings.ts'
import type { Link } from '../transport/link.ts'
import { createMessenger, type Messenger } from '../transport/messenger.ts'
import type { NodeIdentity } from '../transport/protocol.ts'
import { createAlertWatch } from './alerts/watch.ts'
import { createDoors, isRead } from './conductor-doors.ts'
import type { ConductorSettings } from './config/conductor-settings.ts'
import { type ActorHost, createActorHost } from './hosting/actor-host.ts'
import { createActorSystem } from './hosting/actor-system.ts'
import { durableActors } from './hosting/durable-actors.ts'
import { createSubjectTeller } from './hosting/subject-teller.ts'
import { createHostMonitor } from './hosts/host-monitor.ts'
import { createSummaries } from './hosts/summaries.ts'
import type { TreatmentOptions } from './hosts/treatments.ts'
import { createIdentity } from './identity/service.ts'
import { createImageBytes } from './images/bytes.ts'
import { usableImages } from './images/usable.ts'
import { createClusterClock } from './membership/cluster-clock.ts'
import { join } from './membership/join.ts'
import { type ClusterMember, createMember } from './membership/member.ts'
import { createRouter } from './membership/router.ts'
import { createFeed } from './observe/feed.ts'
import { createHistory, historyRequests } from './observe/history.ts'
import { tracedJournal } from './observe/journal.ts'
import { measured } from './observe/measure.ts'
import type { Observe } from './observe/metrics-table.ts'
import { createOperationTeller } from './observe/operation-log.ts'
import { createSelfReport, type JournalLoad } from './observe/self-report.ts'
import type { Witness } from './observe/witness.ts'
import { createClusterApi } from './requests/cluster-api.ts'
import { recentDefaults } from './requests/default-limits.ts'
import { createPlacement } from './requests/placement.ts'
import { plantFlavors } from './requests/plant-flavors.ts'
import { createQuotas } from './requests/quotas.ts'
import { createStorage } from './requests/storage.ts'

export interface ConductorOptions {
  readonly env: Env
  readonly nodeId: string
  readonly endpoint: string
  readonly host: string
  /** The machine's boot, and how long it lasts by now. */
  machine(): Machine
  readonly pid: number
  readonly version: string
  /** `process.version` */
  readonly engine: string
  readonly link: Link
  readonly membership: Membership
  /** Makes sure that nothing runs on a host any more; rejects with `FenceFailed`. Left out where there is no such command. */
  fence?(host: string): Promise<void>
  /** Tells the receiver of alerts; rejects `WebhookFailed`. Left out where there is none. */
  readonly webhook?: (notification: Notification) => Promise<void>
  /** The journal writer of this incarnation. */
  readonly journal: (incarnation: Incarnation) => Journal & { stats(): JournalLoad; close(): Promise<void> | void }
  readonly views: Views
  /** Left out, what is told to the audit log is refused. */
  readonly audit?: AuditLog
  readonly images: readonly ImageBody[]
  /** Where the bytes of other images are; left out, snapshots stay on their hosts and nothing can be uploaded. */
  readonly imageStore?: ImageStore | undefined
  readonly settings: ConductorSettings
  /** Figures of the process itself (cpu, lag), for the load it reports. */
  gauges?(): Record<string, number>
  /** What this node remembers, for whoever asks. */
  readonly witness?: Witness
  /** Where durations go. */
  readonly observe?: Observe
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
  alerts(): readonly string[]
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
/** Another conductor that remembers the last hour answers within this, or is not asked; somebody looks at it meanwhile. Ms. */
const HISTORY_MS = 1500

export async function startConductor(options: ConductorOptions): Promise<Conductor> {
  const { env, nodeId, settings } = options
  const clock = createClusterClock(env)
  const joined = await join(env, clock, options.membership, {
    nodeId,
    endpoint: options.endpoint,
    pid: options.pid,
    version: options.version,
    host: options.host,
    machine: options.machine,
  })
  const { incarnation } = joined

  let stopped = false
  let fenced = false
  const journal = tracedJournal(options.journal(incarnation), env.tracing)
  const system = createActorSystem(`${nodeId}-${incarnation}`)
  const defaults = { ratios: settings.ratios, reserved: settings.reserved ?? NOTHING }
  const scheduler = createScheduler({
    random: () => env.random(),
    nowMs: () => env.monotonicMs(),
    settings: { ...schedulerSettings(defaults), ...settings.scheduler },
  })
  const self = { role: 'conductor', node: nodeId } as const
  const identity: NodeIdentity = { node: nodeId, inc: incarnation, role: 'conductor', pid: options.pid, ver: options.version, eng: options.engine }

  function onFenced(error: BatonError): void {
    if (fenced || stopped) return
    fenced = true
    env.log.error({ incarnation, fault: toFault(error) }, 'fenced: this incarnation writes nothing any more')
    options.onFenced(error)
  }

  const definitions = durableActors(settings, { canFence: options.fence !== undefined, notifies: options.webhook !== undefined })
  const tellOperation = createOperationTeller({
    ...{ env, now: clock.now, observe: options.observe },
    onEnded: status => selfReport.operationEnded(status),
  })
  const actors: ActorHost = createActorHost({
    env,
    system,
    journal,
    definitions,
    now: clock.now,
    self,
    call: (to, method, args, timeoutMs) => messenger.call(to, method, args, { timeoutMs }),
    limits: settings.actors,
    restart: settings.restart,
    onCommitted(actor, row, events) {
      feed.committed(actor, row, events)
      if (actor.kind === 'instance' && row) noticePolicy(row.body as InstanceBody)
      if (row?.table === 'operation') tellOperation(row, events.length > 0)
      if (actor.kind === 'host' && row) {
        const host = row.body as HostBody
        summaries.changed(host)
        monitor.recorded(host.id, host.state)
      }
      if (actor.kind === 'directory' || actor.kind === 'keyring') tellGateways()
      if (actor.kind === 'aggregates' && row) {
        placement.learnAggregates(row.body)
        for (const node of others()) messenger.cast(address('node', node), 'aggregatesChanged', {})
      }
    },
    onFenced,
    onPoisoned(actor, reason) {
      env.log.error({ actor: addressKey(actor), reason }, 'an actor was set aside')
      tellSubject(actor, reason)
    },
  })

  const feed = createFeed({
    env,
    incarnation,
    now: clock.now,
    send: (node, batch) => messenger.cast(address('node', node), 'feed', batch),
  })

  const tellSubject = createSubjectTeller({
    env,
    owns: shard => !stopped && actors.owns(shard),
    call: (to, method, args) => messenger.call(to, method, args, { timeoutMs: CALL_MS }),
  })

  /** What is lost of this, a gateway learns when it asks by itself. */
  function tellGateways(): void {
    for (const session of messenger.sessions.all())
      if (session.identity.role === 'gateway') messenger.castTo(session, address('node', session.identity.node), 'identityChanged', {})
  }

  /** The host of an instance is to protect it as soon as can be. Lost, this is made good by the next audit. */
  function noticePolicy({ ha, host, operation }: InstanceBody): void {
    if (ha === 'evacuate' && host !== null && operation === null) messenger.cast(address('monitor', host), 'policyChanged', {})
  }

  function ownerOf(shard: number) {
    const map = member.map()
    return map.members.find(m => m.incarnation === map.owners[shard])
  }

  const call = (kind: string, id: string, method: string, args: unknown) => messenger.call(address(kind, id), method, args, { timeoutMs: CALL_MS })

  const messenger: Messenger = createMessenger({
    env,
    link: options.link,
    self: identity,
    route: createRouter({ nodeId, owns: actors.owns, ownerOf }),
    serve: measured(env, options.observe, [...definitions.keys()], message => doors.serve(message)),
    isRead,
    take: message => doors.take(message),
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

  const summaries = createSummaries({
    env,
    learn(host) {
      scheduler.learn(host)
      alerts.noticed(host)
    },
    loadOf: host => monitor.load(host),
    others,
    send: (node, bodies) => messenger.cast(address('node', node), 'summaries', bodies),
  })

  const treatments: TreatmentOptions = {
    views: options.views,
    policy: settings.reconcile ?? RECONCILE_DEFAULTS,
    log: env.log,
    tracing: env.tracing,
    call,
    async tellOwner(actor, method) {
      const owner = ownerOf(shardOf(parseAddress(actor).id))
      if (!owner) throw new BatonError('Unavailable', `the shard of ${actor} has no owner just now`)
      return call('node', owner.nodeId, method, { actor })
    },
  }

  /** The other conductors that are members. */
  function others(): string[] {
    return member.members().flatMap(m => (m.incarnation === incarnation ? [] : [m.nodeId]))
  }

  const placement = createPlacement({ env, system, scheduler, views: options.views, images: options.images, call })

  const monitor = createHostMonitor({
    env,
    now: clock.now,
    views: options.views,
    call,
    treatments,
    timing: settings.heartbeat,
    ha: settings.ha,
    confirmedMs: () => member.confirmedMs(),
    hosts: scheduler.hosts,
  })

  const member: ClusterMember = createMember({
    env,
    clock,
    membership: options.membership,
    messenger,
    actors,
    nodeId,
    incarnation,
    machine: options.machine,
    timing: settings.membership,
    load: () => selfReport.load(),
    async onAdopted(shards) {
      await monitor.adopt(shards)
      messenger.reroute()
    },
    onReleased(shards) {
      monitor.release(shards)
      summaries.release(shards)
    },
    onTakeOver: ({ silentMs, firstMs }) => options.observe?.('takeover_seconds', (silentMs + firstMs) / 1000),
    onFenced,
  })

  const storage = createStorage({ views: options.views, call })
  const quotas = createQuotas({ env, call, defaults: recentDefaults({ env, call }) })
  const { imageMaxBytes = Number.MAX_SAFE_INTEGER } = settings
  const imageBytes = createImageBytes({ env, views: options.views, quotas, call, store: options.imageStore, maxBytes: imageMaxBytes })

  const history = createHistory({
    ...{ env, now: clock.now, epoch: `${nodeId}/${incarnation}`, members: member.members, map: member.map, hosts: scheduler.hosts },
  })
  async function askHistory(node: string, args: HistoryAsked): Promise<HistoryPart> {
    return (await messenger.call(address('node', node), 'history', args, { timeoutMs: HISTORY_MS })) as HistoryPart
  }

  const alerts = createAlertWatch({
    ...{ env, now: clock.now, owns: actors.owns, members: member.members, map: member.map, hosts: scheduler.hosts, hostLoad: summaries.load },
    gateways: () => messenger.sessions.all().flatMap(({ identity: { role, node } }) => (role === 'gateway' ? [node] : [])),
    ...{ views: options.views, call, leaseMs: settings.membership.leaseMs },
  })

  const api = createClusterApi({
    quotas,
    views: options.views,
    builtIn: () => usableImages(options.images, scheduler.hosts()),
    call,
    members: member.members,
    map: member.map,
    sessions: () => messenger.sessions.all(),
    hostLoad: summaries.load,
    hosts: scheduler.hosts,
    doctor: { env, now: clock.now, treatments, confirmMs: settings.heartbeat.intervalMs * 1.5, freshMs: settings.heartbeat.suspectMs },
    explain: placement.explain,
    audit: options.audit,
    listAlerts: () => alerts.list(),
    ...historyRequests({ history, incarnation, members: member.members, ask: askHistory }),
    databaseConnected: () => journal.stats().connected,
    version: options.version,
    timers: settings.timers,
    agentBootMs: settings.agentBootMs,
  })

  const identityService = settings.identity && createIdentity({ env, now: clock.now, call, settings: settings.identity })

  const selfReport = createSelfReport({
    ...{ env, now: clock.now, nodeId, engine: options.engine, link: options.link, messenger, actors, journal, monitor },
    total: settings.actors.total,
    alerts: alerts.firing,
    gauges: options.gauges,
  })

  const doors = createDoors({
    ...{ nodeId, incarnation, actors, messenger, member, monitor, placement, storage, imageBytes, summaries, api },
    ...{ fence: options.fence, webhook: options.webhook, identity: identityService, feed, witness: options.witness },
    queues: selfReport.queues,
    isHost: id => messenger.sessions.to(id)?.identity.role === 'compute' || scheduler.hosts().some(host => host.id === id),
    history,
    drain: () => void env.setTimer(0, () => drain().then(() => options.onDrained?.())),
  })

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
    alerts.stop()
    history.stop()
    feed.stop()
    identityService?.stop()
    placement.stop()
    actors.stop()
    messenger.close()
    system.stop()
    await journal.close()
  }

  try {
    await placement.start()
    await member.start(joined)
  } catch (error) {
    await stop()
    throw error
  }
  plantFlavors({ env, call, isOver: () => stopped })
  identityService?.start()

  return { incarnation, actors, messenger, member, alerts: alerts.firing, queues: selfReport.queues, drain, leave, stop }
}
