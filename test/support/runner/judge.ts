/**
 * What the end of a test file means. uvu is trusted with nothing but its assertions: it can exit with 0 although a hook
 * threw, nothing was run, or half of the tests were never reached. So a file passes only when everything says so.
 */
import { SKIP_MARK } from '../skip.ts'

/** How the child process of a test file ended. */
export interface Ending {
  /** Text of the test file itself. */
  readonly source: string
  /** Standard output and error, as they came. */
  readonly output: string
  readonly exitCode: number | null
  readonly signal: string | null
  /** Null, or the limit that was passed. */
  readonly timedOutMs: number | null
  /** What kept the process alive after its tests had ended, or null when it ended by itself. */
  readonly leftHandles: readonly string[] | null
  /** Processes that outlived the file, as `pid command`. */
  readonly leftProcesses: readonly string[]
}

export interface Verdict {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  readonly skipReasons: readonly string[]
  /** Why the file failed, beyond what its own output says. */
  readonly problems: readonly string[]
}

interface Summary {
  readonly total: number
  readonly passed: number
  readonly skipped: number
}

/** uvu's last words, or null when it never got there. */
export function summaryOf(output: string): Summary | null {
  const found = [...output.matchAll(/^ {2}Total: +(\d+)\n {2}Passed: +(\d+)\n {2}Skipped: +(\d+)\n {2}Duration: /gm)].at(-1)
  return found ? { total: Number(found[1]), passed: Number(found[2]), skipped: Number(found[3]) } : null
}

/** Passed, failed and skipped tests of one file. Any problem makes at least one failure. */
export function judge(ending: Ending): Verdict {
  const summary = summaryOf(ending.output)
  const skipReasons = [...ending.output.matchAll(new RegExp(`^${SKIP_MARK} (.*)$`, 'gm'))].map(m => m[1] ?? '')
  const problems = problemsOf(ending, summary)
  const skipped = Math.min(skipReasons.length, summary?.passed ?? 0)
  return {
    passed: (summary?.passed ?? 0) - skipped,
    failed: Math.max((summary?.total ?? 0) - (summary?.passed ?? 0), problems.length > 0 ? 1 : 0),
    skipped: skipped + (summary?.skipped ?? 0),
    skipReasons,
    problems,
  }
}

function problemsOf(ending: Ending, summary: Summary | null): string[] {
  const problems = unrunSuites(ending.source)
  const failed = summary === null ? 0 : summary.total - summary.passed
  if (ending.timedOutMs !== null) problems.push(`did not end within ${ending.timedOutMs / 1000} s and was killed`)
  else if (summary === null) problems.push(`ended (${endedBy(ending)}) without the summary of its tests`)
  else if (ending.exitCode === 0 && failed > 0)
    problems.push(`${failed} of ${summary.total} tests did not pass, but no failure was reported: a hook threw`)
  else if (ending.exitCode !== 0 && failed === 0 && ending.leftHandles === null)
    problems.push(`ended with ${endedBy(ending)} although no test failed`)
  if (summary !== null && summary.total + summary.skipped === 0) problems.push('ran no test')
  if (ending.leftHandles !== null) problems.push(`did not end after its tests; still open: ${ending.leftHandles.join(', ') || 'unknown'}`)
  if (ending.leftProcesses.length > 0) problems.push(`left processes behind, now killed: ${ending.leftProcesses.join('; ')}`)
  return problems
}

const endedBy = (ending: Ending): string => (ending.signal === null ? `exit code ${ending.exitCode}` : ending.signal)

/** Suites of a test file that are never run, or that get tests after their last `.run()`. */
export function unrunSuites(source: string): string[] {
  const own = [...source.matchAll(/\b(?:const|let)\s+(\w+)\s*=\s*suite\b/g)].map(m => m[1] ?? '')
  const imported = /import\s*\{[^}]*\btest\b[^}]*\}\s*from\s*'uvu'/.test(source) ? ['test'] : []
  return [...imported, ...own].flatMap(name => {
    const lastTest = source.search(new RegExp(`^[ \\t]*${name}(?:\\.skip|\\.only)?\\((?![\\s\\S]*^[ \\t]*${name}(?:\\.skip|\\.only)?\\()`, 'm'))
    const lastRun = source.lastIndexOf(`${name}.run()`)
    if (lastRun < 0) return [`never calls \`${name}.run()\``]
    return lastTest > lastRun ? [`has tests after its last \`${name}.run()\``] : []
  })
}
