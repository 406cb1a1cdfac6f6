/** The runner, run on files that go wrong in every way it guards against. The files are in test/fixtures/runner. */
import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Ending, judge, summaryOf, unrunSuites } from './judge.ts'
import { isRunning } from './processes.ts'

const ROOT = resolve(import.meta.dirname, '../../..')
const FIXTURES = 'test/fixtures/runner'

interface Run {
  readonly exitCode: number | null
  readonly output: string
  readonly lastLine: string
}

function run(args: readonly string[], env: Record<string, string> = {}): Run {
  const clean = { ...process.env, BATON_TEST_RUN: undefined, BATON_CI: undefined, CI: undefined }
  const { status, stdout } = spawnSync(process.execPath, ['test/run.ts', ...args], {
    cwd: ROOT,
    encoding: 'utf8',
    timeout: 45_000,
    env: { ...clean, ...env },
  })
  return { exitCode: status, output: stdout, lastLine: stdout.trimEnd().split('\n').at(-1) ?? '' }
}

const all = run([FIXTURES])

/** The report on one fixture: its line and the reasons below it. */
function reportOf(name: string): string {
  const lines = all.output.split('\n')
  const at = lines.findIndex(line => line.includes(`${FIXTURES}/${name}.test.ts`))
  const rest = lines.slice(at + 1)
  const end = rest.findIndex(line => !line.startsWith('     ') || line.startsWith('     |'))
  return [lines[at], ...rest.slice(0, end)].join('\n')
}

const GUARDED: readonly (readonly [string, RegExp])[] = [
  ['fails', /^FAIL .* 1 passed, 1 failed/],
  ['no-run', /never calls `test\.run\(\)`/],
  ['late-test', /has tests after its last `test\.run\(\)`/],
  ['zero-tests', /ran no test/],
  ['after-each-throws', /2 failed .*\n.*a hook threw/],
  ['before-throws', /1 failed .*\n.*a hook threw/],
  ['after-throws', /without the summary/],
  ['exits-early', /without the summary/],
  ['hangs', /did not end within 1\.5 s and was killed/],
  ['leaves-handle', /did not end after its tests; still open: Timeout/],
  ['leaves-process', /left processes behind, now killed: \d+ sleep 600/],
]

for (const [name, reason] of GUARDED) {
  test(`${name} fails`, () => {
    assert.match(reportOf(name), /^FAIL/)
    assert.match(reportOf(name), reason)
  })
}

test('a good file passes, and a skipped test is counted with its reason', () => {
  assert.match(reportOf('good'), /^ok .* 1 passed, 1 skipped/)
  assert.match(reportOf('good'), /skipped: nothing to test here/)
})

test('processes that a test leaves are ended, even those that left its group', () => {
  const children = [...all.output.matchAll(/^ {5}\| child (\d+)$/gm)].map(m => Number(m[1]))
  assert.is(children.length, 2)
  for (const pid of children) assert.not(isRunning(pid))
})

test('the last line is the sum, and the exit code says that something failed', () => {
  assert.is(all.lastLine, '5 passed, 12 failed, 2 skipped')
  assert.is(all.exitCode, 1)
})

test('all is well: exit code 0', () => {
  const good = run([`${FIXTURES}/good.test.ts`])
  assert.is(good.lastLine, '1 passed, 0 failed, 1 skipped')
  assert.is(good.exitCode, 0)
})

test('nothing was run: exit code 1', () => {
  const none = run(['no/such/file'])
  assert.is(none.lastLine, '0 passed, 0 failed, 0 skipped')
  assert.is(none.exitCode, 1)
})

test('what CI installs may not be skipped there', () => {
  assert.match(reportOf('skips-in-ci'), /^ok .* 1 skipped/)
  const inCi = run([`${FIXTURES}/skips-in-ci.test.ts`], { BATON_CI: '1' })
  assert.is(inCi.lastLine, '0 passed, 1 failed, 0 skipped')
  assert.match(inCi.output, /must not be skipped in CI: not installed/)
})

const ending = (change: Partial<Ending>): Ending => ({
  source: '',
  output: '\n  Total:     2\n  Passed:    2\n  Skipped:   0\n  Duration:  1.0ms\n\n',
  exitCode: 0,
  signal: null,
  timedOutMs: null,
  leftHandles: null,
  leftProcesses: [],
  ...change,
})

test('passing tests with a failing process are a failure', () => {
  assert.is(judge(ending({})).failed, 0)
  assert.is(judge(ending({ exitCode: 7 })).failed, 1)
  assert.is(judge(ending({ exitCode: null, signal: 'SIGSEGV' })).failed, 1)
  assert.is(judge(ending({ output: '' })).failed, 1)
})

test('only the last summary counts, and text like it does not', () => {
  assert.is(summaryOf('Total: 3'), null)
  assert.equal(summaryOf(`${ending({}).output}more\n  Total:     9\n  Passed:    8\n  Skipped:   1\n  Duration:  1ms`), {
    total: 9,
    passed: 8,
    skipped: 1,
  })
})

test('suites that are not run are found in the source', () => {
  assert.equal(unrunSuites("const a = suite('a')\na('x', () => {})\na.run()\n"), [])
  assert.equal(unrunSuites("const a = suite('a')\nconst b = suite('b')\na('x', f)\nb('y', f)\na.run()\n"), ['never calls `b.run()`'])
})

test.run()
