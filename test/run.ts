/**
 * The test runner: `node test/run.ts [PATH...]`, where a path is a file, a folder or part of a name. Each file runs in its own
 * process; two at a time, but those in test/chaos alone. The last line is always
 * `N passed, N failed, N skipped`, and the exit code 1 when anything failed or nothing was run.
 */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { discover, rulesOf, type TestFile } from './support/runner/discover.ts'
import { judge, type Verdict } from './support/runner/judge.ts'
import { endEverything, runFile } from './support/runner/run-file.ts'

const ROOT = resolve(import.meta.dirname, '..')
const AT_ONCE = 2

interface Tally {
  passed: number
  failed: number
  skipped: number
}

async function runAll(files: readonly TestFile[]): Promise<Tally> {
  const tally: Tally = { passed: 0, failed: 0, skipped: 0 }
  const runOne = async (file: TestFile): Promise<void> => {
    const ending = await runFile(ROOT, file, readFileSync(resolve(ROOT, file.path), 'utf8'))
    const verdict = judge(ending)
    tally.passed += verdict.passed
    tally.failed += verdict.failed
    tally.skipped += verdict.skipped
    process.stdout.write(lineOf(file, verdict, ending.tookMs))
    if (verdict.failed > 0) process.stdout.write(indent(ending.output))
  }
  const shared = files.filter(f => !f.alone).values()
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const file of shared) await runOne(file)
    }),
  )
  for (const file of files.filter(f => f.alone)) await runOne(file)
  return tally
}

function lineOf(file: TestFile, verdict: Verdict, tookMs: number): string {
  const counts = [
    `${verdict.passed} passed`,
    ...(verdict.failed > 0 ? [`${verdict.failed} failed`] : []),
    ...(verdict.skipped > 0 ? [`${verdict.skipped} skipped`] : []),
  ]
  const lines = [
    `${verdict.failed > 0 ? 'FAIL' : 'ok  '} ${file.path}  ${counts.join(', ')}  (${(tookMs / 1000).toFixed(1)} s)`,
    ...verdict.problems.map(problem => `     ${problem}`),
    ...verdict.skipReasons.map(reason => `     skipped: ${reason}`),
  ]
  return `${lines.join('\n')}\n`
}

const indent = (output: string): string => output.replace(/^(?=.)/gm, '     | ').replace(/\n?$/, '\n')

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    endEverything()
    process.exit(1)
  })
}

const paths = discover(ROOT, process.argv.slice(2))
const tally = await runAll(paths.map(path => rulesOf(path, readFileSync(resolve(ROOT, path), 'utf8'))))
if (tally.passed + tally.failed === 0) process.stdout.write(paths.length === 0 ? 'no test file matches\n' : 'no test was run\n')
process.stdout.write(`${tally.passed} passed, ${tally.failed} failed, ${tally.skipped} skipped\n`)
process.exitCode = tally.failed > 0 || tally.passed === 0 ? 1 : 0
