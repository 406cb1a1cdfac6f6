/**
 * What has changed on this conductor, for gateways to show: every commit gets a number, and whoever wants what came after a number is
 * told. A gateway asks by a cast (`feedWanted`), is answered by one (`feed`), and asks again: one answer is under way per gateway, so a
 * slow gateway gets larger answers and never a longer queue. Both may be lost; the gateway asks again after a moment, by the same number.
 *
 * The newest `HISTORY` changes are kept, and only while some gateway asks: a cluster that nobody watches pays one addition per commit.
 * Who asks for what is forgotten (or was of an earlier life) is told to begin anew, and reads the views.
 */
import type { Address } from '../../actors/kernel/address.ts'
import type { ActorEvent, ViewRow } from '../../actors/kernel/define.ts'
import type { Env, Timer } from '../../actors/kernel/env.ts'
import type { Incarnation } from '../../actors/kernel/ports.ts'
import { type FeedBatch, type FeedChange, type FeedWanted, feedText } from '../../transport/console/feed.ts'

const HISTORY = 8192
/** Of one answer. A single row may be larger, and still fits a message. */
const BATCH_CHANGES = 500
const BATCH_BYTES = 512 * 1024
/** Changes of so long share an answer, ms: a burst of commits is one message. */
const GATHER_MS = 5
/** A gateway that has not asked for so long is gone, ms. */
const FORGET_MS = 5000
/** Gateways that can ask. */
const MAX_WATCHERS = 100

export interface FeedOptions {
  readonly env: Env
  readonly incarnation: Incarnation
  /** Cluster time in ms. */
  now(): number
  /** To a gateway; may be lost. */
  send(node: string, batch: FeedBatch): void
}

interface Watcher {
  /** The number after which it wants to know; null when it was answered and has not asked since. */
  after: number | null
  heardMs: number
}

export interface ConductorFeed {
  committed(actor: Address, row: ViewRow | null, events: readonly ActorEvent[]): void
  wanted(node: string, wanted: FeedWanted): void
  stop(): void
}

export function createFeed({ env, incarnation, now, send }: FeedOptions): ConductorFeed {
  const watchers = new Map<string, Watcher>()
  let history: FeedChange[] = []
  /** Number of the newest change. */
  let seq = 0
  let timer: Timer | null = null

  /** The first number that is still known, or the next one. */
  const first = (): number => history[0]?.seq ?? seq + 1

  function batchAfter(after: number): FeedBatch {
    const changes: FeedChange[] = []
    let bytes = 0
    for (const change of history.slice(Math.max(0, after + 1 - first()))) {
      bytes += change.json?.length ?? 100
      if (changes.length >= BATCH_CHANGES || (changes.length > 0 && bytes > BATCH_BYTES)) break
      changes.push(change)
    }
    return { incarnation, after, upto: changes.at(-1)?.seq ?? after, anew: false, changes }
  }

  function answer(node: string, watcher: Watcher): void {
    const { after } = watcher
    if (after === null || after === seq) return
    watcher.after = null
    const isKnown = after <= seq && after + 1 >= first()
    send(node, isKnown ? batchAfter(after) : { incarnation, after: seq, upto: seq, anew: true, changes: [] })
  }

  function flush(): void {
    timer = null
    const goneMs = env.monotonicMs() - FORGET_MS
    for (const [node, watcher] of watchers) {
      if (watcher.heardMs < goneMs) watchers.delete(node)
      else answer(node, watcher)
    }
    if (watchers.size === 0) history = []
  }

  return {
    committed(actor, row, events) {
      // What was only loaded, or written again as it was, is no change.
      if (events.length === 0) return
      seq++
      if (watchers.size === 0) return
      const types = events.map(event => event.type)
      history.push({ seq, kind: actor.kind, id: actor.id, types, at: now(), table: row?.table ?? null, json: row && feedText(row.body) })
      if (history.length > HISTORY * 1.25) history = history.slice(-HISTORY)
      timer ??= env.setTimer(GATHER_MS, flush)
    },
    wanted(node, { incarnation: of, after }) {
      const known = watchers.get(node)
      if (!known && watchers.size >= MAX_WATCHERS) return
      const watcher: Watcher = { after: of === incarnation ? after : -1, heardMs: env.monotonicMs() }
      watchers.set(node, watcher)
      answer(node, watcher)
    },
    stop: () => timer?.cancel(),
  }
}
