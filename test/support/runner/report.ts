/** What the runner prints: a line for each file, with the reasons when it failed, and in the end where the time went. */
import type { TestFile } from './discover.ts'
import type { Verdict } from './judge.ts'

/** What a file took. */
export interface Cost {
  readonly tookMs: number
  /** Time on a processor, of the file's process and of all whose end was waited for; null when it was killed, or the system does not say. */
  readonly cpuMs: number | null
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

export function lineOf({ path }: TestFile, verdict: Verdict, { tookMs, cpuMs }: Cost): string {
  const counts = [
    `${verdict.passed} passed`,
    ...(verdict.failed > 0 ? [`${verdict.failed} failed`] : []),
    ...(verdict.skipped > 0 ? [`${verdict.skipped} skipped`] : []),
  ]
  const cost = cpuMs === null ? seconds(tookMs) : `${seconds(tookMs)}, cpu ${seconds(cpuMs)}`
  const lines = [
    `${verdict.failed > 0 ? 'FAIL' : 'ok  '} ${path}  ${counts.join(', ')}  (${cost})`,
    ...verdict.problems.map(problem => `     ${problem}`),
    ...verdict.skipReasons.map(reason => `     skipped: ${reason}`),
  ]
  return `${lines.join('\n')}\n`
}

export const indent = (output: string): string => output.replace(/^(?=.)/gm, '     | ').replace(/\n?$/, '\n')

/** A line for each folder, the longest first. */
export function costsByFolder(costs: ReadonlyMap<TestFile, Cost>): string {
  const folders = Map.groupBy(costs, ([{ path }]) => path.slice(0, path.lastIndexOf('/')))
  const rows = [...folders].map(([folder, entries]) => ({
    ...{ folder, files: entries.length },
    tookMs: entries.reduce((sum, [, cost]) => sum + cost.tookMs, 0),
    cpuMs: entries.reduce((sum, [, cost]) => sum + (cost.cpuMs ?? 0), 0),
  }))
  return rows
    .toSorted((a, b) => b.tookMs - a.tookMs)
    .map(({ folder, files, tookMs, cpuMs }) => `${folder}: ${files} files, ${seconds(tookMs)} one after the other, cpu ${seconds(cpuMs)}\n`)
    .join('')
}
