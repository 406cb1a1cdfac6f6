/** One run of chaos: the stage is set, clients work while the nemesis does its worst, all is healed, and the judge speaks. */

import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Note, work } from './clients.ts'
import { gather, resumedAt } from './evidence.ts'
import type { Chance, Fault } from './faults/fault.ts'
import { judge, type Violation } from './judge.ts'
import { type Deed, unleash } from './nemesis.ts'
import { setStage } from './stage.ts'
import { type Evacuation, evacuationTimes, type TakeOver, takeOverTimes } from './times.ts'

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

export interface ChaosResult {
  readonly seed: number
  readonly beganAt: number
  readonly endedAt: number
  readonly deeds: readonly Deed[]
  readonly notes: readonly Note[]
  readonly violations: readonly Violation[]
  /** In order of time; kills of a conductor that found nothing to resume are left out. */
  readonly takeOvers: readonly TakeOver[]
  readonly evacuations: readonly Evacuation[]
  /** What the cluster left behind, when it was to be kept and a rule was broken. */
  readonly kept: string | null
  /** Faults that could not be made here. */
  readonly leftOut: readonly string[]
}

const LATENCY_MS = 150

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
    const evacuations = evacuationTimes(deeds, evidence)
    const kept = keep && violations.length > 0 ? stage.keep() : null
    return { seed, beganAt, endedAt: Date.now(), deeds, notes, violations, takeOvers, evacuations, leftOut, kept }
  } finally {
    await stage.close()
  }
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
    fork: () => chanceOf(Math.floor(next() * 2 ** 32)),
  }
}
