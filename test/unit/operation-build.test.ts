/** The build: the one operation that looks for another host, can be cancelled, and has something to undo. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { advance, ID, type Run, started } from '../support/operation.ts'

const pick = (run: Run, ...hosts: string[]): void => run.answer({ hosts })
const avoided = (run: Run): unknown => (run.call().args as { avoid?: unknown }).avoid

test('a host that refuses is released and the next candidate is tried at once', () => {
  const run = started('build')
  pick(run, 'h1', 'h2', 'h3')
  run.refuse('HostRefused')
  run.answer()
  assert.equal(run.said, ['pick scheduler/local', 'claim host/h1', 'release host/h1', 'claim host/h2'])
  assert.is(run.body().fault, null, 'a detour is no fault')
  advance(run, 'ended')
  assert.equal(run.reported(), { operation: ID, outcome: 'done', host: 'h2', claim: ID, fault: null })
})

test('when all candidates have refused it asks for new ones, without those', () => {
  const run = started('build')
  pick(run, 'h1', 'h2')
  for (let i = 0; i < 2; i++) {
    run.refuse('HostRefused')
    run.answer()
  }
  assert.is(run.call().method, 'pick')
  assert.equal(avoided(run), ['h1', 'h2'])
  run.refuse('NoValidHost', 'no host of 2 fits')
  assert.equal(run.reported(), {
    operation: ID,
    outcome: 'undone',
    host: null,
    claim: null,
    fault: { code: 'NoValidHost', message: 'no host of 2 fits' },
  })
})

test('a scheduler that does not answer, while the database is away, is asked again; only its no is final', () => {
  const run = started('build')
  run.timeout()
  run.timeout()
  assert.equal(run.said, ['pick scheduler/local', 'pick scheduler/local', 'pick scheduler/local'])
  pick(run, 'h1')
  assert.is(run.call().method, 'claim')
})

test('a claim without an answer is tried again at the same host, not at another: it may have been taken', () => {
  const run = started('build')
  pick(run, 'h1', 'h2')
  run.timeout()
  run.timeout()
  assert.equal(run.said.slice(1), ['claim host/h1', 'claim host/h1', 'claim host/h1'])
  run.timeout()
  assert.is(run.call().method, 'release', 'given up, and released, whether it was taken or not')
  advance(run, 'ended')
  assert.is(run.reported().outcome, 'undone')
})

test('a spawn that fails is cleaned up there and tried elsewhere; the third failure is the last', () => {
  const run = started('build')
  for (const host of ['h1', 'h2', 'h3']) {
    pick(run, host)
    run.answer()
    assert.is(run.call().method, 'spawn')
    run.refuse('DriverFault', `${host} failed`)
    assert.is(run.call().method, 'destroy')
    run.answer()
    assert.is(run.call().method, 'release')
    run.answer()
    if (host !== 'h3') assert.is(run.call().method, 'pick')
  }
  assert.equal(run.reported(), { operation: ID, outcome: 'undone', host: null, claim: null, fault: { code: 'DriverFault', message: 'h3 failed' } })
})

test('when no host is left, what the last one said is the reason', () => {
  const run = started('build')
  pick(run, 'h1')
  advance(run, 'spawn')
  run.refuse('DriverFault', 'image i has a backing file')
  advance(run, 'pick')
  run.refuse('NoValidHost', 'no host of 1 fits: refused 1 by retry')
  advance(run, 'ended')
  const message = 'h1: image i has a backing file; and then: no host of 1 fits: refused 1 by retry'
  assert.equal(run.reported().fault, { code: 'DriverFault', message })
})

test('a spawn without an answer is not sent again: it is destroyed there first, with a higher rank', () => {
  const run = started('build')
  pick(run, 'h1')
  run.answer()
  const spawned = run.orders.at(-1) ?? 0
  run.timeout()
  assert.equal(run.said.slice(-2), ['spawn compute/h1', 'destroy compute/h1'])
  assert.ok((run.orders.at(-1) ?? 0) > spawned)
})

test('an undo is tried until the deadline, ever more slowly', () => {
  const run = started('build')
  pick(run, 'h1')
  run.answer()
  run.cancel()
  assert.is(run.call().method, 'destroy')
  const pauses: number[] = []
  for (let i = 0; i < 30; i++) {
    run.refuse('DriverFault')
    assert.is(run.call().method, 'destroy')
    pauses.push((run.call().notBefore ?? 0) - run.now)
  }
  assert.is(pauses[0], 500)
  assert.is(pauses.at(-1), 15_000)
  run.answer()
  run.answer()
  assert.is(run.reported().outcome, 'undone')
})

/** At the deadline nobody knows what was obeyed, so all that may be left is named, for the delete that comes one day. */
const MAY_BE_LEFT: readonly (readonly [string, (run: Run) => void, { host: string | null; claim: string | null }])[] = [
  ['choosing a host', () => {}, { host: null, claim: null }],
  ['claiming', run => pick(run, 'h1'), { host: 'h1', claim: ID }],
  ['spawning', run => advance(run, 'spawn'), { host: 'h1', claim: ID }],
  [
    'destroying',
    run => {
      advance(run, 'spawn')
      run.cancel()
    },
    { host: 'h1', claim: ID },
  ],
  [
    'releasing a claim that was never answered',
    run => {
      pick(run, 'h1')
      run.cancel()
    },
    { host: 'h1', claim: ID },
  ],
]

for (const [when, bring, left] of MAY_BE_LEFT) {
  test(`the deadline comes while ${when}`, () => {
    const run = started('build')
    bring(run)
    run.fire('deadline')
    assert.is(run.reported().outcome, 'failed')
    assert.equal({ host: run.reported().host, claim: run.reported().claim }, left)
  })
}

test('cancelled while it goes back for another host: it goes back all the way and ends', () => {
  const run = started('build')
  pick(run, 'h1', 'h2')
  run.answer()
  run.refuse('DriverFault')
  assert.is(run.call().method, 'destroy')
  assert.ok(run.cancel().ok)
  run.answer()
  assert.is(run.call().method, 'release')
  run.answer()
  assert.is(run.reported().outcome, 'undone')
  assert.is(run.reported().fault?.code, 'Cancelled')
  assert.is(run.body().cancelRequested, true)
})

test('cancelled twice is cancelled once; cancelled after its end is a conflict, except for the delete that overtakes', () => {
  const run = started('build')
  pick(run, 'h1')
  run.cancel()
  const before = run.said.length
  assert.ok(run.cancel().ok)
  assert.ok(run.cancel(true).ok)
  assert.is(run.said.length, before)
  advance(run, 'ended')
  assert.is(run.cancel().fault?.code, 'Conflict')
  assert.ok(run.cancel(true).ok)
  run.answer()
  assert.is(run.cancel().fault?.code, 'Conflict')
})

test('the deadline of going forward does not disturb an undo under way', () => {
  const run = started('build')
  advance(run, 'spawn')
  run.cancel()
  assert.ok(!run.work().some(w => w.key === 'forward'))
  assert.is(run.send('@timer', { key: 'forward' }).events, 0)
})

test('time for going forward that ran out during an undo ends the build when the undo is done', () => {
  const run = started('build')
  pick(run, 'h1', 'h2')
  run.refuse('HostRefused')
  run.now = run.body().startedAt + (run.body().deadlineAt - run.body().startedAt) * 0.8
  run.answer()
  run.fire('forward')
  advance(run, 'ended')
  assert.is(run.reported().outcome, 'undone')
})

test('the record of steps stays short, however often hosts refuse', () => {
  const run = started('build')
  for (let i = 0; i < 60; i++) {
    pick(run, `h${i}`)
    run.refuse('HostRefused')
    run.answer()
  }
  assert.is(run.body().steps.length, 64)
  assert.is(run.body().steps.at(-1)?.state, 'running')
})

test.run()
