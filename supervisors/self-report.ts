/** What a conductor says of itself: the load it puts into its lease, and its queues. */
import type { QueueBody } from '../actors/api.ts'
import type { Link } from '../transport/link.ts'
import type { Messenger } from '../transport/messenger.ts'
import type { ActorHost } from './actor-host.ts'

/** Actors set aside that are named in the load. */
const NAMED = 100

export interface SelfReportOptions {
  readonly nodeId: string
  /** `process.version` */
  readonly engine: string
  readonly link: Link
  readonly messenger: Messenger
  readonly actors: ActorHost
  readonly journal: { stats(): { readonly queued: number; readonly oldestMs: number; readonly commitMs: number } }
  /** Commands that may wait in all inboxes. */
  readonly total: number
}

export type SelfReport = ReturnType<typeof createSelfReport>

export function createSelfReport({ nodeId, engine, link, messenger, actors, journal, total }: SelfReportOptions) {
  return {
    load() {
      const a = actors.stats()
      const j = journal.stats()
      const m = messenger.stats()
      return {
        node: engine,
        actors: a.actors,
        inbox: a.waiting,
        oldestMs: Math.round(Math.max(a.oldestMs, j.oldestMs)),
        commitsWaiting: j.queued,
        commitMs: Math.round(j.commitMs * 10) / 10,
        calls: m.pending,
        restarts: a.restarts,
        deadLetters: a.deadLetters,
        poisoned: a.poisoned.slice(0, NAMED),
      }
    },
    queues(): QueueBody[] {
      const a = actors.stats()
      const j = journal.stats()
      const m = messenger.stats()
      const l = link.stats()
      return [
        { node: nodeId, queue: 'inboxes', depth: a.waiting, limit: total, oldestMs: Math.round(a.oldestMs), busiest: a.busiest },
        { node: nodeId, queue: 'journal', depth: j.queued, limit: total, oldestMs: Math.round(j.oldestMs), busiest: null },
        { node: nodeId, queue: 'calls', depth: m.pending, limit: 20_000, oldestMs: Math.round(m.oldestPendingMs), busiest: null },
        { node: nodeId, queue: 'links', depth: l.queued, limit: 10_000, oldestMs: 0, busiest: null },
      ]
    },
  }
}
