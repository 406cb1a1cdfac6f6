/** The kill matrix: every operation is brought about and every step of it met; one cell in so many is run. All: `npm run kill-matrix`. */
import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { INSTANCE_OPERATIONS } from '../../actors/instance/states.ts'
import { catalogue } from '../../actors/operation/catalogue/index.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const PLANTED = ['--import', './test/fixtures/sim/planted.ts']

function matrix(args: readonly string[], nodeArgs: readonly string[] = []): { code: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...nodeArgs, 'test/sim/matrix/main.ts', ...args], {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    timeout: 120_000,
  })
  return { code: status, output: stdout + stderr }
}

test('every operation of the catalogue is met at every step, and no cell that is run is invalid', () => {
  const { code, output } = matrix(['--every', '149', '--json'])
  assert.is(code, 0, output.slice(-3000))
  const { cells, missing } = JSON.parse(output.slice(output.indexOf('{'))) as { cells: { kind: string; victim: string }[]; missing: string[] }
  assert.equal(missing, [])
  assert.equal(new Set(cells.map(c => c.kind)), new Set(catalogue().keys()))
  assert.ok(new Set(cells.map(c => c.victim)).size === 6, 'every kind of victim')
})

test('a cell can be named, and is the same each time', () => {
  const [first, second] = [
    matrix(['--only', 'migrate/undo-claim:effect/source h', '--json']),
    matrix(['--only', 'migrate/undo-claim:effect/source h', '--json']),
  ]
  assert.is(first.code, 0, first.output)
  assert.ok(first.output.includes('"point": "undo-claim:effect"'))
  assert.is(first.output, second.output)
})

test('what is invalid is named, and the run fails', () => {
  const { code, output } = matrix(['--only', 'migrate/receive:before'], PLANTED)
  assert.is(code, 1)
  assert.match(output, /^migrate.*: .*compute-\d/m)
})

test('an operation nobody knows is refused with the list of those there are', () => {
  const { code, output } = matrix(['--only', 'fly'])
  assert.is(code, 1)
  assert.match(output, /no operation is called fly; there are build, /)
})

test('every operation of the table of states has steps in the catalogue', () => {
  assert.equal(new Set(Object.keys(INSTANCE_OPERATIONS)), new Set(catalogue().keys()))
})

test.run()
