/** What a conductor says of itself: the load it puts into its lease, and its queues. */
import type { SilentHost } from '../../actors/alerts/facts.ts'
import type { OperationStatus, QueueBody } from '../../actors/api.ts'
import type { Json } from '../../actors/kernel/define.ts'
import type { Env } from '../../actors/kernel/env.ts'
import type { Link } from '../../transport/link.ts'
import type { Messenger } from '../../transport/messenger.ts'
import type { ActorHost } from '../hosting/actor-host.ts'

/** Actors set aside, and hosts, that are named in the load. */
const NAMED = 100
const HOSTS_NAMED = 20

export interface JournalLoad {
  /** Appends that wait, and the age of the oldest of them. */
  readonly queued: number
  readonly oldestMs: number
  /** Commits so far, and the time all of them took, ms. */
  readonly commits: number
  readonly commitSumMs: number
  /** Whether the database was there when it was last asked for something. */
  readonly connected: boolean
}

export interface SelfReportOptions {
  readonly env: Env
  /** Cluster time, ms. */
  now(): number
  readonly nodeId: string
  /** `process.version` */
  readonly engine: string
  readonly link: Link
  readonly messenger: Messenger
  readonly actors: ActorHost
  readonly journal: { stats(): JournalLoad }
  /** Commands that may wait in all inboxes. */
  readonly total: number
  readonly monitor: { held(): readonly string[]; silent(): readonly SilentHost[] }
  /** Alerts that fire, in words. */
  alerts(): readonly string[]
  /** Figures of the process itself. */
  readonly gauges: (() => Record<string, number>) | undefined
}

export type SelfReport = ReturnType<typeof createSelfReport>

export function createSelfReport(options: SelfReportOptions) {
  const { env, nodeId, engine, link, messenger, actors, journal, total, monitor } = options
  const ended = { done: 0, failed: 0 }
  const commitMs = createSmoothed()
  const commandsPerS = createRate()
  return {
    operationEnded(status: OperationStatus): void {
      ended[status === 'done' ? 'done' : 'failed']++
    },
    load(): Json {
      const a = actors.stats()
      const j = journal.stats()
      const m = messenger.stats()
      return {
        node: engine,
        actors: a.actors,
        inbox: a.waiting,
        commandsPerS: Math.round(commandsPerS(a.commands, env.monotonicMs()) * 10) / 10,
        oldestMs: Math.round(Math.max(a.oldestMs, j.oldestMs)),
        commitsWaiting: j.queued,
        commitMs: Math.round(commitMs(j.commits, j.commitSumMs) * 10) / 10,
        calls: m.pending,
        restarts: a.restarts,
        deadLetters: a.deadLetters,
        poisoned: a.poisoned.slice(0, NAMED),
        queueLimit: total,
        operationsDone: ended.done,
        operationsFailed: ended.failed,
        // Of this machine's wall clock against cluster time; to a tenth of a second, so that it is not new all the time.
        clockOffMs: Math.round((env.wallMs() - options.now()) / 100) * 100,
        held: monitor.held().slice(0, HOSTS_NAMED),
        silent: monitor
          .silent()
          .slice(0, HOSTS_NAMED)
          .map(host => ({ ...host })),
        alerts: [...options.alerts()],
        ...options.gauges?.(),
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

/** A half of what is told is of this look, the rest of those before. */
const NEW_SHARE = 0.5

/**
 * The mean of what was measured since the last look, mixed with those before, so that one value that is out of line tells nothing. When nothing
 * was measured it fades.
 */
export function createSmoothed(): (count: number, sum: number) => number {
  let before = { count: 0, sum: 0 }
  let value = 0
  return (count, sum) => {
    const fresh = count - before.count
    const mean = fresh > 0 ? (sum - before.sum) / fresh : 0
    value = before.count === 0 ? mean : value * (1 - NEW_SHARE) + mean * NEW_SHARE
    before = { count, sum }
    return value
  }
}

/** How much has been added a second since the last look; 0 at the first. */
export function createRate(): (total: number, nowMs: number) => number {
  let before: { readonly total: number; readonly atMs: number } | null = null
  return (total, nowMs) => {
    const rate = before === null || nowMs <= before.atMs ? 0 : ((total - before.total) * 1000) / (nowMs - before.atMs)
    before = { total, atMs: nowMs }
    return rate
  }
}

/** The numbers in a load, as every node understands them. */
export const numbersOf = (load: unknown): Record<string, number> =>
  typeof load === 'object' && load !== null
    ? Object.fromEntries(Object.entries(load).filter((e): e is [string, number] => typeof e[1] === 'number'))
    : {}
