/**
 * The test runner: `node test/run.ts [PATH...]`, where a path is a file, a folder or part of a name. Each file runs in its own
 * process, so that one that hangs, crashes or leaves something behind is known by its name and harms no other; `schedule.ts` says which
 * run beside each other. The last line is always `N passed, N failed, N skipped`, and the exit code 1 when anything failed or nothing was run.
 */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { discover, rulesOf, type TestFile } from './support/runner/discover.ts'
import { judge } from './support/runner/judge.ts'
import { type Cost, costsByFolder, indent, lineOf } from './support/runner/report.ts'
import { endEverything, runFile } from './support/runner/run-file.ts'
import { nextStart, type Start } from './support/runner/schedule.ts'

const ROOT = resolve(import.meta.dirname, '..')

interface Tally {
  passed: number
  failed: number
  skipped: number
  readonly costs: Map<TestFile, Cost>
}

async function runAll(files: readonly TestFile[]): Promise<Tally> {
  const tally: Tally = { passed: 0, failed: 0, skipped: 0, costs: new Map() }
  const left = new Set(files)
  const running = new Map<TestFile, Promise<void>>()
  const runOne = async ({ file, niceness }: Start): Promise<void> => {
    const ending = await runFile(ROOT, file, readFileSync(resolve(ROOT, file.path), 'utf8'), niceness)
    const verdict = judge(ending)
    tally.passed += verdict.passed
    tally.failed += verdict.failed
    tally.skipped += verdict.skipped
    tally.costs.set(file, ending)
    process.stdout.write(lineOf(file, verdict, ending))
    if (verdict.failed > 0) process.stdout.write(indent(ending.output))
    running.delete(file)
  }
  while (left.size + running.size > 0) {
    for (let start = nextStart([...left], [...running.keys()]); start; start = nextStart([...left], [...running.keys()])) {
      left.delete(start.file)
      running.set(start.file, runOne(start))
    }
    await Promise.race(running.values())
  }
  return tally
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    endEverything()
    process.exit(1)
  })
}

const paths = discover(ROOT, process.argv.slice(2))
const { passed, failed, skipped, costs } = await runAll(paths.map(path => rulesOf(path, readFileSync(resolve(ROOT, path), 'utf8'))))
if (passed + failed === 0) process.stdout.write(paths.length === 0 ? 'no test file matches\n' : 'no test was run\n')
if (costs.size > 1) process.stdout.write(`${costsByFolder(costs)}all in ${(performance.now() / 1000).toFixed(0)} s\n`)
process.stdout.write(`${passed} passed, ${failed} failed, ${skipped} skipped\n`)
process.exitCode = failed > 0 || passed === 0 ? 1 : 0
