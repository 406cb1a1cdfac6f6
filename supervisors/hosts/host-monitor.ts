/**
 * Listens to the hypervisors of the hosts whose shards live here. What it knows is soft: when a host was last heard and
 * what it said runs there. It tells the host actor of silence (`host-detector.ts`), which makes verdicts durable, grants leases
 * (`host-leases.ts`), and turns differences between report and belief into questions for the instance actors.
 */
import type { SilentHost } from '../../actors/alerts/facts.ts'
import type { HostBody, HostLease, HostState, InstanceBody } from '../../actors/api.ts'
import type { Difference } from '../../actors/doctor/difference.ts'
import type { HostInfo } from '../../actors/host/host.ts'
import { HOST_ROW_LIMIT } from '../../actors/host/limits.ts'
import { expiryMs } from '../../actors/host/terms.ts'
import { POWER_STATES } from '../../actors/hypervisor/driver.ts'
import type { GuestReport } from '../../actors/hypervisor/hypervisor.ts'
import { shardOf } from '../../actors/kernel/address.ts'
import { anyOf, checkObject, integer, listOf, optional, record, text } from '../../actors/kernel/check.ts'
import type { Sender } from '../../actors/kernel/define.ts'
import type { Env, Timer } from '../../actors/kernel/env.ts'
import { BatonError, isTransient, toFault } from '../../actors/kernel/errors.ts'
import type { Views } from '../../actors/kernel/ports.ts'
import { tracedAnew } from '../../actors/kernel/tracing.ts'
import type { Grant } from '../watchdog/guard.ts'
import { createHostDetector, isMassSilence, type Silence, type Standing, standingOf } from './host-detector.ts'
import { createHostLeases } from './host-leases.ts'
import { lookAtHost, type Seen } from './host-look.ts'
import { type TreatmentOptions, treat, treatsByItself, verdictOf } from './treatments.ts'

export interface Beat {
  readonly seq: number
  readonly bootId: string
  readonly info: HostInfo
  readonly load: Readonly<Record<string, number>>
  readonly guests: readonly GuestReport[]
  /** How long it is repeated until it is answered, ms: what is left of that when it is heard says how old it is. Absent: it is new. */
  readonly withinMs?: number
  /** For how long its machine has been running; absent when its driver does not tell. */
  readonly uptimeS?: number
  /** Number of the policy that its watchdog is armed with; absent from agents of before there were leases. */
  readonly armed?: number
}

export interface BeatAnswer {
  readonly intervalMs: number
  readonly lease: Grant
}

export const checkBeat = checkObject({
  seq: integer(0, Number.MAX_SAFE_INTEGER),
  bootId: text(128),
  info: checkObject({
    driver: text(64),
    pid: integer(0, 2 ** 31),
    version: text(64),
    vcpus: integer(0, 1e6),
    ramMb: integer(0, 1e12),
    diskGb: integer(0, 1e12),
    traits: optional(listOf(text(255), 1000)),
  }),
  load: record,
  uptimeS: optional(integer(0, Number.MAX_SAFE_INTEGER)),
  guests: listOf(checkObject({ instance: text(128), power: anyOf(...POWER_STATES), order: integer(0, Number.MAX_SAFE_INTEGER) }), HOST_ROW_LIMIT),
  withinMs: optional(integer(0, Number.MAX_SAFE_INTEGER)),
  armed: optional(integer(0, Number.MAX_SAFE_INTEGER)),
})

export interface HostMonitorOptions {
  readonly env: Env
  now(): number
  readonly views: Views
  call(kind: string, id: string, method: string, args: unknown): Promise<unknown>
  readonly treatments: TreatmentOptions
  readonly timing: { readonly intervalMs: number; readonly suspectMs: number; readonly downMs: number; readonly auditMs: number }
  readonly ha: { readonly leaseMs: number; readonly massFraction: number }
  /** When the database was last asked, with success, whether this incarnation is alive; monotonic ms. */
  confirmedMs(): number
  /** Every host of the cluster as last heard of, those of other conductors too. */
  hosts(): readonly HostBody[]
}

export interface HostMonitor {
  /** A heartbeat, and until when its sender waits, monotonic ms; resolves when the host is known to be registered. */
  beat(host: string, beat: Beat, from: Sender, deadlineMs?: number): Promise<BeatAnswer>
  adopt(shards: readonly number[]): Promise<void>
  /**
   * What the host's actor, which lives here, has written down. It may have been registered by a beat that went to the former owner of its
   * shard, and a late verdict of that owner must not stand against a host that is heard.
   */
  recorded(host: string, state: HostState): void
  release(shards: readonly number[]): void
  /** What a host said last of its guests; null when it was not heard here yet. */
  reported(host: string): Seen | null
  /** What a host heard here said of its load. */
  load(host: string): Readonly<Record<string, number>> | undefined
  lease(host: string): HostLease | null
  /** For how long its machine has been running, as it said last; null when it is not known. */
  uptimeS(host: string): number | null
  /** Something about guests under the HA policy on this host has changed: look soon. */
  nudge(host: string): void
  /** Hosts that would be lost, were they not too many at once. */
  held(): readonly string[]
  /** Hosts under the HA policy that are not heard just now and not lost yet. */
  silent(): readonly SilentHost[]
  stop(): void
}

interface Watched {
  seq: number
  bootId: string
  info: HostInfo | null
  state: HostState
  guests: readonly GuestReport[]
  /** Of the guests last reported; null before the first report that is heard here. */
  digest: string | null
  /** When the newest report was made, monotonic ms: after a freeze of our own it is old, whatever the detector forgives. */
  reportedMs: number
  auditAtMs: number
  auditing: boolean
  load: Readonly<Record<string, number>>
  /** What its actor is just writing down, of which life, as text. */
  registering: { readonly of: string; readonly done: Promise<void> } | null
  uptimeS: number | null
  /** When the host actor was told that it is lost, monotonic ms; null while it is not. */
  lostMs: number | null
  /** The verdicts said so far, when they are settled. */
  said: Promise<unknown>
}

const TICK_MS = 500

export function createHostMonitor(options: HostMonitorOptions): HostMonitor {
  const { env, timing, ha } = options
  const hosts = new Map<string, Watched>()
  const detector = createHostDetector({ ...timing, expiryMs: expiryMs(ha.leaseMs) })
  const leases = createHostLeases(options)
  let held: readonly string[] = []
  let stopped = false
  let timer: Timer = env.setTimer(TICK_MS, tick)

  function watch(host: string, state: HostState): Watched {
    const known = hosts.get(host)
    if (known) return known
    const nowMs = env.monotonicMs()
    detector.watch(host, nowMs)
    const watched: Watched = {
      seq: -1,
      bootId: '',
      info: null,
      state,
      guests: [],
      digest: null,
      reportedMs: Number.NEGATIVE_INFINITY,
      auditAtMs: nowMs + timing.auditMs * (0.1 + env.random() * 0.4),
      auditing: false,
      load: {},
      registering: null,
      uptimeS: null,
      lostMs: null,
      said: Promise.resolve(),
    }
    hosts.set(host, watched)
    return watched
  }

  function tick(): void {
    if (stopped) return
    timer = env.setTimer(TICK_MS, tick)
    const nowMs = env.monotonicMs()
    const silences = detector.tick(nowMs)
    const spared = sparedOf(silences)
    for (const [host, watched] of hosts) {
      const silence = silences.get(host)
      const verdict: HostState = silence === undefined ? watched.state : silence === 'suspect' ? 'suspect' : 'down'
      if (verdict !== watched.state && (verdict === 'down' || watched.state === 'up')) observe(host, watched, verdict, detector.silentMs(host, nowMs))
      if (silence === 'lost' && watched.state !== 'up' && watched.lostMs === null && !spared.has(host)) lose(host, watched)
      if (watched.info && silence === undefined && isFresh(watched) && nowMs >= watched.auditAtMs && !watched.auditing) audit(host, watched)
    }
  }

  /** Hosts that would be lost, were they not too many at once: of all there are, or of those that are ours to hear. */
  function sparedOf(silences: ReadonlyMap<string, Silence>): ReadonlySet<string> {
    const nowMs = env.monotonicMs()
    const lost = [...silences].flatMap(([id, silence]) => (silence === 'lost' && hosts.get(id)?.lostMs === null ? [id] : []))
    if (lost.length === 0 && held.length === 0) return new Set()
    const own = [...hosts].flatMap(([id, { state, lostMs }]): Standing[] =>
      state === 'fenced' ? [] : [{ silent: silences.has(id), lostAgoMs: lostMs === null ? null : nowMs - lostMs }],
    )
    const others = options.hosts().flatMap(host => (hosts.has(host.id) ? [] : (standingOf(host, options.now()) ?? [])))
    const isMass = (standings: readonly Standing[]): boolean => isMassSilence(standings, ha.massFraction, detector.lostAfterMs)
    const now = isMass([...own, ...others]) || (own.length > 2 && isMass(own)) ? lost : []
    if (now.length > 0 && held.length === 0) env.log.error({ hosts: now }, 'most hosts are silent at once: it is probably us; nothing is evacuated')
    if (now.length === 0 && held.length > 0) env.log.warn({ hosts: held }, 'no longer are most hosts silent at once')
    held = now
    return new Set(now)
  }

  /**
   * A verdict about a host. Until it is settled its next registration waits: else what was said before that could be heard after it. One that
   * was begun before may be done before the verdict, too: the next beat begins anew.
   */
  function say(host: string, watched: Watched, method: 'observe' | 'lose', args: unknown): Promise<unknown> {
    watched.registering = null
    const said = options.call('host', host, method, args)
    watched.said = Promise.allSettled([watched.said, said])
    return said
  }

  function lose(host: string, watched: Watched): void {
    watched.lostMs = env.monotonicMs()
    env.log.warn({ host }, 'the lease of a silent host has run out; what it protected does not run there any more')
    const known = leases.known(host)
    const lost = () => say(host, watched, 'lose', { ...(known === undefined ? {} : { known }), ...verdictOf(env.tracing) })
    tracedAnew(env, 'verdict: host lost', { 'baton.host': host }, `lost-${host}`, lost).then(
      answer => {
        // It may have come back, or not have heard yet that it is down.
        if (!(answer as { lost: boolean }).lost) watched.lostMs = null
      },
      error => {
        env.log.warn({ host, fault: toFault(error) }, 'the loss of a host was not taken')
        // Said again at the next tick.
        watched.lostMs = null
      },
    )
  }

  function observe(host: string, watched: Watched, verdict: HostState, silentMs: number): void {
    watched.state = verdict
    env.log.warn({ host, silentMs: Math.round(silentMs) }, `host is ${verdict}`)
    say(host, watched, 'observe', { state: verdict }).then(
      () => {
        // An earlier verdict was not taken, and so it counts as up: it is not, to its actor, until it is registered again.
        if (watched.state === 'up') watched.info = null
      },
      error => {
        env.log.warn({ host, fault: toFault(error) }, 'a verdict about a host was not taken')
        // Said again at the next tick.
        watched.state = verdict === 'down' ? 'suspect' : 'up'
      },
    )
  }

  /**
   * Has the host's actor write down what it has. Of ten thousand hosts that come at once some wait longer than they wait for their answer, and
   * beat again: what is under way for one already is not begun once more.
   */
  function register(host: string, watched: Watched, info: HostInfo): Promise<void> {
    const wanted = `${watched.bootId} ${JSON.stringify(info)}`
    if (watched.registering?.of === wanted) return watched.registering.done
    const done = watched.said
      .then(() => options.call('host', host, 'register', info))
      .then(() => {
        if (watched.registering !== mine) return
        watched.info = info
        watched.state = 'up'
        watched.lostMs = null
      })
      .finally(() => {
        if (watched.registering === mine) watched.registering = null
      })
    const mine = { of: wanted, done }
    watched.registering = mine
    return done
  }

  /** What has changed since an old report is no difference: the instance may have come to this host after it. */
  const isFresh = ({ reportedMs }: Watched): boolean => env.monotonicMs() - reportedMs < timing.suspectMs

  const reportOf = ({ guests, reportedMs }: Watched): Seen => ({ guests, ageMs: env.monotonicMs() - reportedMs })

  /** Looks for differences between what the host reported and what is believed, and puts each to its owner. */
  async function audit(host: string, watched: Watched): Promise<void> {
    watched.auditing = true
    try {
      const { differences, rows } = await lookAtHost(options, host, reportOf(watched))
      leases.want(
        host,
        rows.filter(row => row.host === host && isToProtect(row)).map(({ id }) => id),
      )
      for (const difference of differences) {
        if (!isFresh(watched)) break
        if (treatsByItself(difference, options.treatments.policy)) await treatOne(host, difference)
      }
    } catch (error) {
      env.log.warn({ host, fault: toFault(error) }, 'an audit was not finished')
    }
    watched.auditing = false
    watched.auditAtMs = env.monotonicMs() + timing.auditMs
  }

  async function treatOne(host: string, difference: Difference): Promise<void> {
    const { code, subject } = difference
    try {
      await tracedAnew(env, `verdict: ${code}`, { 'baton.host': host, 'baton.subject': subject }, `audit-${host}`, () =>
        treat(options.treatments, difference),
      )
    } catch (error) {
      const fault = toFault(error)
      // Who does not answer now will not answer about the others either.
      if (isTransient(fault)) throw error
      env.log.warn({ host, code, subject, fault }, 'a difference could not be treated')
    }
  }

  return {
    async beat(host, beat, from, deadlineMs) {
      // A compute host speaks for itself and for nobody else.
      if (from.role === 'compute' && from.node !== host) throw new BatonError('Forbidden', `${from.node} may not report for ${host}`)
      const watched = watch(host, 'up')
      // An answer to any heartbeat of a life says that its return is written down (`compute.ts`): `info` is that of a life that is.
      if (watched.bootId !== beat.bootId) watched.info = null
      else if (beat.seq <= watched.seq && watched.info) return { intervalMs: timing.intervalMs, lease: { leaseMs: ha.leaseMs } }
      const nowMs = env.monotonicMs()
      const known = watched.info
      const changed = !known || JSON.stringify(known) !== JSON.stringify(beat.info) || watched.state !== 'up'
      detector.heard(host, nowMs)
      // One that waited for a database that was away says nothing of what has changed since.
      watched.reportedMs = nowMs - Math.max(0, (beat.withinMs ?? 0) - ((deadlineMs ?? Number.POSITIVE_INFINITY) - nowMs))
      watched.seq = watched.bootId === beat.bootId ? Math.max(watched.seq, beat.seq) : beat.seq
      watched.bootId = beat.bootId
      watched.load = loadOf(beat.load, options.now())
      watched.uptimeS = beat.uptimeS ?? null
      watched.guests = beat.guests
      if (changed) await register(host, watched, beat.info)
      const digest = beat.guests.map(g => `${g.instance}${g.power}${g.lapsed ?? ''}`).join()
      // Something changed: look soon, but after the rows have had time to follow. What was taken over has not changed by that: a third of ten
      // thousand hosts would be looked at in the same second.
      if (watched.digest !== null && digest !== watched.digest)
        watched.auditAtMs = Math.min(watched.auditAtMs, env.monotonicMs() + timing.auditMs / 6)
      watched.digest = digest
      const upTo = leases.received(host, beat.bootId, beat.seq, nowMs)
      const policy = beat.armed === undefined ? null : await leases.policyFor(host, beat.armed)
      return { intervalMs: timing.intervalMs, lease: { leaseMs: ha.leaseMs, ...(upTo === undefined ? {} : { upTo }), ...(policy ? { policy } : {}) } }
    },
    recorded(host, state) {
      if (state === 'gone') return
      const watched = watch(host, state)
      // The next beat registers it again.
      if (state !== 'up') watched.registering = null
      if (watched.state === 'up' && state !== 'up') watched.info = null
    },
    async adopt(shards) {
      const taken = new Set(shards)
      for (const row of await options.views.list('host', { limit: HOST_ROW_LIMIT })) {
        const body = row.body as HostBody
        if (taken.has(shardOf(row.id)) && body.state !== 'gone') watch(row.id, body.state).lostMs = body.ha?.lostAt ? Number.NEGATIVE_INFINITY : null
      }
    },
    release(shards) {
      const given = new Set(shards)
      for (const host of [...hosts.keys()]) {
        if (!given.has(shardOf(host))) continue
        hosts.delete(host)
        detector.forget(host)
        leases.forget(host)
      }
    },
    reported(host) {
      const watched = hosts.get(host)
      return watched && watched.seq >= 0 ? reportOf(watched) : null
    },
    load: host => hosts.get(host)?.load,
    uptimeS: host => hosts.get(host)?.uptimeS ?? null,
    lease(host) {
      if (!hosts.has(host)) return null
      const heardAgoMs = Math.round(detector.silentMs(host, env.monotonicMs()))
      return { heardAgoMs, leftMs: Math.max(0, Math.round(detector.lostAfterMs - heardAgoMs)), armed: leases.armed(host) }
    },
    nudge(host) {
      const watched = hosts.get(host)
      if (watched) watched.auditAtMs = Math.min(watched.auditAtMs, env.monotonicMs() + timing.auditMs / 30)
    },
    held: () => held,
    silent() {
      const nowMs = env.monotonicMs()
      const silent = [...hosts].flatMap(([host, { lostMs }]) => {
        const heardAgoMs = Math.round(detector.silentMs(host, nowMs))
        return lostMs !== null || heardAgoMs < timing.suspectMs ? [] : { host, heardAgoMs }
      })
      if (silent.length === 0) return []
      const guarded = new Map(options.hosts().map(({ id, ha }) => [id, ha?.instances ?? 0]))
      return silent.flatMap(({ host, heardAgoMs }) => {
        const instances = guarded.get(host) ?? 0
        return instances === 0 ? [] : { host, heardAgoMs, leftMs: Math.max(0, Math.round(detector.lostAfterMs - heardAgoMs)), instances }
      })
    },
    stop() {
      stopped = true
      timer.cancel()
    },
  }
}

/** In place of what its clock showed, by how much that was off when it came, to a tenth of a second: the way of a heartbeat is not worth more. */
function loadOf({ wallMs, ...load }: Beat['load'], now: number): Beat['load'] {
  return wallMs === undefined ? load : { ...load, clockOffMs: Math.round((wallMs - now) / 100) * 100 }
}

/** What could not be evacuated must not be stopped either. */
const isToProtect = ({ ha, vmState, origin }: InstanceBody): boolean => ha === 'evacuate' && vmState === 'active' && !origin
