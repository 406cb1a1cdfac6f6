/**
 * A gateway's side of the conductors' feeds (`feed.ts`): follows each of them by number, so that nothing is missed and nothing is taken
 * twice, and says when everything must be read anew: a conductor does not know any more what came after our number, it is another life,
 * or shards have another owner, which may have commits of the last one that nobody told us of.
 */
import type { Env, Timer } from '../../actors/kernel/env.ts'
import type { ShardMap } from '../../actors/kernel/ports.ts'
import { type FeedBatch, type FeedChange, type FeedWanted, isFeedBatch } from '../../transport/console/feed.ts'

/** An answer that did not come is asked for again, ms. Also how soon a conductor learns that we are still there. */
const ASK_MS = 1000

export interface FollowerOptions {
  readonly env: Env
  map(): ShardMap
  /** False when there is no connection. */
  ask(node: string, method: string, args: FeedWanted): boolean
  onChanges(changes: readonly FeedChange[]): void
  /** What was known may be old: read it. `why` is null when a conductor is only met. */
  onAnew(why: string | null): void
  /** The conductors of the map that have not been heard for a while. */
  onSilent(nodes: readonly string[]): void
}

export interface FeedFollower {
  /** Begins; until then conductors are not asked, and pay nothing. */
  start(): void
  heard(node: string, batch: unknown): void
  mapChanged(): void
  stop(): void
}

interface Followed {
  incarnation: number
  /** Number of the newest change taken; -1 before the first answer. */
  after: number
  askedMs: number
  heardMs: number
}

/** Silence after which a conductor that was asked is said to be silent, ms. It answers only when something changes, so see `isOpen`. */
const SILENT_MS = 2500

export function createFollower(options: FollowerOptions): FeedFollower {
  const { env } = options
  const followed = new Map<string, Followed>()
  let timer: Timer | null = null
  let started = false
  let owners: readonly number[] = []
  let silent = ''

  function ask(node: string, f: Followed): void {
    f.askedMs = env.monotonicMs()
    if (options.ask(node, 'feedWanted', { incarnation: f.incarnation, after: f.after })) f.heardMs = f.askedMs
  }

  function tick(): void {
    timer = env.setTimer(ASK_MS, tick)
    const now = env.monotonicMs()
    const members = options.map().members
    for (const node of [...followed.keys()]) if (!members.some(m => m.nodeId === node)) followed.delete(node)
    for (const { nodeId, incarnation } of members) {
      const f = followed.get(nodeId) ?? { incarnation, after: -1, askedMs: Number.NEGATIVE_INFINITY, heardMs: now }
      followed.set(nodeId, f)
      if (now - f.askedMs >= ASK_MS / 2) ask(nodeId, f)
    }
    tellSilent(now)
  }

  function tellSilent(now: number): void {
    const nodes = [...followed].flatMap(([node, f]) => (now - f.heardMs > SILENT_MS ? [node] : [])).toSorted()
    if (nodes.join() === silent) return
    silent = nodes.join()
    options.onSilent(nodes)
  }

  function take(f: Followed, batch: FeedBatch): void {
    if (batch.anew || batch.incarnation !== f.incarnation) {
      // An answer of an earlier life may come late; the next question is answered by the present one.
      if (batch.incarnation < f.incarnation) return
      const isFirst = f.after < 0
      f.incarnation = batch.incarnation
      f.after = batch.upto
      if (!batch.anew) f.after = -1
      options.onAnew(isFirst ? null : 'a conductor has forgotten what came after our number')
      return
    }
    // A copy of what is known already, or an answer to a later question than the one we remember.
    if (batch.after > f.after || batch.upto <= f.after) return
    const fresh = batch.changes.filter(change => change.seq > f.after)
    f.after = batch.upto
    options.onChanges(fresh)
  }

  return {
    start() {
      if (started) return
      started = true
      owners = options.map().owners
      tick()
    },
    heard(node, batch) {
      const f = followed.get(node)
      if (!f || !isFeedBatch(batch)) return
      f.heardMs = env.monotonicMs()
      take(f, batch)
      ask(node, f)
    },
    mapChanged() {
      if (!started) return
      const before = owners
      owners = options.map().owners
      if (owners.some((owner, shard) => owner !== before[shard] && before[shard] !== 0)) options.onAnew('shards have another owner')
      timer?.cancel()
      tick()
    },
    stop: () => timer?.cancel(),
  }
}
