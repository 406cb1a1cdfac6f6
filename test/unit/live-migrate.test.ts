/** Live migration: what is said to whom, in which order, and that every way it can go wrong leaves the instance where it may run. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { OperationArgs } from '../../actors/operation/contract.ts'
import { ARGS, ID, type Run, started } from '../support/operation.ts'

const HERE = { host: 'h1', claim: 'i1.1' }
const THERE = { host: 'h2', claim: ID }
const LIVE: OperationArgs = { ...ARGS, ...HERE }
const FAR = {
  memoryTotalBytes: 100,
  memoryProcessedBytes: 60,
  memoryRemainingBytes: 40,
  diskTotalBytes: 0,
  diskProcessedBytes: 0,
  diskRemainingBytes: 0,
}

const PLAN = [
  ...['checkMigration compute/h1', 'pick scheduler/local', 'claim host/h2', 'prepareIncoming compute/h2', 'migrateOut compute/h1'],
  ...['migrationProgress compute/h1', 'handOver compute/h1', 'finishIncoming compute/h2', 'destroy compute/h1', 'release host/h1'],
]

const ANSWERS: Readonly<Record<string, unknown>> = {
  checkMigration: { driver: 'fake', copyDisk: false },
  pick: { hosts: ['h2', 'h3'] },
  prepareIncoming: { to: { port: 7 } },
  migrationProgress: { converged: true, ...FAR },
  handOver: { handed: { ticks: 5 } },
}

const answer = (run: Run): void => run.answer(ANSWERS[run.call().method] ?? null)

function at(method: string, args: OperationArgs = LIVE): Run {
  const run = started('live-migrate', args)
  for (let i = 0; i < 30 && run.call().method !== method; i++) answer(run)
  assert.is(run.call().method, method)
  return run
}

function ended(run: Run) {
  for (let i = 0; i < 40 && run.call().method !== 'ended'; i++) answer(run)
  const { outcome, host, claim, origin, fault } = run.reported()
  return { outcome, host, claim, origin, code: fault?.code }
}

test('all goes well: checked, claimed, prepared, sent, switched, and only then begun elsewhere; what was found is passed on', () => {
  const run = at('prepareIncoming')
  const { driver, copyDisk } = run.call().args as Record<string, unknown>
  assert.equal([driver, copyDisk], ['fake', false])
  answer(run)
  assert.equal((run.call().args as { to: unknown }).to, { port: 7 })
  const last = at('finishIncoming')
  assert.equal((last.call().args as { handed: unknown }).handed, { ticks: 5 })
  assert.equal(ended(last), { outcome: 'done', ...THERE, origin: undefined, code: undefined })
  assert.equal(last.said, [...PLAN, 'ended instance/i1'])
  assert.equal(last.body().move, { from: 'h1', to: 'h2', oldFlavor: ARGS.spec.flavor.id, newFlavor: ARGS.spec.flavor.id })
})

test('a host that was asked for is not chosen by the scheduler', () => {
  const run = at('claim', { ...LIVE, wanted: 'h9' })
  assert.equal(run.said, ['checkMigration compute/h1', 'claim host/h9'])
  run.refuse('HostRefused')
  assert.equal(ended(run), { outcome: 'undone', ...HERE, origin: undefined, code: 'HostRefused' })
})

test('a transfer under way is looked at again with a new rank, and says how far it is', () => {
  const run = at('migrationProgress')
  const first = (run.call().args as { order: number }).order
  run.answer({ converged: false, ...FAR })
  assert.is(run.call().method, 'migrationProgress')
  assert.ok((run.call().args as { order: number }).order > first)
  assert.equal(run.body().steps.at(-1)?.progress, FAR)
  assert.is(run.body().steps.filter(s => s.name === 'transfer').length, 1, 'it is one step')
  assert.is(ended(run).outcome, 'done')
})

test('forced: the next look pauses the guest; at any other step, before and after, it is refused and says when it could be', () => {
  for (const method of ['checkMigration', 'claim', 'prepareIncoming', 'migrateOut', 'handOver', 'finishIncoming', 'ended']) {
    const { ok, fault } = at(method).send('force', {})
    assert.not(ok, method)
    assert.is(fault?.code, 'Conflict')
    assert.match(fault?.message ?? '', 'it can be forced at step transfer')
  }
  const run = at('migrationProgress')
  const { order } = run.call().args as { order: number }
  assert.ok(run.send('force', {}).ok)
  const again = run.call().args as { order: number; force: boolean }
  assert.ok(again.force && again.order > order)
  run.answer({ converged: false, ...FAR })
  assert.ok((run.call().args as { force: boolean }).force, 'it stays so')
  assert.match(started('stop').send('force', {}).fault?.message ?? '', 'a stop cannot be forced')
})

/** What is said on the way back, by the command at which it turned. */
const WAY_BACK: readonly (readonly [method: string, said: readonly string[]])[] = [
  ['checkMigration', []],
  ['claim', ['release host/h2']],
  ['prepareIncoming', ['destroy compute/h2', 'release host/h2']],
  ['migrateOut', ['cancelOutgoing compute/h1', 'destroy compute/h2', 'release host/h2']],
  ['migrationProgress', ['cancelOutgoing compute/h1', 'destroy compute/h2', 'release host/h2']],
  ['handOver', ['cancelOutgoing compute/h1', 'destroy compute/h2', 'release host/h2']],
]

for (const [method, said] of WAY_BACK) {
  test(`at ${method}: a cancel, and time that runs out, lead back; the source goes on before anything is given up`, () => {
    for (const turn of [(run: Run) => void run.cancel(), (run: Run) => run.fire('forward')]) {
      const run = at(method)
      const before = run.said.length
      turn(run)
      assert.equal(ended(run).outcome, 'undone')
      assert.equal(run.said.slice(before), [...said, 'ended instance/i1'])
      const { host, claim } = run.reported()
      assert.equal({ host, claim }, HERE)
    }
  })

  test(`at ${method}: at the deadline it is said to be on the source`, () => {
    const run = at(method)
    run.fire('deadline')
    const { outcome, host, origin } = ended(run)
    assert.equal([outcome, host], ['failed', 'h1'])
    assert.equal(origin, method === 'checkMigration' ? undefined : THERE)
  })
}

test('at finish there is no way back: no cancel, no time for going forward, and silence is asked again', () => {
  const run = at('finishIncoming')
  assert.is(run.cancel().fault?.code, 'Conflict')
  assert.not(run.work().some(w => w.key === 'forward'))
  for (let i = 0; i < 10; i++) {
    run.timeout()
    assert.is(run.call().method, 'finishIncoming')
  }
  run.fire('deadline')
  assert.equal(ended(run), { outcome: 'failed', ...THERE, origin: HERE, code: 'DeadlineExceeded' })
})

test('a destination that says that it has not begun is destroyed, and only then the source goes on', () => {
  const run = at('finishIncoming')
  const before = run.said.length
  run.refuse('DriverFault', 'gone')
  assert.is(run.call().method, 'destroy')
  run.timeout()
  assert.is(run.call().method, 'destroy', 'as long as it does not answer, the source does not go on')
  assert.equal(ended(run), { outcome: 'undone', ...HERE, origin: undefined, code: 'DriverFault' })
  assert.equal(
    run.said.slice(before).filter(s => !s.startsWith('destroy')),
    ['cancelOutgoing compute/h1', 'release host/h2', 'ended instance/i1'],
  )
})

test('a driver that cannot: undone at once, with the advice to migrate cold', () => {
  const run = at('checkMigration')
  run.refuse('DriverUnsupported', 'migrate it cold instead')
  assert.equal(ended(run), { outcome: 'undone', ...HERE, origin: undefined, code: 'DriverUnsupported' })
})

test('a destination that fails to prepare is left out, and the next is tried; three times', () => {
  const run = at('prepareIncoming')
  for (const method of ['destroy', 'release', 'pick', 'claim', 'prepareIncoming'] as const) {
    if (method === 'destroy') run.refuse('DriverFault')
    assert.is(run.call().method, method)
    if (method === 'pick') assert.equal((run.call().args as { avoid: string[] }).avoid, ['h1', 'h2'])
    if (method !== 'prepareIncoming') answer(run)
  }
  run.refuse('DriverFault')
  for (let i = 0; i < 4; i++) answer(run)
  run.refuse('DriverFault')
  assert.is(ended(run).outcome, 'undone')
})

test('a source that stays silent behind the switch is left to the reconciler', () => {
  const run = at('destroy')
  for (let i = 0; i < 3; i++) run.timeout()
  assert.is(run.call().method, 'release')
  assert.equal(ended(run), { outcome: 'done', ...THERE, origin: undefined, code: undefined })
})

test.run()
