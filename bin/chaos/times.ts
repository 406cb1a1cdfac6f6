/** How long take-overs and evacuations took, by what was done to whom and by what the survivors wrote down. Pure. */
import type { Evidence } from './judge.ts'
import type { Deed } from './nemesis.ts'

export interface TakeOver {
  /** When that conductor was killed, ms since 1970. */
  readonly at: number
  /** From kill -9 to the first step that another conductor resumed. */
  readonly ms: number
  /** Other faults meanwhile, or just before: a database that is away is in this time, too. */
  readonly amid: readonly string[]
}

/** An instance was made anew on another host after its watchdog had stopped it. */
export interface Evacuation {
  readonly instance: string
  /** When it ran again, ms since 1970. */
  readonly at: number
  readonly from: string
  readonly to: string
  /** From the end of the guest on its host to its beginning on the other, when nothing of it ran. */
  readonly outageMs: number
  /** The same from the fault that cut its host off; null when no fault was at its host. */
  readonly sinceFaultMs: number | null
}

/** A take-over that comes later belongs to another fault, ms. */
const TAKE_OVER_MS = 15_000
/** What was healed so long ago is over: conductors have joined again and found each other, ms. */
const AFTERMATH_MS = 3000
const KILL = 'kill-conductor'

/** A kill whose victim had nothing under way is followed by no resumed step; what comes after the next kill is that one's. */
export function takeOverTimes(deeds: readonly Deed[], resumed: readonly number[]): TakeOver[] {
  const kills = deeds.filter(d => d.fault === KILL)
  return kills.flatMap((kill, i) => {
    const end = Math.min(kill.beganAt + TAKE_OVER_MS, kills[i + 1]?.beganAt ?? Number.POSITIVE_INFINITY)
    const first = resumed.find(at => at >= kill.beganAt && at < end)
    if (first === undefined) return []
    const amid = deeds.filter(d => d !== kill && d.beganAt <= first && d.healedAt + AFTERMATH_MS >= kill.beganAt)
    return [{ at: kill.beganAt, ms: first - kill.beganAt, amid: [...new Set(amid.map(d => d.fault))] }]
  })
}

/** In order of time. */
export function evacuationTimes(deeds: readonly Deed[], { effects, lapses }: Pick<Evidence, 'effects' | 'lapses'>): Evacuation[] {
  const arrivals = [...effects].flatMap(([host, done]) => done.filter(e => e.method === 'receive').map(e => ({ ...e, host })))
  return arrivals
    .toSorted((a, b) => a.at - b.at)
    .flatMap(({ instance, host, at }) => {
      const lapse = lapses.filter(l => l.instance === instance && l.at <= at).toSorted((a, b) => b.at - a.at)[0]
      if (!lapse || lapse.host === host) return []
      const fault = deeds.find(d => d.victim === lapse.host && d.beganAt <= lapse.at && d.healedAt > lapse.at)
      return [{ instance, at, from: lapse.host, to: host, outageMs: at - lapse.at, sinceFaultMs: fault ? at - fault.beganAt : null }]
    })
}

export function takeOverFigures(takeOvers: readonly TakeOver[]): string {
  const alone = takeOvers.filter(t => t.amid.length === 0).map(t => t.ms)
  return `${figures(takeOvers.map(t => t.ms))}; while nothing else was wrong ${figures(alone)}`
}

export function evacuationFigures(evacuations: readonly Evacuation[]): string {
  const sinceFault = evacuations.flatMap(e => e.sinceFaultMs ?? [])
  return `${figures(evacuations.map(e => e.outageMs))} without a running guest; since their host was cut off ${figures(sinceFault)}`
}

const figures = (times: readonly number[]): string =>
  times.length === 0 ? 'none' : `${times.length}, p50 ${percentile(times, 0.5)} ms, p99 ${percentile(times, 0.99)} ms`

/** The smallest of the values that is not below this share of them. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? 0
}
