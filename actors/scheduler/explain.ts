/**
 * Why a choice fell as it did: pure. Of every host it says which filters refuse it and with which numbers, and of those that lack
 * least it says what would have to change.
 */
import type { Explanation, HostVerdict } from '../api.ts'
import { wantedText } from '../placement/amounts.ts'
import { best } from './best.ts'
import type { Demand } from './demand.ts'
import type { Filter } from './filters.ts'
import type { HostView } from './host-view.ts'
import { type Multipliers, weigh } from './weighers.ts'

/** Hosts in an explanation that is not of all, and changes it proposes. */
const SOME_HOSTS = 10
const NEAREST = 3
/** Of the hosts that lack least, so many are asked for a change that would make them fit. */
const LOOKED_AT = 64

interface Refused {
  readonly host: HostView
  readonly by: readonly { readonly filter: Filter; readonly reason: string }[]
  readonly cost: number
}

function judge(host: HostView, demand: Demand, filters: readonly Filter[]): Refused {
  const by: { filter: Filter; reason: string }[] = []
  let cost = 0
  for (const filter of filters) {
    const reason = filter.refuses(host, demand)
    if (reason === null) continue
    by.push({ filter, reason })
    cost += filter.cost(host, demand)
  }
  return { host, by, cost }
}

/** What would make this host fit: every refusal's remedy; null when one has none. */
function remedyOf({ host, by }: Refused, demand: Demand): string | null {
  const remedies = by.map(({ filter }) => filter.remedy(host, demand))
  return remedies.every(remedy => remedy !== null) ? remedies.join('; and ') : null
}

export function explain(
  hosts: readonly HostView[],
  demand: Demand,
  { filters, multipliers }: { filters: readonly Filter[]; multipliers: Multipliers },
  all = false,
): Explanation {
  const judged = hosts.map(host => judge(host, demand, filters))
  const fitting = judged.filter(({ by }) => by.length === 0).map(({ host }) => host)
  const weights = weigh(fitting, demand, multipliers)
  const fit = first(
    fitting.map((host, i): HostVerdict => ({ host: host.id, fits: true, weight: weights[i]?.total ?? 0, refusals: [] })),
    all ? fitting.length : SOME_HOSTS,
    (a, b) => (b.weight ?? 0) - (a.weight ?? 0) || byText(a.host, b.host),
  )
  const others = judged.filter(({ by }) => by.length > 0)
  const refused = first(others, all ? others.length : LOOKED_AT, byCost)
  const verdicts = [...fit, ...(all ? refused : refused.slice(0, SOME_HOSTS)).map(verdictOf)]
  return {
    hosts: hosts.length,
    fitting: fitting.length,
    wanted: wantedText(demand),
    refusedBy: countReasons(others),
    verdicts,
    nearest: nearest(fit, refused, demand),
  }
}

/** How many each filter was the first to refuse; first the filter of the host that lacks least. */
function countReasons(refused: readonly Refused[]): Record<string, number> {
  const counts = new Map<string, { n: number; least: Refused }>()
  for (const one of refused) {
    const name = one.by[0]?.filter.name ?? ''
    const known = counts.get(name)
    if (!known) counts.set(name, { n: 1, least: one })
    else {
      known.n++
      if (byCost(one, known.least) < 0) known.least = one
    }
  }
  return Object.fromEntries([...counts].sort(([, a], [, b]) => byCost(a.least, b.least)).map(([name, { n }]) => [name, n]))
}

/** The first in an order; all of them are sorted, a few of many are picked. */
const first = <T>(things: readonly T[], most: number, compare: (a: T, b: T) => number): T[] =>
  most < things.length ? best(things, most, compare) : things.toSorted(compare)

function nearest(fit: readonly HostVerdict[], refused: readonly Refused[], demand: Demand): string[] {
  const changes: string[] = []
  if (fit.length > 0) return changes
  for (const one of refused) {
    const remedy = remedyOf(one, demand)
    if (remedy !== null) changes.push(remedy)
    if (changes.length === NEAREST) break
  }
  return changes
}

const verdictOf = ({ host, by }: Refused): HostVerdict => ({
  host: host.id,
  fits: false,
  weight: null,
  refusals: by.map(({ filter, reason }) => ({ filter: filter.name, reason })),
})

const byCost = (a: Refused, b: Refused): number => a.cost - b.cost || byText(a.host.id, b.host.id)

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** One sentence, for the fault of a build that found no host. */
export function summary({ hosts, wanted, refusedBy, nearest: [first] }: Explanation): string {
  if (hosts === 0) return 'no compute host has reported yet'
  const counted = Object.entries(refusedBy).map(([name, count]) => `${count} by ${name}`)
  return `no host of ${hosts} fits ${wanted}: refused ${counted.join(', ')}${first === undefined ? '' : `. Nearest: ${first}`}`
}
