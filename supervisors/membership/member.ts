/**
 * One conductor's part in the cluster: it keeps its lease, listens for the others, declares the dead dead, and takes and
 * hands over shards. There is no leader; every conductor does the same, and the database arbitrates.
 */
import { address } from '../../actors/kernel/address.ts'
import type { Json } from '../../actors/kernel/define.ts'
import type { Env, Timer } from '../../actors/kernel/env.ts'
import { BatonError, toFault } from '../../actors/kernel/errors.ts'
import type { Incarnation, Machine, Member, Membership, MembershipState, ShardMap } from '../../actors/kernel/ports.ts'
import type { Messenger } from '../../transport/messenger.ts'
import type { ActorHost } from '../hosting/actor-host.ts'
import type { ClusterClock } from './cluster-clock.ts'
import { createDetector } from './detector.ts'
import { planShards } from './shards.ts'

export interface MemberOptions {
  readonly env: Env
  readonly clock: ClusterClock
  readonly membership: Membership
  readonly messenger: Messenger
  readonly actors: ActorHost
  readonly nodeId: string
  readonly incarnation: Incarnation
  machine(): Machine
  readonly timing: { readonly leaseMs: number; readonly renewMs: number; readonly pingMs: number; readonly suspectMs: number }
  load(): Json
  /** Shards now served here in addition; called after their actors were resumed. */
  onAdopted(shards: readonly number[]): Promise<void>
  onReleased(shards: readonly number[]): void
  /** This incarnation is over: it was declared dead. */
  /** Shards of a dead conductor were taken over. */
  onTakeOver?(takeOver: TakeOver): void
  onFenced(error: BatonError): void
}

/** A take-over as it was seen by the conductor that took the shards; times by the monotonic clock, ms. */
export interface TakeOver {
  readonly victim: string
  /** Since the victim was last heard. */
  readonly silentMs: number
  /** From the verdict to the first resumed actor, and to the last. */
  readonly firstMs: number
  readonly allMs: number
  readonly actors: number
  readonly shards: number
  /** Wall time when the first actor was resumed, for measuring from outside. */
  readonly firstAtWallMs: number
}

export interface ClusterMember {
  start(first: MembershipState): Promise<void>
  map(): ShardMap
  members(): readonly Member[]
  takeOvers(): readonly TakeOver[]
  /** When the database was last asked, with success, whether this incarnation is alive; monotonic ms. */
  confirmedMs(): number
  /** A peer's ping. */
  heard(from: Incarnation, suspects: readonly Incarnation[]): void
  /** A conductor said hello. */
  met(peer: Incarnation): void
  /** The connection to a peer broke. */
  disconnected(peer: Incarnation): void
  /** Somebody says that the members or shards have changed. */
  refresh(): void
  /** Hands everything over; resolves when no shard is left here or nobody is there to take any. */
  drain(): Promise<void>
  /** Gives everything up, handing nothing over: the whole cluster stops. */
  leave(): Promise<void>
  stop(): void
}

const TAKE_OVERS_KEPT = 100

export function createMember(options: MemberOptions): ClusterMember {
  const { env, clock, membership, messenger, actors, incarnation, timing } = options
  const detector = createDetector({ suspectMs: timing.suspectMs })
  const takeOvers: TakeOver[] = []
  /** Those found dead here or by another, and when: for measuring take-overs. */
  const fallen = new Map<Incarnation, { silentMs: number; atMs: number; node: string }>()
  /** Shards whose adoption was finished; one that failed half-way is tried again. */
  const served = new Set<number>()
  let state: MembershipState | null = null
  let suspects: Incarnation[] = []
  let confirmedMs = Number.NEGATIVE_INFINITY
  let renewTimer: Timer | null = null
  let pingTimer: Timer | null = null
  let renewing = false
  let renewAgain = false
  let balancing: Promise<void> | null = null
  let balanceAgain = false
  /** Shards were given away and no answer came: what is known of the map may say that they are still ours. */
  let unsure = false
  let draining: Promise<void> | null = null
  let leaving = false
  let stopped = false

  const alive = (): readonly Member[] => (state?.members ?? []).filter(m => m.state === 'alive' || m.state === 'draining')
  const others = (): readonly Member[] => alive().filter(m => m.incarnation !== incarnation)

  /** Takes in what the database said; everything else follows from it. */
  function learn(next: MembershipState): void {
    if (stopped) return
    if (!next.alive) {
      options.onFenced(new BatonError('Fenced', `${options.nodeId} (incarnation ${incarnation}) was declared dead by another conductor`))
      return
    }
    if (state && next.map.version < state.map.version) return
    const changed = next.map.version !== state?.map.version
    noteFallen(next)
    state = next
    const peers = others()
    detector.watch(
      peers.map(m => m.incarnation),
      env.monotonicMs(),
    )
    const endpoints = new Set(peers.map(m => m.endpoint))
    for (const endpoint of messenger.sessions.dialled()) if (!endpoints.has(endpoint)) messenger.sessions.hangUp(endpoint)
    for (const endpoint of endpoints) messenger.sessions.dial(endpoint)
    if (changed) {
      messenger.reroute()
      messenger.castAll(
        messenger.sessions.all().filter(session => !session.dialled),
        'map',
        next.map,
      )
    }
    balance()
  }

  /** Nothing for one that was never heard. */
  const silenceOf = (peer: Incarnation, nowMs: number): number => nowMs - (detector.lastHeardMs(peer) ?? nowMs)
  const wasHeard = (peer: Incarnation): boolean => detector.lastHeardMs(peer) !== undefined

  function noteFallen(next: MembershipState): void {
    const nowMs = env.monotonicMs()
    const living = new Set(next.members.filter(m => m.state === 'alive' || m.state === 'draining').map(m => m.incarnation))
    for (const { incarnation: gone, nodeId } of others()) {
      if (!living.has(gone)) fallen.set(gone, { silentMs: silenceOf(gone, nowMs), atMs: nowMs, node: nodeId })
    }
    for (const oldest of fallen.keys()) if (fallen.size > TAKE_OVERS_KEPT) fallen.delete(oldest)
  }

  /** Renews the lease, and with it looks at the clock: only here a jump of the database's is told from time that has passed. */
  async function look(): Promise<void> {
    const sentMs = env.monotonicMs()
    const answer = await membership.renew(incarnation, timing.leaseMs, options.load(), {
      believedMs: clock.now(),
      machine: options.machine(),
    })
    clock.sync(answer.now, sentMs, env.monotonicMs())
    if (answer.alive) confirmedMs = Math.max(confirmedMs, sentMs)
    learn(answer)
  }

  function renew(): void {
    if (stopped) return
    if (renewing) {
      renewAgain = true
      return
    }
    renewTimer?.cancel()
    renewing = true
    look()
      .then(declareExpired)
      .catch(error => env.log.warn({ fault: toFault(error) }, 'the lease could not be renewed; going on, the fence protects the data'))
      .finally(() => {
        renewing = false
        if (!stopped) renewTimer = env.setTimer(renewAgain ? 1 : timing.renewMs, renew)
        renewAgain = false
      })
  }

  async function declareExpired(): Promise<void> {
    const now = clock.now()
    // Our clock only says whom to look at; whether the lease has run out is decided by the database's.
    for (const member of others()) if (member.leaseUntil < now) await declare(member, true)
  }

  async function declare(member: Member, onlyIfExpired: boolean): Promise<void> {
    const nowMs = env.monotonicMs()
    const silentMs = silenceOf(member.incarnation, nowMs)
    if (!(await membership.declareDead(incarnation, member.incarnation, onlyIfExpired))) return
    env.log.warn({ victim: member.nodeId, incarnation: member.incarnation, silentMs: Math.round(silentMs) }, 'declared a conductor dead')
    for (const other of others()) messenger.cast(address('node', other.nodeId), 'membershipChanged', { dead: member.incarnation })
    renew()
  }

  let declaring = false
  function ping(): void {
    if (stopped) return
    pingTimer = env.setTimer(timing.pingMs, ping)
    const verdict = detector.tick(env.monotonicMs())
    suspects = verdict.suspects
    for (const other of others()) messenger.cast(address('node', other.nodeId), 'ping', { incarnation, suspects }, timing.suspectMs)
    const victims = others().filter(m => verdict.dead.includes(m.incarnation))
    if (victims.length === 0 || declaring) return
    declaring = true
    Promise.all(victims.map(m => declare(m, false)))
      .catch(error => env.log.warn({ fault: toFault(error) }, 'a verdict could not be written'))
      .finally(() => {
        declaring = false
      })
  }

  /**
   * Brings the shards we own nearer to those we should own. Runs one at a time, and again when something changed meanwhile;
   * resolves when that is over, also when it failed.
   */
  function balance(): Promise<void> {
    if (stopped || leaving || !state) return balancing ?? Promise.resolve()
    if (balancing) {
      balanceAgain = true
      return balancing
    }
    balancing = balanceOnce()
      .catch(error => {
        if (!stopped) env.log.warn({ fault: toFault(error) }, 'shards could not be balanced; trying again with the next renewal')
      })
      .then(() => {
        balancing = null
        if (!balanceAgain) return
        balanceAgain = false
        return balance()
      })
    return balancing
  }

  async function balanceOnce(): Promise<void> {
    if (unsure) await look()
    unsure = false
    if (!state) return
    // What is another's by now is let go at once: a release may have been carried out late, when nobody waited for it any more.
    const owners = state.map.owners
    await letGo(actors.owned().filter(shard => owners[shard] !== incarnation))
    // Shards the database says are ours but that are not served yet: we got them from an owner that let go.
    const given = shardsOf(state.map).filter(s => !served.has(s))
    if (given.length > 0) await adopt(given, null)
    const plan = planShards(incarnation, state.members, state.map)
    if (plan.claim.length > 0) {
      const before = state.map.owners
      learn(await membership.claim(incarnation, plan.claim))
      const got = state ? shardsOf(state.map).filter(s => !served.has(s)) : []
      const victim = got.map(s => before[s] ?? 0).find(owner => owner !== 0) ?? null
      if (got.length > 0) await adopt(got, victim)
    }
    for (const [to, shards] of plan.release) {
      // One that has joined may still be starting, and die of it: its shards are better off here until it says that it runs.
      if (!wasHeard(to) && draining === null) continue
      const ours = shards.filter(s => actors.owns(s))
      if (ours.length === 0) continue
      await letGo(ours)
      unsure = true
      learn(await membership.release(incarnation, ours, to))
      unsure = false
      const heir = state?.members.find(m => m.incarnation === to)
      if (heir) messenger.cast(address('node', heir.nodeId), 'membershipChanged', {})
    }
  }

  async function letGo(shards: readonly number[]): Promise<void> {
    if (shards.length === 0) return
    for (const shard of shards) served.delete(shard)
    await actors.drain(shards)
    options.onReleased(shards)
  }

  const shardsOf = (map: ShardMap): number[] => map.owners.flatMap((owner, shard) => (owner === incarnation ? [shard] : []))

  async function adopt(shards: readonly number[], victim: Incarnation | null): Promise<void> {
    const startedMs = env.monotonicMs()
    const resumed = await actors.adopt(shards)
    const verdict = victim === null ? undefined : fallen.get(victim)
    if (victim !== null) {
      const allMs = env.monotonicMs() - (verdict?.atMs ?? startedMs)
      const takeOver: TakeOver = {
        victim: verdict?.node ?? String(victim),
        silentMs: Math.round(verdict?.silentMs ?? 0),
        firstMs: Math.round(resumed.firstMs === null ? allMs : resumed.firstMs - (verdict?.atMs ?? startedMs)),
        allMs: Math.round(allMs),
        actors: resumed.actors,
        shards: shards.length,
        firstAtWallMs: Math.round(env.wallMs() - (resumed.firstMs === null ? 0 : env.monotonicMs() - resumed.firstMs)),
      }
      takeOvers.push(takeOver)
      if (takeOvers.length > TAKE_OVERS_KEPT) takeOvers.shift()
      options.onTakeOver?.(takeOver)
      env.log.info({ takeOver }, 'took over shards')
    }
    await options.onAdopted(shards)
    for (const shard of shards) served.add(shard)
  }

  async function handOver(): Promise<void> {
    await membership.setState(incarnation, 'draining')
    await look()
    const heirs = () => others().filter(m => m.state === 'alive')
    // With nobody to take them, the shards are simply left; their actors are loaded by whoever starts next.
    while (!stopped && heirs().length > 0 && actors.owned().length > 0) {
      await balance()
      if (actors.owned().length > 0) await look()
    }
    // A hand-over that began by itself may still wait for commits in hand.
    await balance()
    await leave()
    for (const other of heirs()) messenger.cast(address('node', other.nodeId), 'membershipChanged', {})
  }

  async function leave(): Promise<void> {
    leaving = true
    // What is being taken or handed over just now would be served, or given away, by one that is gone.
    await balancing
    await actors.drain(actors.owned())
    stopped = true
    renewTimer?.cancel()
    pingTimer?.cancel()
    await membership.setState(incarnation, 'left')
  }

  return {
    async start(first) {
      learn(first)
      renew()
      ping()
    },
    map: () => state?.map ?? { version: 0, owners: [], members: [] },
    members: () => state?.members ?? [],
    takeOvers: () => takeOvers,
    confirmedMs: () => confirmedMs,
    heard(from, theirSuspects) {
      const known = wasHeard(from)
      detector.heard(from, theirSuspects, env.monotonicMs())
      // A newcomer that runs: what waited for it here can go.
      if (!known && wasHeard(from)) balance()
    },
    met(peer) {
      // One that joined after our last look at the database: look again, so that it hears from us soon.
      if (state && peer !== incarnation && !state.members.some(m => m.incarnation === peer)) renew()
    },
    disconnected: peer => detector.disconnected(peer, env.monotonicMs()),
    refresh: renew,
    drain() {
      // Asked again while it runs, it is the same drain; after a failure (the database is away) it is another try.
      draining ??= handOver().catch(error => {
        draining = null
        throw error
      })
      return draining
    },
    leave,
    stop() {
      stopped = true
      renewTimer?.cancel()
      pingTimer?.cancel()
    },
  }
}
