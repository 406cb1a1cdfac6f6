/** The command line itself: parsing, help, completion, exit codes, and what a command loads. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { OperationBody } from '../../actors/api.ts'
import { ERRORS } from '../../actors/kernel/errors.ts'
import { refusal } from '../../bin/client/http.ts'
import { COMMANDS, GROUPS } from '../../bin/commands.ts'
import { exitCodeOf } from '../../bin/exit.ts'
import { SHELLS } from '../../bin/output/completion.ts'
import { operationLine, progress, summaryLine } from '../../bin/output/progress.ts'
import { faultText } from '../../bin/output/report.ts'
import { duration, table } from '../../bin/output/table.ts'
import { shown } from '../support/hooks.ts'

const BATON = resolve(import.meta.dirname, '../../bin/baton')
const folder = mkdtempSync(join(tmpdir(), 'baton-cli-'))
test.after(shown(() => rmSync(folder, { recursive: true })))

const run = (command: string, args: readonly string[], env: Record<string, string> = {}) =>
  spawnSync(command, args, { cwd: folder, encoding: 'utf8', timeout: 30_000, env: { PATH: process.env.PATH ?? '', ...env } })

const baton = (args: string, env: Record<string, string> = {}) => run(BATON, args === '' ? [] : args.split(' '), env)

/** What a client command has no business to load: the server's folders, and packages other than the CLI's own. */
const SERVER_SIDE = new RegExp(
  '/(supervisors|transport|persistence)/' +
    '|node_modules/(?!commander|cli-table3|string-width|strip-ansi|ansi-regex|emoji-regex|is-fullwidth|@colors)',
)

test('the launcher always takes the packaged Node, also through links and with another node first in PATH', () => {
  const link = join(folder, 'baton')
  symlinkSync(BATON, link)
  writeFileSync(join(folder, 'node'), '#!/bin/sh\necho wrong node >&2; exit 9\n', { mode: 0o755 })
  const { status, stdout } = run(link, ['--version'], { PATH: `${folder}:${process.env.PATH}` })
  assert.is(status, 0)
  assert.match(stdout, /^\d+\.\d+\.\d+$/m)
})

test('usage errors are exit code 2, help is 0', () => {
  assert.is(baton('--help').status, 0)
  assert.is(baton('instance create --help').status, 0)
  for (const args of [
    'fly',
    'instance',
    'instance fly',
    'instance show',
    'instance show a b',
    'status --fast',
    'instance create x',
    'completion tcsh',
  ])
    assert.is(baton(args, { BATON_ENDPOINT: 'http://127.0.0.1:1' }).status, 2, args)
})

test('every command has help, with every option in it', () => {
  for (const group of Object.keys(GROUPS))
    assert.ok(
      COMMANDS.some(c => c.path.startsWith(`${group} `)),
      group,
    )
  const help = baton('instance create --help').stdout
  for (const { flags } of COMMANDS.find(c => c.path === 'instance create')?.options ?? []) assert.match(help, flags)
})

test('paths are unique, and every group is described', () => {
  assert.is(new Set(COMMANDS.map(c => c.path)).size, COMMANDS.length)
  for (const { path } of COMMANDS) if (path.includes(' ')) assert.ok(GROUPS[path.split(' ')[0] ?? ''], path)
})

test('without a cluster: what is missing, and what to do', () => {
  const { status, stderr } = baton('status')
  assert.is(status, 5)
  assert.match(stderr, '.baton/cluster.json cannot be read')
  assert.match(stderr, 'baton up')
})

test('a stack is printed only on request', () => {
  assert.not.match(baton('status').stderr, /\n +at /)
  assert.match(baton('status', { BATON_DEBUG: '1' }).stderr, /\n +at /)
})

test('the configuration is printed, checked and shown', () => {
  const sample = baton('config sample').stdout
  writeFileSync(join(folder, 'baton.yaml'), sample.replace('port: 8774', 'port: 9000'))
  assert.is(baton('config check').stdout, 'baton.yaml: ok\n')
  assert.match(baton('config show').stdout, /^http\.port +9000 +TCP port +8774$/m)
  assert.is(JSON.parse(baton('config show --json').stdout).http.port, 9000)
  writeFileSync(join(folder, 'baton.yaml'), 'http: {prot: 1}\n')
  const refused = baton('config check')
  assert.is(refused.status, 2)
  assert.match(refused.stderr, 'baton.yaml:1:8: unknown key `http.prot`; did you mean `http.port`?')
  rmSync(join(folder, 'baton.yaml'))
})

test('a client command loads nothing of the server', () => {
  const watch = join(folder, 'watch.mjs')
  writeFileSync(
    watch,
    `import { registerHooks } from 'node:module'
registerHooks({ load(url, context, next) { process.stderr.write('loaded ' + url + '\\n'); return next(url, context) } })`,
  )
  const { stderr } = baton('status', { BATON_ENDPOINT: 'http://127.0.0.1:1', NODE_OPTIONS: `--import ${watch}` })
  const loaded = [...stderr.matchAll(/^loaded (.*)$/gm)].map(m => m[1] ?? '')
  assert.ok(loaded.some(url => url.endsWith('/bin/commands/status.ts')))
  assert.equal(
    loaded.filter(url => SERVER_SIDE.test(url)),
    [],
  )
})

test('completion scripts name every command; bash completes with it', () => {
  for (const make of Object.values(SHELLS)) for (const { path } of COMMANDS) for (const word of path.split(' ')) assert.match(make(COMMANDS), word)
  const script = join(folder, 'complete.bash')
  writeFileSync(
    script,
    `${SHELLS.bash?.(COMMANDS)}
try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _baton; echo "\${COMPREPLY[*]}"; }
try baton sta
try baton instance cre
try baton instance create x --wa
try baton up --con
`,
  )
  assert.is(run('bash', [script]).stdout, 'status\ncreate\n--wait\n--conductors --config\n')
})

test('exit codes follow the table of errors', () => {
  assert.equal(
    [exitCodeOf('NotFound'), exitCodeOf('Conflict'), exitCodeOf('NotRunning'), exitCodeOf('BadRequest'), exitCodeOf('Internal')],
    [3, 4, 5, 2, 1],
  )
  for (const code of ['Unavailable', 'Overloaded', 'DeadlineExceeded', 'Database'] as const) {
    assert.is(exitCodeOf(code), 5)
    assert.ok(ERRORS[code].retry)
  }
})

test('refusals of the gateway become our errors again, those of a proxy too', () => {
  const ours = refusal(409, new Headers({ 'x-baton-error': 'NoValidHost' }), { conflictingRequest: { code: 409, message: 'full' } })
  assert.equal([ours.code, ours.message], ['NoValidHost', 'full'])
  const proxy = refusal(502, new Headers(), '<html>')
  assert.equal([proxy.code, proxy.message], ['Unavailable', 'the gateway answered 502'])
  assert.is(refusal(503, new Headers({ 'retry-after': '2' }), null).retryAfterMs, 2000)
  assert.is(refusal(418, new Headers({ 'x-baton-error': 'Teapot' }), null).code, 'Internal')
})

test('errors say what, to what, and what next', () => {
  assert.is(
    faultText({ code: 'PortInUse', message: 'port 8774 of 127.0.0.1 is in use' }, 'up'),
    'baton up: port 8774 of 127.0.0.1 is in use [PortInUse]\n  Take another port with --port, or stop the process that has it.\n',
  )
})

test('tables are aligned, without borders, and harmless to a terminal', () => {
  const rows = [
    { name: 'a', size: 1 },
    { name: 'evil\x1b[31m', size: null },
  ]
  const text = table<{ name: string; size: number | null }>(
    [
      ['NAME', r => r.name],
      ['SIZE', r => r.size],
    ],
    rows,
  )
  assert.is(text, 'NAME       SIZE\na          1\nevil�[31m  -')
})

test('durations', () => {
  assert.equal([0, 999, 1000, 59_900, 61_000, 3_660_000].map(duration), ['0 ms', '999 ms', '1.0 s', '60 s', '1m 1s', '1h 1m'])
})

const operation = (change: Partial<OperationBody> = {}): OperationBody => ({
  id: 'i.1',
  kind: 'build',
  subject: 'i',
  requestId: 'r',
  status: 'running',
  plan: ['place', 'claim', 'spawn'],
  startedAt: 1000,
  endedAt: null,
  deadlineAt: 9000,
  cancelRequested: false,
  fault: null,
  steps: [
    { name: 'place', direction: 'do', state: 'done', attempt: 1, startedAt: 1000, endedAt: 1012, fault: null },
    { name: 'claim', direction: 'do', state: 'running', attempt: 2, startedAt: 1012, endedAt: null, fault: null },
  ],
  ...change,
})

test('the line of an operation has steps done, under way and to come', () => {
  assert.is(operationLine('web', operation()), 'web  build running  place ✓ 12 ms, claim (attempt 2) …, spawn')
  const failed = operation({
    status: 'undone',
    endedAt: 2000,
    steps: [
      { name: 'claim', direction: 'undo', state: 'failed', attempt: 1, startedAt: 0, endedAt: 5, fault: { code: 'HostRefused', message: 'full' } },
    ],
  })
  assert.is(operationLine('web', failed), 'web  build undone in 1.0 s  undo claim ✗ 5 ms: full')
  assert.is(summaryLine([operation(), operation(), failed]), '3 operations: 2 claim (attempt 2), 1 undone')
})

test('on a terminal the picture is painted over, elsewhere each change is said once', () => {
  const paint = (isTTY: boolean): string => {
    let text = ''
    const shown = progress({ isTTY, columns: 60, write: part => (text += part) })
    shown.update('web', operation())
    shown.update('web', operation())
    shown.update('web', operation({ status: 'done', endedAt: 1500 }))
    shown.end()
    return text
  }
  assert.is(paint(false), 'web  place ✓ 12 ms\nweb  claim (attempt 2) …\nweb  build done in 500 ms\n')
  const painted = paint(true)
  assert.is(painted.split('\x1b[1A').length, 3)
  for (const line of painted.split('\n')) assert.ok(stripVTControlCharacters(line).length <= 60, line)
})

test.run()
