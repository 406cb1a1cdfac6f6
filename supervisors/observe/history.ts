/**
 * What a conductor remembers of the last hour, in memory alone: one sample a second of what it knows anyway (members, shards, hosts, rates).
 * Older samples are merged (every 5 s after two minutes, every 30 s after ten), but never over a change of owners, so that a take-over is
 * replayed as it went. All of it is at most 4 MiB of JSON, whatever the cluster: when there is more, the oldest goes first.
 *
 * Every conductor keeps one, so that the end of any loses nothing; who is asked asks the one that has been there longest.
 */
import type { ClusterApi, HostBody } from '../../actors/api.ts'
import {
  applied,
  type ConductorMoment,
  difference,
  type HistoryAsked,
  type HistoryPart,
  type HostMoment,
  type Moment,
  merged,
  NO_MOMENT,
  type Sample,
} from '../../actors/cluster/history.ts'
import { type Address, address } from '../../actors/kernel/address.ts'
import { type Env, minutes, seconds } from '../../actors/kernel/env.ts'
import type { Incarnation, Member, ShardMap } from '../../actors/kernel/ports.ts'
import { numbersOf } from './self-report.ts'

export const HISTORY = {
  everyMs: seconds(1),
  keptMs: minutes(60),
  maxBytes: 4 * 1024 * 1024,
  /** In one answer, bytes of JSON; a single sample may be larger. */
  answerBytes: 128 * 1024,
} as const

/** From which age on samples are so far apart, ms. */
const STEPS: readonly (readonly [ageMs: number, stepMs: number])[] = [
  [minutes(10), seconds(30)],
  [minutes(2), seconds(5)],
]
const COARSEN_EVERY = 10
/** Another conductor answers within this, or is not asked; somebody looks at it meanwhile. Ms. */
const ANSWER_MS = 1500

interface Kept {
  readonly sample: Sample
  readonly bytes: number
}

export interface HistoryRecord {
  /** Moments come in order. */
  add(moment: Moment): void
  /** What came after a time, or all of it. */
  since(after: number | null, answerBytes?: number): { readonly samples: readonly Sample[]; readonly more: boolean }
  stats(): { readonly samples: number; readonly bytes: number }
}

const kept = (sample: Sample): Kept => ({ sample, bytes: Buffer.byteLength(JSON.stringify(sample)) })

const stepOf = (ageMs: number): number => STEPS.find(([fromMs]) => ageMs >= fromMs)?.[1] ?? 0

/** The memory itself; pure but for what it keeps. */
export function createRecord(maxBytes: number = HISTORY.maxBytes): HistoryRecord {
  /** The state before the first sample that is kept. */
  let base: Moment = NO_MOMENT
  let last: Moment = NO_MOMENT
  let all: Kept[] = []
  let bytes = 0
  let added = 0

  function coarsen(now: number): void {
    const coarse: Kept[] = []
    for (const each of all) {
      const before = coarse.at(-1)
      const step = stepOf(now - each.sample.at)
      const isTogether = before && step > 0 && !before.sample.owners && !each.sample.owners && slot(before, step) === slot(each, step)
      if (isTogether) coarse[coarse.length - 1] = kept(merged(before.sample, each.sample))
      else coarse.push(each)
    }
    all = coarse
    bytes = all.reduce((sum, each) => sum + each.bytes, 0)
  }

  function forget(now: number): void {
    let gone = 0
    for (const { sample, bytes: size } of all) {
      const isOld = sample.at < now - HISTORY.keptMs
      if (!isOld && bytes <= maxBytes) break
      base = applied(base, sample)
      bytes -= size
      gone++
    }
    if (gone > 0) all = all.slice(gone)
  }

  return {
    add(moment) {
      const next = kept(difference(last, moment))
      last = moment
      all.push(next)
      bytes += next.bytes
      if (++added % COARSEN_EVERY === 0) coarsen(moment.at)
      forget(moment.at)
    },
    since(after, answerBytes = HISTORY.answerBytes) {
      const from = after === null ? 0 : all.findIndex(({ sample }) => sample.at > after)
      const wanted = from < 0 ? [] : all.slice(from)
      const first = after === null && base.at > 0 ? [kept(difference(NO_MOMENT, base))] : []
      const samples: Sample[] = []
      let size = 0
      for (const each of [...first, ...wanted]) {
        if (samples.length > 0 && size + each.bytes > answerBytes) return { samples, more: true }
        size += each.bytes
        samples.push(each.sample)
      }
      return { samples, more: false }
    },
    stats: () => ({ samples: all.length, bytes }),
  }
}

const slot = ({ sample }: Kept, stepMs: number): number => Math.floor(sample.at / stepMs)

export interface HistoryOptions {
  readonly env: Env
  /** Cluster time, ms. */
  now(): number
  /** Names this life of this conductor. */
  readonly epoch: string
  members(): readonly Member[]
  map(): ShardMap
  hosts(): readonly HostBody[]
}

export interface History {
  /** What came after `after` of the same epoch; all of it when the epoch is another. */
  part(args: HistoryAsked): HistoryPart
  stats(): { readonly samples: number; readonly bytes: number }
  stop(): void
}

export function createHistory(options: HistoryOptions): History {
  const { env, epoch } = options
  const record = createRecord()
  const hosts = new WeakMap<HostBody, HostMoment>()
  let counts = { done: 0, failed: 0, at: 0 }
  let timer = env.setTimer(HISTORY.everyMs, look)

  function look(): void {
    timer = env.setTimer(HISTORY.everyMs, look)
    const map = options.map()
    if (map.version === 0) return
    const members = options.members()
    record.add({
      at: options.now(),
      conductors: new Map(members.filter(m => m.state === 'alive' || m.state === 'draining').map(m => [m.nodeId, conductorOf(m)])),
      owners: ownersOf(map),
      hosts: new Map(options.hosts().map(host => [host.id, momentOf(host)])),
      ended: rates(members),
    })
  }

  /** Bodies are never changed, so each is looked at once. */
  function momentOf(host: HostBody): HostMoment {
    const known = hosts.get(host)
    if (known) return known
    const moment: HostMoment = [host.state, host.mode, fillOf(host)]
    hosts.set(host, moment)
    return moment
  }

  /** Per second since the last look, to a tenth. Counts of a conductor begin anew with its life. */
  function rates(members: readonly Member[]): readonly [number, number] {
    const loads = members.map(({ load }) => numbersOf(load))
    const sum = (name: string): number => loads.reduce((total, load) => total + (load[name] ?? 0), 0)
    const next = { done: sum('operationsDone'), failed: sum('operationsFailed'), at: options.now() }
    const sinceS = Math.max(1, next.at - counts.at) / 1000
    const rate = (now: number, before: number): number => (counts.at === 0 ? 0 : Math.max(0, Math.round(((now - before) / sinceS) * 10) / 10))
    const ended = [rate(next.done, counts.done), rate(next.failed, counts.failed)] as const
    counts = next
    return ended
  }

  return {
    part({ after, epoch: theirs }) {
      const isWhole = theirs !== epoch || after === undefined
      return { epoch, isWhole, ...record.since(isWhole ? null : after) }
    },
    stats: record.stats,
    stop: () => timer.cancel(),
  }
}

const round = (n: number | undefined): number => Math.round(n ?? 0)

function conductorOf({ state, load }: Member): ConductorMoment {
  const { cpu = 0, busy, lagMs, inbox, oldestMs, commitMs } = numbersOf(load)
  return {
    state: state === 'alive' ? 'up' : state,
    ...(busy === undefined ? {} : { busy: Math.round(busy * 20) / 20 }),
    ...{ cpu: Math.round(cpu * 20) / 20, lagMs: round(lagMs), inbox: round(inbox), oldestMs: round(oldestMs), commitMs: round(commitMs) },
  }
}

function ownersOf({ owners, members }: ShardMap): Moment['owners'] {
  const names = members.map(({ nodeId }) => nodeId)
  const places = new Map(members.map(({ incarnation }, i) => [incarnation, i]))
  return { names, of: owners.map(owner => places.get(owner) ?? -1) }
}

/**
 * Whoever is asked asks the one that has been there longest. One that does not answer at once may be dead: then what is known here is told,
 * which is another epoch.
 */
export function historyRequests(options: {
  readonly history: Pick<History, 'part'>
  readonly incarnation: Incarnation
  members(): readonly Member[]
  call(to: Address, method: string, args: unknown, options: { readonly timeoutMs: number }): Promise<unknown>
}): Pick<ClusterApi, 'clusterHistory'> {
  const ask = async (node: string, args: HistoryAsked): Promise<HistoryPart> =>
    (await options.call(address('node', node), 'history', args, { timeoutMs: ANSWER_MS })) as HistoryPart
  return {
    async clusterHistory(args) {
      const [oldest] = options
        .members()
        .filter(({ state }) => state === 'alive')
        .toSorted((a, b) => a.incarnation - b.incarnation)
      if (!oldest || oldest.incarnation === options.incarnation) return options.history.part(args)
      return ask(oldest.nodeId, args).catch(() => options.history.part(args))
    },
  }
}

/** In steps of ten percent: a claim more is not news. */
function fillOf({ ramMb, ramMbUsed, diskGb, diskGbUsed }: HostBody): number {
  const share = Math.max(ramMb > 0 ? ramMbUsed / ramMb : 0, diskGb > 0 ? diskGbUsed / diskGb : 0)
  return Math.min(100, Math.round(share * 10) * 10)
}
