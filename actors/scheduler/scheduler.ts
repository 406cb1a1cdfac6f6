/**
 * Picks hosts. One scheduler on each conductor, not durable: it works from the newest summary it has of every host, and
 * it may be wrong, because the host actor has the last word. To keep several schedulers and a burst of builds from
 * choosing the same host, it counts what it has just handed out until the host's summaries must show it, and draws among the
 * best few instead of always taking the first.
 *
 * What was handed out never refuses a host, for it may come free again; it only moves a host back: first come those that have room
 * for everything handed out, then those that have room for what is known to be claimed.
 */
import type { AggregateBody, Explanation, HostBody } from '../api.ts'
import { BatonError } from '../kernel/errors.ts'
import { fits, NOTHING, plus, type Resources } from '../placement/amounts.ts'
import { best } from './best.ts'
import type { Demand } from './demand.ts'
import { explain, summary } from './explain.ts'
import { createFailures } from './failures.ts'
import { expecting, type HostView, viewOf } from './host-view.ts'
import type { SchedulerSettings } from './settings.ts'
import { weigh } from './weighers.ts'

/** Hosts handed out per request: the choice and its alternates. */
const ALTERNATES = 3
/** Longest time from a choice to a summary that shows its claim, ms. Counted twice for a moment does less harm than not at all. */
const SHOWN_AFTER_MS = 1000

/** What was handed out of one host lately, oldest first, and its sum. */
interface HandedOut {
  readonly recent: { readonly atMs: number; readonly of: Resources }[]
  sum: Resources
}

interface Ranked {
  readonly id: string
  readonly roomy: boolean
  readonly total: number
  readonly preference: number
}

export interface Scheduler {
  /** The newest summary of a host. */
  learn(host: HostBody): void
  learnAggregates(aggregates: readonly AggregateBody[]): void
  forget(host: string): void
  /** A build failed on this host. `key` names the failure; the same one again does not count. */
  failed(host: string, key: string): void
  /** At most `alternates` hosts, best first. Throws `NoValidHost` with the explanation as its details. */
  pick(demand: Demand, alternates?: number): { hosts: string[] }
  /** Of a few hosts of each kind, or of all. */
  explain(demand: Demand, all?: boolean): Explanation
  hosts(): readonly HostBody[]
  aggregates(): readonly AggregateBody[]
}

export function createScheduler(options: { random(): number; nowMs(): number; settings: SchedulerSettings }): Scheduler {
  const { random, nowMs, settings } = options
  const { filters, multipliers, defaults, subset } = settings
  const known = new Map<string, HostView>()
  const handedOut = new Map<string, HandedOut>()
  const failures = createFailures()
  let aggregates: readonly AggregateBody[] = []
  /** By host: one aggregate may name ten thousand. */
  let aggregatesOf: ReadonlyMap<string, readonly AggregateBody[]> = new Map()

  /** What was handed out of a host and need not have shown yet. */
  function outstanding(host: string, now: number): Resources | null {
    const lately = handedOut.get(host)
    if (!lately) return null
    for (let [oldest] = lately.recent; oldest && now - oldest.atMs >= SHOWN_AFTER_MS; [oldest] = lately.recent) {
      lately.recent.shift()
      lately.sum = plus(lately.sum, oldest.of, -1)
    }
    if (lately.recent.length > 0) return lately.sum
    handedOut.delete(host)
    return null
  }

  function handOut(host: string, { vcpus, ramMb, diskGb, custom }: Demand): void {
    const of = { vcpus, ramMb, diskGb, ...(custom ? { custom } : {}) }
    const lately: HandedOut = handedOut.get(host) ?? { recent: [], sum: NOTHING }
    lately.recent.push({ atMs: nowMs(), of })
    lately.sum = plus(lately.sum, of)
    handedOut.set(host, lately)
  }

  const isRefused = (host: HostView, demand: Demand): boolean => {
    for (const filter of filters) if (filter.refuses(host, demand) !== null) return true
    return false
  }

  function candidates(demand: Demand): HostView[] {
    const now = nowMs()
    const passed: HostView[] = []
    for (const host of known.values()) {
      if (!isRefused(host, demand)) passed.push(expecting(host, outstanding(host.id, now), failures.of(host.id, now)))
    }
    return passed
  }

  /** The best `most`, best first: room for all that was handed out, then weight, then the name. */
  function rank(hosts: readonly HostView[], demand: Demand, most: number): Ranked[] {
    const weights = weigh(hosts, demand, multipliers)
    const ranked = hosts.map((host, i): Ranked => {
      const { total, preference } = weights[i] ?? { total: 0, preference: 0 }
      return { id: host.id, roomy: fits(host.capacity, host.expected, demand), total, preference }
    })
    return best(ranked, most, (a, b) => Number(b.roomy) - Number(a.roomy) || b.total - a.total || (a.id < b.id ? -1 : 1))
  }

  const view = (host: HostBody): HostView => viewOf(host, aggregatesOf.get(host.id) ?? [], defaults)

  return {
    learn(host) {
      // A host that was deleted is nobody's choice, and no reason why nothing fits.
      if (host.state === 'gone') return void known.delete(host.id)
      known.set(host.id, view(host))
    },
    learnAggregates(all) {
      // They are read again and again, and are seldom others; each host would be looked at anew.
      if (JSON.stringify(all) === JSON.stringify(aggregates)) return
      aggregates = all
      aggregatesOf = byHost(all)
      for (const { body } of known.values()) known.set(body.id, view(body))
    },
    forget(host) {
      known.delete(host)
      handedOut.delete(host)
    },
    failed: (host, key) => failures.add(host, key, nowMs()),
    hosts: () => [...known.values()].map(({ body }) => body),
    aggregates: () => aggregates,
    explain: (demand, all) => explain([...known.values()], demand, settings, all),
    pick(demand, alternates = ALTERNATES) {
      const ranked = rank(candidates(demand), demand, Math.max(subset, alternates) + 1)
      const [first] = ranked
      if (!first) {
        const why = explain([...known.values()], demand, settings)
        throw new BatonError('NoValidHost', summary(why), { details: { ...why } })
      }
      const alike = ranked.slice(0, subset).filter(r => r.roomy === first.roomy && r.preference === first.preference).length
      const [chosen = first] = ranked.splice(Math.floor(random() * alike), 1)
      handOut(chosen.id, demand)
      return { hosts: [chosen, ...ranked].slice(0, alternates).map(r => r.id) }
    },
  }
}

function byHost(aggregates: readonly AggregateBody[]): Map<string, AggregateBody[]> {
  const known = new Map<string, AggregateBody[]>()
  for (const aggregate of aggregates) {
    for (const host of aggregate.hosts) {
      const mine = known.get(host)
      if (mine) mine.push(aggregate)
      else known.set(host, [aggregate])
    }
  }
  return known
}
