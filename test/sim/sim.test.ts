/**
 * The simulator itself: it finds nothing in 300 seeds, replays each exactly, and fails when there is something to find.
 * It computes for two minutes and gives way to what waits, so: time limit: 480 s.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { PLANTED_BUGS } from './planted/index.ts'
import { plantInto } from './planted/plant.ts'
import { placesOf } from './planted/planted.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const PLANTED = ['--import', './test/fixtures/sim/planted.ts']

function sim(args: readonly string[], nodeArgs: readonly string[] = []): { code: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...nodeArgs, 'test/sim/main.ts', ...args], {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
    timeout: 200_000,
  })
  return { code: status, output: stdout + stderr }
}

test('300 seeds: no violation', () => {
  const { code, output } = sim(['--seeds', '300'])
  assert.match(output, '300 seeds from 1: 0 with violations')
  assert.is(code, 0, output)
})

test('the same seed gives the same trace, line by line, in another process', () => {
  for (const seed of ['3', '46', '47', '2026']) {
    const [first, second] = [sim(['--seed', seed, '--trace']), sim(['--seed', seed, '--trace'])]
    assert.is(first.code, 0, first.output.slice(-2000))
    assert.match(first.output, /^trace [0-9a-f]{64}$/m)
    assert.ok(first.output.split('\n').length > 20, 'there is a trace')
    assert.ok(first.output === second.output, `two runs of seed ${seed} differ`)
  }
})

test('another seed gives another trace', () => {
  const digests = ['1', '2', '3', '4'].map(seed => sim(['--seed', seed]).output.match(/^trace (.*)$/m)?.[1])
  assert.is(new Set(digests).size, 4)
})

test('a violation is named with its seed, and the run fails', () => {
  const { code, output } = sim(['--seed', '3'], PLANTED)
  assert.is(code, 1)
  assert.match(output, /^seed 3: (an instance runs on at most one host|nothing is executed twice.*|allocations equal .*): .* compute-\d/m)
})

test('one violation among many seeds fails them all', () => {
  const { code, output } = sim(['--seeds', '4', '--from', '3'], PLANTED)
  assert.is(code, 1)
  assert.match(output, /^seed \d+: .* compute-\d/m)
  assert.match(output, /^4 seeds from 3: [1-4] with violations/m)
})

test('planted bugs are found: a sample of three', () => {
  const { code, output } = sim(['--planted', 'undo-forgotten', 'shards-stolen', 'wrong-owner-accepted'])
  assert.is(code, 0, output)
  assert.match(output, /^undo-forgotten \| (?!NOBODY)/m)
  assert.match(output, /^shards-stolen \| one writer per actor/m)
  assert.match(output, /^wrong-owner-accepted \| one writer per actor/m)
})

test('every planted bug has its place in the code', () => {
  for (const bug of PLANTED_BUGS)
    for (const { file } of placesOf(bug)) {
      const source = readFileSync(resolve(ROOT, file), 'utf8')
      assert.not.equal(plantInto(bug, file, source), source)
    }
})

test.run()
