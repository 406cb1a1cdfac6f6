/** What the seeds have reached: faults, operations and their ends, steps, error codes, and the lines of the code under test. */
import { readFileSync } from 'node:fs'
import { type Profiler, Session } from 'node:inspector/promises'
import { relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ERRORS } from '../../actors/kernel/errors.ts'
import { catalogue } from '../../actors/operation/catalogue/index.ts'
import { FAULT_KINDS } from './faults/index.ts'
import type { SimResult } from './run.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const FOLDERS = /^(?:actors|supervisors)\//

/** Lines never reached, by file. */
export type Unreached = Readonly<Record<string, readonly number[]>>

/** Begins to note which code runs; what comes back tells what did not so far. */
export async function startCoverage(): Promise<() => Promise<Unreached>> {
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  const never = new Map<string, Set<number>>()
  return async () => {
    // Counters begin anew with each look: what was reached before stays reached.
    const { result } = await session.post('Profiler.takePreciseCoverage')
    for (const script of result) {
      const path = script.url.startsWith('file:') ? relative(ROOT, fileURLToPath(script.url)) : ''
      if (!FOLDERS.test(path)) continue
      const lines = unreachedLines(readFileSync(resolve(ROOT, path), 'utf8'), script)
      const before = never.get(path)
      never.set(path, before ? both(before, lines) : lines)
    }
    return Object.fromEntries([...never].map(([path, lines]) => [path, [...lines]]))
  }
}

const both = (a: ReadonlySet<number>, b: ReadonlySet<number>): Set<number> => new Set([...a].filter(line => b.has(line)))

/** Types are stripped by blanks, so that places in the running code are places in the source. Inner ranges say more than those around them. */
function unreachedLines(source: string, { functions }: Profiler.ScriptCoverage): Set<number> {
  const ran = new Uint8Array(source.length).fill(1)
  const ranges = functions.flatMap(f => f.ranges).sort((a, b) => b.endOffset - b.startOffset - (a.endOffset - a.startOffset))
  for (const { startOffset, endOffset, count } of ranges) ran.fill(count > 0 ? 1 : 0, startOffset, endOffset)
  const lines = new Set<number>()
  let at = 0
  for (const [i, line] of source.split('\n').entries()) {
    const first = at + line.search(/\S/)
    if (/[a-z]/i.test(line) && !/^\s*(?:\/?\*|\/\/)/.test(line) && ran[first] === 0) lines.add(i + 1)
    at += line.length + 1
  }
  return lines
}

export interface Reached {
  add(result: SimResult): void
  /** A worker's last word about lines. */
  addLines(unreached: Unreached): void
  tables(): string[]
}

export function createReached(): Reached {
  const counts = { faults: new Map<string, number>(), ends: new Map<string, number>(), steps: new Map<string, number>() }
  const codes = new Set<string>()
  const lines = new Map<string, Set<number>>()
  const count = (map: Map<string, number>, more: Readonly<Record<string, number>>): void => {
    for (const [key, n] of Object.entries(more)) map.set(key, (map.get(key) ?? 0) + n)
  }
  const list = (map: Map<string, number>): string =>
    [...map]
      .sort()
      .map(([key, n]) => `${key} ${n}`)
      .join(', ')

  /** Every step of every operation, both ways where it has an undo. */
  const allSteps = [...catalogue()].flatMap(([kind, { steps }]) =>
    steps.flatMap(s => [`${kind}.${s.name} do`, ...(s.undo ? [`${kind}.${s.name} undo`] : [])]),
  )
  const missing = (all: readonly string[], seen: { has(key: string): boolean }): string => all.filter(key => !seen.has(key)).join(', ') || 'none'

  return {
    add(result) {
      count(counts.faults, result.strikes)
      count(counts.ends, result.ended)
      count(counts.steps, result.steps)
      for (const code of result.codes) codes.add(code)
    },
    addLines(unreached) {
      for (const [path, never] of Object.entries(unreached)) {
        const before = lines.get(path)
        lines.set(path, before ? both(before, new Set(never)) : new Set(never))
      }
    },
    tables() {
      const interrupted = [...counts.steps].filter(([key]) => key.includes('+')).length
      const byFile = [...lines].filter(([, never]) => never.size > 0).sort((a, b) => b[1].size - a[1].size)
      return [
        `faults: ${list(counts.faults)}`,
        `  never: ${missing(FAULT_KINDS, counts.faults)}`,
        `operations: ${list(counts.ends)}`,
        `steps: ${allSteps.filter(s => counts.steps.has(s)).length} of ${allSteps.length}`,
        `  never: ${missing(allSteps, counts.steps)}`,
        `steps under way when a fault struck: ${interrupted} pairs of step and fault`,
        `error codes that clients and operations met: ${[...codes].sort().join(', ')}`,
        `  of ${Object.keys(ERRORS).length} in the table`,
        `lines of actors/ and supervisors/ never reached: ${byFile.reduce((sum, [, never]) => sum + never.size, 0)}`,
        ...byFile.slice(0, 40).map(
          ([path, never]) =>
            `  ${path} ${never.size}: ${[...never]
              .sort((a, b) => a - b)
              .slice(0, 16)
              .join(' ')}`,
        ),
      ]
    },
  }
}
