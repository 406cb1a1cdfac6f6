/** What a build and a delete say of a guest's agent, and backups by it: what is said to whom, what is taken back, what is final. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { OperationArgs } from '../../actors/operation/contract.ts'
import { ARGS, advance, ID, NOWHERE, type Run, started } from '../support/operation.ts'

const REQUIRED = { required: true, bootMs: 60_000 }
const withAgent = (args: OperationArgs, agent = REQUIRED): OperationArgs => ({ ...args, spec: { ...args.spec, agent } })
const SNAPSHOT = { image: 'b2', name: 'n', properties: {}, driver: 'guest-agent', backupType: 'scheduled', rotation: 2 }
const backup = (parent: string | null): OperationArgs => ({
  ...ARGS,
  change: { snapshot: SNAPSHOT, guest: { kind: parent ? 'incremental' : 'full', parent } },
})
const answers: Readonly<Record<string, unknown>> = {
  guestBackup: { done: true, sizeBytes: 7, checksum: 'c' },
  uploadImage: { done: true, sentBytes: 7, totalBytes: 7 },
  guestRestore: { done: true, sentBytes: 7, totalBytes: 7 },
}

function until(run: Run, method: string): void {
  for (let i = 0; i < 20; i++) {
    if (run.call().method === method || run.call().method === 'ended') return
    run.answer(answers[run.call().method] ?? null)
  }
  throw new Error(`it never says ${method}`)
}

test('a build tells of the guest before it is made, and waits for its agent when the image says so', () => {
  const run = started('build', withAgent(NOWHERE))
  advance(run, 'guestReady')
  assert.equal(run.said, ['pick scheduler/local', 'claim host/h1', 'expect guest/i1', 'spawn compute/h1', 'guestReady compute/h1'])
  assert.equal((run.call().args as { silentMs: number }).silentMs, 60_000)
  run.answer({ status: 'ACTIVE' })
  assert.is(run.reported().outcome, 'done')
})

test('an agent that is optional is waited for by nobody', () => {
  const run = started('build', withAgent(NOWHERE, { required: false, bootMs: 1 }))
  advance(run, 'ended')
  assert.equal(run.said.slice(2), ['expect guest/i1', 'spawn compute/h1', 'ended instance/i1'])
})

test('an agent that never comes to life is the end of the build: nothing is left, and its words are the reason', () => {
  const run = started('build', withAgent(NOWHERE))
  advance(run, 'guestReady')
  run.refuse('GuestFailed', 'no heartbeat within 60 s')
  advance(run, 'ended')
  assert.equal(run.said.slice(5), ['destroy compute/h1', 'drop guest/i1', 'release host/h1', 'ended instance/i1'])
  assert.equal(run.reported().fault, { code: 'GuestFailed', message: 'no heartbeat within 60 s' })
})

test('a delete lets the record go', () => {
  const run = started('delete', withAgent(ARGS))
  advance(run, 'ended')
  assert.equal(run.said, ['destroy compute/h1', 'drop guest/i1', 'release host/h1', 'ended instance/i1'])
})

const MADE = [
  'create image/b2',
  'guestBackup compute/h1',
  'uploadImage compute/h1',
  'guestForget compute/h1',
  'backedUp guest/i1',
  'retain storage/local',
]

test('a backup goes from the guest into the store, is noted, and the series is kept short', () => {
  const run = started('guest-backup', backup(null))
  until(run, 'ended')
  assert.equal(run.said, [...MADE, 'ended instance/i1'])
  assert.is(run.reported().outcome, 'done')
})

test('an incremental one looks first whether what it builds on is there', () => {
  const run = started('guest-backup', backup('b1'))
  assert.is(run.call().method, 'get')
  run.refuse('NotFound', 'there is no image b1')
  assert.equal([run.said, run.reported().outcome], [['get image/b1', 'ended instance/i1'], 'undone'])
})

test('a look that says not yet is repeated; its progress is seen', () => {
  const run = started('guest-backup', backup(null))
  until(run, 'guestBackup')
  run.answer({ done: false, sizeBytes: 3, checksum: '' })
  assert.equal(run.body().steps.at(-1)?.progress, { backupBytes: 3 })
  assert.is(run.call().method, 'guestBackup')
  until(run, 'uploadImage')
  run.answer({ done: false, sentBytes: 1, totalBytes: 7 })
  assert.equal(run.body().steps.at(-1)?.progress, { sentBytes: 1, totalBytes: 7 })
})

for (const [method, code] of [
  ['guestBackup', 'GuestFailed'],
  ['uploadImage', 'BadRequest'],
] as const) {
  test(`${code} at ${method} is final: the image is taken back`, () => {
    const run = started('guest-backup', backup(null))
    until(run, method)
    run.refuse(code, 'not these bytes')
    until(run, 'ended')
    assert.equal(run.said.slice(-3), ['guestForget compute/h1', 'discard image/b2', 'ended instance/i1'])
    assert.equal(run.reported(), { operation: ID, outcome: 'undone', host: 'h1', claim: 'i1.1', fault: { code, message: 'not these bytes' } })
  })
}

test('an agent that is away for a moment is asked again', () => {
  const run = started('guest-backup', backup(null))
  until(run, 'guestBackup')
  run.refuse('Unavailable')
  run.refuse('Conflict')
  assert.is(run.call().method, 'guestBackup')
})

test('a restore is watched to its end, under one name', () => {
  const args: OperationArgs = { ...ARGS, change: { guest: { backups: ['f', 'i1'] } } }
  const run = started('guest-restore', args)
  assert.equal(run.call().args, { instance: 'i1', restore: ID, images: ['f', 'i1'], waitMs: 2500 })
  run.answer({ done: false, sentBytes: 1, totalBytes: 7 })
  until(run, 'ended')
  assert.is(run.reported().outcome, 'done')
})

test.run()
