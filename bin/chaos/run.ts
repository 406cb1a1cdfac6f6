/** One run of chaos: the stage is set, clients work while the nemesis does its worst, all is healed, and the judge speaks. */

import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Note, work } from './clients.ts'
import { gather, resumedAt } from './evidence.ts'
import type { Chance, Fault } from './faults/fault.ts'
import { evacuations, judge, type Violation } from './judge.ts'
import { type Deed, unleash } from './nemesis.ts'
import { setStage } from './stage.ts'

export interface ChaosOptions {
  readonly seconds: number
  readonly seed: number
  readonly faults: readonly Fault[]
  readonly conductors: number
  readonly computes: number
  readonly clients: number
  /** Whether logs, hosts and the clients' notes stay when a rule was broken. */
  readonly keep: boolean
  readonly say: (line: string) => void
  readonly onDeed: (deed: Deed) => void
  readonly onNote: (note: Note) => void
}

export interface TakeOver {
  /** From kill -9 to the first step that another conductor resumed. */
  readonly ms: number
  /** Nothing else was wrong meanwhile: another fault, such as a database that is away, would be in this time too. */
  readonly alone: boolean
}

export interface ChaosResult {
  readonly seed: number
  readonly beganAt: number
  readonly endedAt: number
  readonly deeds: readonly Deed[]
  readonly notes: readonly Note[]
  readonly violations: readonly Violation[]
  /** In order of time; kills of a conductor that found nothing to resume are left out. */
  readonly takeOvers: readonly TakeOver[]
  /** Instances that were made anew on another host because theirs was lost. */
  readonly evacuated: number
  /** What the cluster left behind, when it was to be kept and a rule was broken. */
  readonly kept: string | null
  /** Faults that could not be made here. */
  readonly leftOut: readonly string[]
}

const LATENCY_MS = 150
/** A take-over that comes later belongs to another fault, ms. */
const TAKE_OVER_MS = 15_000
/** What was healed so long ago is over: conductors have joined again and found each other, ms. */
const AFTERMATH_MS = 3000
const KILL = 'kill-conductor'

export async function runChaos(options: ChaosOptions, signal: AbortSignal): Promise<ChaosResult> {
  const { seconds, seed, conductors, computes, clients, keep, say } = options
  const stage = await setStage({ conductors, computes, latencyMs: LATENCY_MS, say })
  try {
    const notes: Note[] = []
    const history = join(stage.folder, 'history.jsonl')
    const faults = options.faults.filter(f => stage.network !== null || !f.network)
    const beganAt = Date.now()
    const over = AbortSignal.any([signal, AbortSignal.timeout(seconds * 1000)])
    const onNote = (note: Note): void => {
      notes.push(note)
      appendFileSync(history, `${JSON.stringify(note)}\n`)
      options.onNote(note)
    }
    const chance = chanceOf(seed)
    const working = work({ endpoint: stage.endpoint, count: clients, chance: chanceOf(seed + 1), onNote }, over)
    const [deeds] = await Promise.all([unleash({ stage, faults, chance, onDeed: options.onDeed }, over), working])
    say('all is healed; waiting until the cluster is quiet')
    const evidence = await gather(stage.endpoint, stage.folder, notes)
    const violations = judge(evidence)
    const leftOut = options.faults.filter(f => !faults.includes(f)).map(f => f.name)
    const takeOvers = takeOverTimes(deeds, await resumedAt(stage.folder))
    const kept = keep && violations.length > 0 ? stage.keep() : null
    return { seed, beganAt, endedAt: Date.now(), deeds, notes, violations, takeOvers, evacuated: evacuations(evidence), leftOut, kept }
  } finally {
    await stage.close()
  }
}

/** A kill whose victim had nothing under way is followed by no resumed step; what comes after the next kill is that one's. */
export function takeOverTimes(deeds: readonly Deed[], resumed: readonly number[]): TakeOver[] {
  const kills = deeds.filter(d => d.fault === KILL)
  return kills.flatMap((kill, i) => {
    const end = Math.min(kill.beganAt + TAKE_OVER_MS, kills[i + 1]?.beganAt ?? Number.POSITIVE_INFINITY)
    const first = resumed.find(at => at >= kill.beganAt && at < end)
    if (first === undefined) return []
    const alone = deeds.every(d => d === kill || d.beganAt > first || d.healedAt + AFTERMATH_MS < kill.beganAt)
    return [{ ms: first - kill.beganAt, alone }]
  })
}

/** Mulberry32: small, and the same everywhere. */
export function chanceOf(seed: number): Chance {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let x = Math.imul(state ^ (state >>> 15), state | 1)
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    next,
    between: ([least, most]) => least + next() * (most - least),
    of: items => items[Math.floor(next() * items.length)],
  }
}
