/**
 * Why a choice fell as it did: pure. Of every host it says which filters refuse it and with which numbers, and of those that lack
 * least it says what would have to change.
 */
import type { Explanation, HostVerdict } from '../api.ts'
import { wantedText } from '../placement/amounts.ts'
import type { Demand } from './demand.ts'
import type { Filter } from './filters.ts'
import type { HostView } from './host-view.ts'
import { type Multipliers, weigh } from './weighers.ts'

/** Hosts in an explanation that is not of all, and changes it proposes. */
const SOME_HOSTS = 10
const NEAREST = 3

interface Refused {
  readonly host: HostView
  readonly by: readonly { readonly filter: Filter; readonly reason: string }[]
  readonly cost: number
}

function judge(host: HostView, demand: Demand, filters: readonly Filter[]): Refused {
  const by = filters.flatMap(filter => {
    const reason = filter.refuses(host, demand)
    return reason === null ? [] : [{ filter, reason }]
  })
  return { host, by, cost: by.reduce((sum, { filter }) => sum + filter.cost(host, demand), 0) }
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
  const fit = fitting
    .map((host, i): HostVerdict => ({ host: host.id, fits: true, weight: weights[i]?.total ?? 0, refusals: [] }))
    .sort((a, b) => (b.weight ?? 0) - (a.weight ?? 0) || byText(a.host, b.host))
  const refused = judged.filter(({ by }) => by.length > 0).sort((a, b) => a.cost - b.cost || byText(a.host.id, b.host.id))
  const refusedBy: Record<string, number> = {}
  for (const { by } of refused) {
    const name = by[0]?.filter.name ?? ''
    refusedBy[name] = (refusedBy[name] ?? 0) + 1
  }
  const verdicts = [...(all ? fit : fit.slice(0, SOME_HOSTS)), ...(all ? refused : refused.slice(0, SOME_HOSTS)).map(verdictOf)]
  return { hosts: hosts.length, fitting: fit.length, wanted: wantedText(demand), refusedBy, verdicts, nearest: nearest(fit, refused, demand) }
}

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

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** One sentence, for the fault of a build that found no host. */
export function summary({ hosts, wanted, refusedBy, nearest: [first] }: Explanation): string {
  if (hosts === 0) return 'no compute host has reported yet'
  const counted = Object.entries(refusedBy).map(([name, count]) => `${count} by ${name}`)
  return `no host of ${hosts} fits ${wanted}: refused ${counted.join(', ')}${first === undefined ? '' : `. Nearest: ${first}`}`
}
