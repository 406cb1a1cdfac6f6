/** Operations across hosts: what is undone when, and that no guest is told to run while another may. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { OperationArgs } from '../../actors/operation/contract.ts'
import { ARGS, ID, type Run, started } from '../support/operation.ts'

const SOURCE = { host: 'h1', claim: 'i1.1' }
const TARGET = { host: 'h2', claim: ID }
const BIG = { id: 'big', name: 'big', vcpus: 4, ramMb: 256, diskGb: 9 }
const RESIZE: OperationArgs = { ...ARGS, ...SOURCE, change: { flavor: BIG }, running: true }
/** While a resize waits: it is on h2, and h1 still holds room. */
const RESIZED: OperationArgs = { ...ARGS, host: 'h2', claim: 'i1.2', origin: SOURCE, running: true }

const answer = (run: Run): void => run.answer(run.call().method === 'pick' ? { hosts: ['h2', 'h3'] } : null)

function until(run: Run, command: string): void {
  for (let i = 0; i < 50; i++) {
    if (run.said.at(-1) === command || run.call().method === 'ended') return
    answer(run)
  }
  throw new Error(`it never says ${command}`)
}

const toTheEnd = (run: Run): void => until(run, 'ended instance/i1')
const ends = (run: Run) => {
  const { host, claim, origin } = run.reported()
  return { outcome: run.reported().outcome, host, claim, origin }
}

const RESIZE_PLAN = ['pick scheduler/local', 'claim host/h2', 'stop compute/h1', 'offerDisk compute/h1', 'receive compute/h2']
const RESIZE_SAYS = ['checkMove compute/h1', ...RESIZE_PLAN]

/** Each operation: how it begins, what it says when all goes well, and where it leaves the instance. */
const PLANS: readonly (readonly [kind: string, args: OperationArgs, said: readonly string[], left: object])[] = [
  ['resize', RESIZE, RESIZE_SAYS, { ...TARGET, origin: SOURCE }],
  ['migrate', { ...ARGS, ...SOURCE, running: false }, RESIZE_SAYS, { ...TARGET, origin: SOURCE }],
  ['migrate', { ...ARGS, ...SOURCE, wanted: 'h2' }, ['checkMove compute/h1', ...RESIZE_PLAN.slice(1)], { ...TARGET, origin: SOURCE }],
  ['confirm-resize', RESIZED, ['destroy compute/h1', 'release host/h1'], { host: 'h2', claim: 'i1.2', origin: undefined }],
  ['revert-resize', RESIZED, ['stop compute/h2', 'start compute/h1', 'destroy compute/h2', 'release host/h2'], { ...SOURCE, origin: undefined }],
  ['revert-resize', { ...RESIZED, running: false }, ['stop compute/h2', 'destroy compute/h2', 'release host/h2'], { ...SOURCE, origin: undefined }],
  [
    'evacuate',
    { ...ARGS, ...SOURCE, running: true },
    ['requireFenced host/h1', 'pick scheduler/local', 'claim host/h2', 'receive compute/h2', 'release host/h1'],
    { ...TARGET, origin: undefined },
  ],
  [
    'shelve-offload',
    { ...ARGS, ...SOURCE },
    ['checkMove compute/h1', 'destroy compute/h1', 'release host/h1'],
    { host: null, claim: null, origin: undefined },
  ],
  ['unshelve', { ...ARGS, ...SOURCE }, ['start compute/h1'], { ...SOURCE, origin: undefined }],
  [
    'unshelve',
    { ...ARGS, host: null, claim: null },
    ['pick scheduler/local', 'claim host/h2', 'receive compute/h2'],
    { ...TARGET, origin: undefined },
  ],
  [
    'delete',
    RESIZED,
    ['destroy compute/h2', 'destroy compute/h1', 'release host/h2', 'release host/h1'],
    { host: null, claim: null, origin: undefined },
  ],
]

for (const [kind, args, said, left] of PLANS) {
  const how = `${kind}${args.wanted ? ` to ${args.wanted}` : ''}${args.running === false ? ' of a stopped one' : ''}`
  test(`${how} from ${args.host}: all goes well`, () => {
    const run = started(kind, args)
    toTheEnd(run)
    assert.equal(run.said, [...said, 'ended instance/i1'])
    assert.equal(ends(run), { outcome: 'done', ...left })
    assert.equal(
      run.orders,
      [...new Set(run.orders)].sort((a, b) => a - b),
      'ranks only grow',
    )
  })
}

test('a resize claims and makes the new size, and chooses another host than its own', () => {
  const run = started('resize', RESIZE)
  until(run, 'pick scheduler/local')
  assert.equal((run.call().args as { avoid: unknown }).avoid, ['h1'])
  until(run, 'claim host/h2')
  assert.is((run.call().args as { ramMb: unknown }).ramMb, BIG.ramMb)
  until(run, 'receive compute/h2')
  const { spec, running } = run.call().args as { spec: { vcpus: number }; running: boolean }
  assert.equal([spec.vcpus, running], [BIG.vcpus, true])
})

test('what cannot move is not stopped for it, and what a host alone has is not thrown away', () => {
  for (const kind of ['resize', 'migrate', 'shelve-offload']) {
    const run = started(kind, RESIZE)
    run.refuse('DriverFault', 'the disk cannot shrink')
    assert.equal(run.said, ['checkMove compute/h1', 'ended instance/i1'])
    assert.equal(ends(run), { outcome: 'undone', ...SOURCE, origin: undefined })
  }
})

/** A migration whose source offers its disk, up to the fetching of it. */
function offered(): Run {
  const run = started('migrate', { ...ARGS, ...SOURCE, running: true })
  until(run, 'offerDisk compute/h1')
  run.answer({ offer: { port: 1 } })
  assert.is(run.said.at(-1), 'fetchDisk compute/h2')
  return run
}
const FAR = { diskTotalBytes: 9, diskProcessedBytes: 4, diskRemainingBytes: 5 }

test('a disk that is a file of the source is fetched, asked about until it is there, and then taken over', () => {
  const run = offered()
  assert.equal((run.call().args as { offer: unknown }).offer, { port: 1 })
  run.answer({ done: false, ...FAR })
  assert.equal(run.body().steps.at(-1)?.progress, FAR)
  assert.is(run.said.at(-1), 'fetchDisk compute/h2')
  run.answer({ done: true, ...FAR })
  assert.is(run.said.at(-1), 'receive compute/h2')
  toTheEnd(run)
  assert.equal(ends(run), { outcome: 'done', ...TARGET, origin: SOURCE })
})

test('a target that is restarted is asked again, a source is told to offer anew, three times at most; then the guest starts where it was', () => {
  const run = offered()
  run.timeout()
  assert.is(run.said.at(-1), 'fetchDisk compute/h2')
  for (let i = 0; i < 2; i++) {
    run.refuse('DriverFault', 'the connection broke')
    until(run, 'offerDisk compute/h1')
    run.answer({ offer: { port: 2 + i } })
  }
  assert.equal((run.call().args as { offer: unknown }).offer, { port: 3 })
  run.refuse('DriverFault', 'the connection broke')
  toTheEnd(run)
  assert.equal(run.said.slice(-4), ['destroy compute/h2', 'start compute/h1', 'release host/h2', 'ended instance/i1'])
  assert.equal(ends(run), { outcome: 'undone', ...SOURCE, origin: undefined })
})

test('who lets a guest go leaves a disk that the hosts share; only the end of the instance takes it', () => {
  const keeps = (kind: string, args: OperationArgs): unknown[] => {
    const run = started(kind, args)
    const kept: unknown[] = []
    for (let i = 0; i < 30 && run.call().method !== 'ended'; i++) {
      if (run.call().method === 'destroy') kept.push((run.call().args as { keepDisk?: boolean }).keepDisk === true)
      answer(run)
    }
    return kept
  }
  assert.equal([keeps('confirm-resize', RESIZED), keeps('revert-resize', RESIZED), keeps('shelve-offload', RESIZE)], [[true], [true], [true]])
  assert.equal(keeps('delete', RESIZED), [false, false])
})

test('while a disk is fetched the guest may run at the source alone', () => {
  const run = offered()
  run.fire('deadline')
  assert.equal(ends(run), { outcome: 'failed', ...SOURCE, origin: TARGET })
})

test('a resize that fails on the target destroys what it made there before the source starts again', () => {
  const run = started('resize', RESIZE)
  until(run, 'receive compute/h2')
  run.timeout()
  run.timeout()
  toTheEnd(run)
  assert.equal(run.said.slice(-4), ['destroy compute/h2', 'start compute/h1', 'release host/h2', 'ended instance/i1'])
  assert.equal(ends(run), { outcome: 'undone', ...SOURCE, origin: undefined })
})

test('a target that is silent keeps the source from being started, until the deadline', () => {
  const run = started('resize', RESIZE)
  until(run, 'receive compute/h2')
  run.timeout()
  run.timeout()
  for (let i = 0; i < 10; i++) run.timeout()
  assert.not(run.said.includes('start compute/h1'))
  run.fire('deadline')
  assert.equal(ends(run), { outcome: 'failed', ...TARGET, origin: SOURCE }, 'what may run is on the target')
})

/** At the deadline `host` is where a guest may run. */
const AT_DEADLINE: readonly (readonly [kind: string, args: OperationArgs, at: string, left: object])[] = [
  ['resize', RESIZE, 'pick scheduler/local', { ...SOURCE, origin: undefined }],
  ['resize', RESIZE, 'claim host/h2', { ...SOURCE, origin: TARGET }],
  ['resize', RESIZE, 'stop compute/h1', { ...SOURCE, origin: TARGET }],
  ['resize', RESIZE, 'offerDisk compute/h1', { ...SOURCE, origin: TARGET }],
  ['resize', RESIZE, 'receive compute/h2', { ...TARGET, origin: SOURCE }],
  ['confirm-resize', RESIZED, 'destroy compute/h1', { host: 'h2', claim: 'i1.2', origin: SOURCE }],
  ['revert-resize', RESIZED, 'stop compute/h2', { host: 'h2', claim: 'i1.2', origin: SOURCE }],
  ['revert-resize', RESIZED, 'start compute/h1', { ...SOURCE, origin: { host: 'h2', claim: 'i1.2' } }],
  ['revert-resize', RESIZED, 'destroy compute/h2', { ...SOURCE, origin: { host: 'h2', claim: 'i1.2' } }],
  ['evacuate', RESIZE, 'receive compute/h2', { ...TARGET, origin: SOURCE }],
  ['delete', RESIZED, 'release host/h2', { host: 'h2', claim: 'i1.2', origin: SOURCE }],
  ['delete', RESIZE, 'destroy compute/h1', { ...SOURCE, origin: undefined }],
]

for (const [kind, args, at, left] of AT_DEADLINE) {
  test(`${kind}: the deadline comes at ${at}`, () => {
    const run = started(kind, args)
    until(run, at)
    run.fire('deadline')
    assert.equal(ends(run), { outcome: 'failed', ...left })
  })
}

test('a delete whose time to go forward runs out while the host may have obeyed has failed: nothing is as before', () => {
  const run = started('delete', RESIZE)
  until(run, 'destroy compute/h1')
  run.fire('forward')
  assert.equal(ends(run), { outcome: 'failed', ...SOURCE, origin: undefined })
})

test('a revert whose target does not answer never starts the source', () => {
  const run = started('revert-resize', RESIZED)
  for (let i = 0; i < 3; i++) run.timeout()
  assert.is(run.call().method, 'start', 'it goes on where it was')
  assert.is(run.said.at(-1), 'start compute/h2')
  toTheEnd(run)
  assert.equal(ends(run), { outcome: 'undone', host: 'h2', claim: 'i1.2', origin: SOURCE })
})

test('past the point of no return nothing turns back: no fault, no cancel, no time that runs out', () => {
  for (const fail of [(run: Run) => run.refuse('DriverFault'), (run: Run) => run.timeout()]) {
    const run = started('revert-resize', RESIZED)
    until(run, 'release host/h2')
    assert.not(run.work().some(w => w.key === 'forward'))
    assert.is(run.send('@timer', { key: 'forward' }).events, 0)
    assert.is(run.cancel().fault?.code, 'Conflict')
    for (let i = 0; i < 12; i++) fail(run)
    assert.is(run.said.at(-1), 'release host/h2')
    toTheEnd(run)
    assert.is(run.reported().outcome, 'done')
  }
})

test('a source that stays silent does not keep a resize from being confirmed: it cleans up when it comes back', () => {
  const run = started('confirm-resize', RESIZED)
  for (let i = 0; i < 3; i++) run.timeout()
  assert.is(run.said.at(-1), 'release host/h1')
  toTheEnd(run)
  assert.is(run.reported().outcome, 'done')
})

test('evacuate: a host that nobody has said to be fenced is refused at once, and nothing was claimed', () => {
  const run = started('evacuate', { ...ARGS, ...SOURCE, running: true })
  run.refuse('HostRefused', 'host h1 is down and not said to be fenced')
  assert.equal(run.said, ['requireFenced host/h1', 'ended instance/i1'])
  assert.equal(ends(run), { outcome: 'undone', ...SOURCE, origin: undefined })
})

test('a host somebody asked for and that refuses ends a move; without one the next candidate is tried', () => {
  const asked = started('migrate', { ...ARGS, ...SOURCE, wanted: 'h2' })
  until(asked, 'claim host/h2')
  asked.refuse('HostRefused')
  toTheEnd(asked)
  assert.is(asked.reported().outcome, 'undone')
  assert.is(asked.reported().fault?.code, 'HostRefused')
  const free = started('migrate', { ...ARGS, ...SOURCE })
  until(free, 'claim host/h2')
  free.refuse('HostRefused')
  until(free, 'claim host/h3')
  toTheEnd(free)
  assert.is(free.reported().host, 'h3')
})

test('a driver that cannot receive a guest is asked once, and the move is undone', () => {
  const run = started('migrate', { ...ARGS, ...SOURCE, running: true })
  until(run, 'receive compute/h2')
  run.refuse('DriverUnsupported')
  assert.is(run.said.at(-1), 'destroy compute/h2')
  toTheEnd(run)
  assert.is(run.said.filter(s => s.startsWith('receive')).length, 1)
  assert.is(run.reported().fault?.code, 'DriverUnsupported')
})

test('what a driver cannot take back it has not done: the undo ends', () => {
  const run = started('rescue')
  run.refuse('DriverUnsupported')
  assert.is(run.call().method, 'unrescue')
  run.refuse('DriverUnsupported')
  assert.equal(ends(run), { outcome: 'undone', ...SOURCE, origin: undefined })
})

test.run()
