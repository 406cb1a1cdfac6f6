/** The interpreter on every operation of the catalogue: what happens when each step goes well, badly, or not at all. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { catalogue } from '../../actors/operation/catalogue/index.ts'
import { ARGS, advance, ID, NOWHERE, newRun, started } from '../support/operation.ts'

/** The commands of each operation when all goes well. */
const PLANS: Readonly<Record<string, readonly string[]>> = {
  build: ['pick scheduler/local', 'claim host/h1', 'spawn compute/h1'],
  start: ['start compute/h1'],
  stop: ['stop compute/h1'],
  reboot: ['reboot compute/h1'],
  pause: ['pause compute/h1'],
  unpause: ['unpause compute/h1'],
  suspend: ['suspend compute/h1'],
  resume: ['resume compute/h1'],
  rescue: ['rescue compute/h1'],
  unrescue: ['unrescue compute/h1'],
  rebuild: ['rebuild compute/h1'],
  shelve: ['stop compute/h1'],
  'soft-delete': ['stop compute/h1'],
  restore: ['unrescue compute/h1', 'start compute/h1'],
  delete: ['destroy compute/h1', 'release host/h1'],
}
const SIMPLE = ['start', 'stop', 'reboot', 'pause', 'unpause', 'suspend', 'resume', 'unrescue', 'rebuild', 'shelve', 'soft-delete']
/** Between hosts; see operation-moves.test.ts and live-migrate.test.ts. */
const MOVES = ['resize', 'migrate', 'live-migrate', 'confirm-resize', 'revert-resize', 'evacuate', 'shelve-offload', 'unshelve']

/** By the agent in the guest; see operation-guest.test.ts. */
const BY_AGENT = ['guest-backup', 'guest-restore']
/** Beside the guest; see operation-devices.test.ts. */
const BESIDE = ['snapshot', 'backup', 'attach-disk', 'detach-disk', 'attach-interface', 'detach-interface']

test('restore: where the driver knows no rescue, the guest is started all the same', () => {
  const run = started('restore')
  advance(run, 'unrescue')
  run.refuse('DriverUnsupported')
  advance(run, 'ended')
  assert.is(run.reported().outcome, 'done')
  assert.equal(run.said, ['unrescue compute/h1', 'start compute/h1', 'ended instance/i1'])
})

test('every operation of the catalogue has its plan here', () => {
  assert.equal([...catalogue().keys()].sort(), [...Object.keys(PLANS), ...MOVES, ...BESIDE, ...BY_AGENT].sort())
})

for (const [kind, plan] of Object.entries(PLANS)) {
  test(`${kind}: all goes well`, () => {
    const run = started(kind)
    advance(run, 'ended')
    assert.equal(run.said, [...plan, 'ended instance/i1'])
    assert.equal([run.body().status, run.body().endedAt], ['running', null], 'its subject does not know yet')
    const left = kind === 'build' ? { host: 'h1', claim: ID } : kind === 'delete' ? { host: null, claim: null } : { host: 'h1', claim: 'i1.1' }
    assert.equal(run.reported(), { operation: ID, outcome: 'done', ...left, fault: null })
    assert.equal(
      run.body().steps.map(s => `${s.name} ${s.direction} ${s.state}`),
      run
        .body()
        .plan.filter(name => !name.endsWith('-second') && !['disks', 'expect', 'agent'].includes(name))
        .map(name => `${name} do done`),
    )
    run.answer()
    assert.is(run.phase(), 'ended')
    assert.is(run.body().status, 'done')
    assert.is(run.body().fault, null)
    assert.is.not(run.body().endedAt, null)
    assert.equal(run.work(), [])
  })

  test(`${kind}: every command has a rank of its own, higher than the one before`, () => {
    const run = started(kind)
    advance(run, 'ended')
    assert.equal(
      run.orders,
      [...new Set(run.orders)].sort((a, b) => a - b),
    )
    assert.ok(run.orders.every(order => Math.floor(order / 1_000_000) === 7))
  })

  for (const [i, command] of plan.entries()) {
    const method = command.split(' ')[0] ?? ''

    test(`${kind}: at ${method}, an answer to an earlier command or an old timer changes nothing`, () => {
      const run = started(kind)
      advance(run, method)
      const before = run.said.length
      for (const key of ['doing:0', 'undoing:1', 'doing:99', 'report:0', '']) {
        assert.is(run.send('@result', { key, ok: true, value: { hosts: ['h9'] } }).events, 0)
        assert.is(run.send('@result', { key, ok: false, fault: { code: 'Internal', message: 'x' } }).events, 0)
      }
      for (const key of ['timeout:0', 'timeout:99', 'other']) assert.is(run.send('@timer', { key }).events, 0)
      assert.is(run.said.length, before)
      assert.is(run.call().method, method)
    })

    test(`${kind}: at ${method}, starting it again changes nothing`, () => {
      const run = started(kind)
      advance(run, method)
      assert.is(run.send('start', { kind, subject: 'i1', requestId: 'req-1', args: ARGS }).events, 0)
      assert.is(run.call().method, method)
    })

    test(`${kind}: at ${method}, the time for going forward is over: it turns back and ends`, () => {
      const run = started(kind)
      advance(run, method)
      const deadlineAt = run.body().deadlineAt
      run.fire('forward')
      assert.ok(run.now < deadlineAt, 'some time is left for undoing')
      advance(run, 'ended')
      const { outcome, fault } = run.reported()
      assert.is(outcome, kind === 'delete' ? 'failed' : 'undone', 'a guest destroyed, or perhaps destroyed, cannot be brought back')
      assert.is(fault?.code, 'DeadlineExceeded')
    })

    test(`${kind}: at ${method}, the deadline ends it, whatever it was doing`, () => {
      const run = started(kind)
      advance(run, method)
      run.fire('deadline')
      assert.is(run.reported().outcome, 'failed')
      assert.ok(!run.work().some(w => w.type === 'timer'))
      assert.equal([run.body().status, run.body().endedAt], ['undoing', null], 'its subject does not know yet')
      run.answer()
      assert.is(run.body().status, 'failed')
      assert.ok(run.body().endedAt === run.body().deadlineAt)
    })

    test(`${kind}: at ${method}, every command ends with its attempt, and none lives beyond the deadline`, () => {
      const run = started(kind)
      advance(run, method)
      const call = run.call()
      const timer = run.work().find(w => w.key.startsWith('timeout:'))
      assert.ok(timer?.type === 'timer')
      assert.is(call.deadlineAt, timer.at)
      assert.ok((call.deadlineAt ?? 0) <= run.body().deadlineAt)
    })

    test(`${kind}: at ${method}, ${kind === 'build' ? 'a cancel undoes what was done' : 'a cancel is refused'}`, () => {
      const run = started(kind)
      advance(run, method)
      const answer = run.cancel()
      if (kind !== 'build') {
        assert.is(answer.fault?.code, 'Conflict')
        assert.match(answer.fault?.message ?? '', 'ends by itself before its deadline')
        assert.is(run.call().method, method)
        return
      }
      assert.ok(answer.ok)
      advance(run, 'ended')
      assert.equal(
        run.said.slice(i + 1),
        [...['release host/h1'].slice(0, i), 'ended instance/i1'].toSpliced(0, 0, ...(i === 2 ? ['destroy compute/h1'] : [])),
      )
      assert.equal(run.reported(), {
        operation: ID,
        outcome: 'undone',
        host: null,
        claim: null,
        fault: { code: 'Cancelled', message: 'cancelled by request' },
      })
      assert.is(run.body().cancelRequested, true)
    })
  }
}

for (const kind of SIMPLE) {
  test(`${kind}: a fault is tried three times, each time later, then it is undone`, () => {
    const run = started(kind)
    const pauses: number[] = []
    for (let i = 0; i < 2; i++) {
      run.refuse('DriverFault')
      pauses.push((run.call().notBefore ?? 0) - run.now)
      assert.is(run.body().steps.at(-1)?.attempt, i + 2)
      assert.is(run.body().steps.at(-1)?.fault?.code, 'DriverFault')
    }
    assert.equal(pauses, [500, 1000])
    run.refuse('DriverFault', 'the third')
    assert.equal(run.said, [PLANS[kind]?.[0], PLANS[kind]?.[0], PLANS[kind]?.[0], 'ended instance/i1'])
    assert.equal(run.reported(), {
      operation: ID,
      outcome: 'undone',
      host: 'h1',
      claim: 'i1.1',
      fault: { code: 'DriverFault', message: 'the third' },
    })
  })

  test(`${kind}: silence counts like a fault, and the next attempt has a new rank`, () => {
    const run = started(kind)
    for (let i = 0; i < 3; i++) run.timeout()
    assert.is(run.reported().outcome, 'undone')
    assert.is(run.reported().fault?.code, 'DeadlineExceeded')
    assert.match(run.reported().fault?.message ?? '', /no answer within \d+ s/)
    assert.is(new Set(run.orders).size, 3)
  })
}

test('reboot and stop say how', () => {
  const args = (kind: string, mode: 'soft' | 'hard' | null): unknown => started(kind, { ...ARGS, mode }).call().args
  assert.match(JSON.stringify(args('reboot', 'hard')), '"mode":"hard"')
  assert.match(JSON.stringify(args('reboot', null)), '"mode":"soft"')
  assert.match(JSON.stringify(args('stop', null)), '"graceMs":10000')
})

test('delete: a host that is silent does not keep the instance; its room is given back all the same', () => {
  const run = started('delete')
  for (let i = 0; i < 3; i++) run.timeout()
  assert.is(run.call().method, 'release')
  advance(run, 'ended')
  assert.is(run.reported().outcome, 'done')
})

test('delete: a driver that refuses is asked again, and in the end the instance is as before', () => {
  const run = started('delete')
  for (let i = 0; i < 20; i++) run.refuse('DriverFault')
  assert.is(run.said.filter(s => s.startsWith('destroy')).length, 20)
  assert.equal(run.reported(), { operation: ID, outcome: 'undone', host: 'h1', claim: 'i1.1', fault: { code: 'DriverFault', message: 'refused' } })
})

test('delete: of an instance that is nowhere there is nothing to do', () => {
  const run = started('delete', NOWHERE)
  assert.equal(run.said, ['ended instance/i1'])
  assert.is(run.reported().outcome, 'done')
})

test('delete: a guest destroyed whose room cannot be given back has failed, and cannot pretend to be as before', () => {
  const run = started('delete')
  run.answer()
  for (let i = 0; i < 20; i++) run.timeout()
  assert.is(run.reported().outcome, 'failed')
})

test('an operator may set how long operations take', () => {
  const specs = catalogue({ buildMs: 1000, actionMs: 2000, deleteMs: 3000 })
  const spans = ['build', 'stop', 'delete'].map(kind => {
    const run = started(kind, kind === 'build' ? NOWHERE : ARGS, specs)
    return run.body().deadlineAt - run.body().startedAt
  })
  assert.equal(spans, [1000, 2000, 3000])
})

test('an operation that nobody knows is refused, and one that was never started is not there', () => {
  const run = newRun()
  assert.is(run.send('start', { kind: 'teleport', subject: 'i1', requestId: 'r', args: ARGS }).fault?.code, 'BadRequest')
  assert.is(run.send('get', {}).fault?.code, 'NotFound')
  assert.is(run.cancel().fault?.code, 'NotFound')
})

test('a cancel that arrives before its start is told to come again, so that it is not lost', () => {
  assert.is(newRun().cancel(true).fault?.code, 'Unavailable')
})

test('an end that its subject could not take is reported again, later; one whose subject is gone is not', () => {
  const run = started('stop')
  run.answer()
  const first = run.call()
  run.refuse('Internal')
  const second = run.call()
  assert.is(run.phase(), 'reporting')
  assert.is.not(second.key, first.key)
  assert.ok((second.notBefore ?? 0) > run.now)
  assert.equal(second.args, first.args)
  assert.is(run.body().status, 'running')
  run.refuse('NotFound')
  assert.is(run.phase(), 'ended')
  assert.is(run.body().status, 'done')
})

test.run()
