import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { VmState } from '../../actors/api.ts'
import { type Fixture, instanceIn, newInstance, SPEC } from '../support/instance.ts'

/** Which action is allowed where; `building` stands for an instance whose build runs. */
const TABLE = `
            start stop soft-reboot hard-reboot pause unpause
  building  -     -    -           -           -     -
  active    -     yes  yes         yes         yes   -
  stopped   yes   -    -           yes         -     -
  paused    -     -    -           yes         -     yes
  suspended -     -    -           yes         -     -
  error     -     yes  -           yes         -     -
  deleted   -     -    -           -           -     -
`
const [actions = [], ...rows] = TABLE.trim()
  .split('\n')
  .map(line => line.trim().split(/\s+/))
const statesFor = (action: string): string[] => rows.filter(row => row[actions.indexOf(action) + 1] === 'yes').map(row => row[0] ?? '')

const argsOf = (action: string, requestId: string) => {
  const mode = action.endsWith('-reboot') ? action.split('-')[0] : undefined
  return { action: mode ? 'reboot' : action, ...(mode ? { mode } : {}), requestId }
}

for (const [state = '', ...cells] of rows) {
  for (const [i, cell] of cells.entries()) {
    const action = actions[i] ?? ''
    test(`${state} x ${action}: ${cell === 'yes' ? 'allowed' : 'refused'}`, () => {
      const instance = instanceIn(state)
      const before = instance.state()
      const answer = instance.send('act', argsOf(action, 'req-act'))
      if (cell === 'yes') {
        assert.equal(answer, { ok: { operation: `i1.${before.operations + 1}` } })
        assert.is(instance.state().task?.operation, `i1.${before.operations + 1}`)
        assert.is(instance.state().vmState, state, 'it changes when the operation has ended, not before')
        return
      }
      assert.is(instance.state(), before)
      if (state === 'deleted') {
        assert.is(answer.fault?.code, 'NotFound')
        return
      }
      const allowed = statesFor(action)
      assert.is(answer.fault?.code, 'Conflict')
      assert.match(answer.fault?.message ?? '', `it must be ${allowed.join(' or ')} with no task under way`)
      assert.equal(new Set(answer.fault?.details?.allowed as string[]), new Set(allowed))
      assert.is(answer.fault?.details?.vmState, state)
    })
  }
}

/** What an instance is after each action has ended, by how it ended. */
const ENDS: readonly (readonly [from: VmState, action: string, done: string, power: string])[] = [
  ['stopped', 'start', 'active', 'running'],
  ['active', 'stop', 'stopped', 'shutdown'],
  ['error', 'stop', 'stopped', 'shutdown'],
  ['active', 'soft-reboot', 'active', 'running'],
  ['paused', 'hard-reboot', 'active', 'running'],
  ['active', 'pause', 'paused', 'paused'],
  ['paused', 'unpause', 'active', 'running'],
]

for (const [from, action, done, power] of ENDS) {
  test(`${action} from ${from}: done is ${done}, undone is ${from} again, failed is error`, () => {
    for (const [outcome, expected] of [
      ['done', done],
      ['undone', from],
      ['failed', 'error'],
    ] as const) {
      const instance = instanceIn(from)
      instance.send('act', argsOf(action, 'req-act'))
      instance.end(outcome)
      const body = instance.body()
      assert.is(body?.vmState, expected, outcome)
      assert.is(body?.taskState, null)
      assert.is(body?.operation, null)
      if (outcome === 'done') assert.is(body?.powerState, power)
      assert.is(body?.fault === null, outcome === 'done', `${outcome}: the fault is shown`)
    }
  })
}

test('a build that is undone leaves an instance in error, on no host, that only a delete can help', () => {
  const instance = newInstance()
  instance.send('create', { ...SPEC, requestId: 'req-1' })
  instance.end('undone', { host: null, claim: null })
  assert.is(instance.body()?.vmState, 'error')
  assert.is(instance.body()?.host, null)
  const refused = instance.send('act', { action: 'reboot', mode: 'hard', requestId: 'req-2' })
  assert.is(refused.fault?.code, 'Conflict')
  assert.match(refused.fault?.message ?? '', 'it is on no host; delete it')
  assert.equal(instance.send('delete', { requestId: 'req-3' }), { ok: { operation: 'i1.2' } })
})

test('create: the same again is the same instance; other arguments are a conflict', () => {
  const instance = newInstance()
  const first = instance.send('create', { ...SPEC, requestId: 'req-1' })
  const after = instance.state()
  assert.equal(instance.send('create', { ...SPEC, requestId: 'req-1' }), first)
  assert.is(instance.state(), after)
  assert.is(instance.send('create', { ...SPEC, name: 'other', requestId: 'req-1' }).fault?.code, 'Conflict')
  assert.is(instance.send('create', { ...SPEC, image: 'other', requestId: 'req-1' }).fault?.code, 'Conflict')
})

/** A second request with the id of the first changes nothing and is answered like the first, whatever has happened meanwhile. */
const MEANWHILE: readonly (readonly [string, (instance: Fixture) => void])[] = [
  ['while it runs', () => {}],
  ['after it was done', instance => instance.end('done')],
  ['after it was undone', instance => instance.end('undone')],
  ['after it failed', instance => instance.end('failed')],
  [
    'while a later delete runs',
    instance => {
      instance.end('done')
      instance.send('delete', { requestId: 'req-later' })
    },
  ],
]

for (const [when, happens] of MEANWHILE) {
  test(`act is idempotent by request id ${when}`, () => {
    const instance = instanceIn('active')
    const first = instance.send('act', { action: 'stop', requestId: 'req-act' })
    happens(instance)
    const before = instance.state()
    assert.equal(instance.send('act', { action: 'stop', requestId: 'req-act' }), first)
    assert.is(instance.state(), before)
  })
}

for (const [when, happens] of MEANWHILE.slice(0, 4)) {
  test(`delete is idempotent by request id ${when}`, () => {
    const instance = instanceIn('active')
    const first = instance.send('delete', { requestId: 'req-del' })
    happens(instance)
    const before = instance.state()
    assert.equal(instance.send('delete', { requestId: 'req-del' }), first)
    assert.is(instance.state(), before)
  })
}

test('a deleted instance stays deleted: another delete is NotFound', () => {
  const instance = instanceIn('deleted')
  assert.is(instance.send('delete', { requestId: 'req-other' }).fault?.code, 'NotFound')
  assert.is(instance.body()?.vmState, 'deleted')
  assert.is(instance.finished(), true)
})

test('a delete overtakes a build: it waits, the build is asked to cancel, then the delete runs', () => {
  const instance = newInstance()
  instance.send('create', { ...SPEC, requestId: 'req-1' })
  assert.equal(instance.workKeys(), ['start:i1.1'])
  assert.equal(instance.send('delete', { requestId: 'req-2' }), { ok: { operation: 'i1.2' } })
  assert.equal(instance.workKeys(), ['start:i1.1', 'cancel:i1.1'])
  assert.is(instance.body()?.taskState, 'deleting')
  assert.is(instance.send('delete', { requestId: 'req-3' }).fault?.code, 'Conflict')
  assert.is(instance.finished(), false)
  instance.end('undone', { host: null, claim: null })
  assert.equal(instance.workKeys(), ['start:i1.2'])
  instance.end('done', { host: null, claim: null })
  assert.equal(instance.workKeys(), [])
  assert.is(instance.body()?.vmState, 'deleted')
  assert.is(instance.body()?.deletedAt, instance.nowMs())
})

test('a delete that waits behind a build which is done anyway still deletes', () => {
  const instance = newInstance()
  instance.send('create', { ...SPEC, requestId: 'req-1' })
  instance.send('delete', { requestId: 'req-2' })
  instance.end('done')
  assert.is(instance.body()?.taskState, 'deleting')
  const start = instance.work()[0]
  assert.is(start?.type, 'call')
  assert.equal(start?.type === 'call' ? start.args : null, {
    kind: 'delete',
    subject: 'i1',
    requestId: 'req-2',
    args: { spec: SPEC, host: 'h1', claim: 'i1.1', mode: null },
  })
})

test('an end reported twice, or by an operation that is over, changes nothing', () => {
  const instance = instanceIn('active')
  instance.send('act', { action: 'stop', requestId: 'req-act' })
  const before = instance.state()
  assert.equal(instance.send('ended', { operation: 'i1.1', outcome: 'failed', host: null, claim: null, fault: null }), { ok: null })
  assert.is(instance.state(), before)
  instance.end('done')
  const after = instance.state()
  instance.send('ended', { operation: 'i1.2', outcome: 'failed', host: null, claim: null, fault: null })
  assert.is(instance.state(), after)
})

test('an operation that could not be started is asked for again, after a pause that grows', () => {
  const instance = newInstance()
  instance.send('create', { ...SPEC, requestId: 'req-1' })
  const pauses: number[] = []
  for (let i = 0; i < 8; i++) {
    const key = instance.workKeys()[0] ?? ''
    instance.send('@result', { key, ok: false, fault: { code: 'Internal', message: 'crashed' } })
    const [start] = instance.work()
    assert.ok(start?.type === 'call' && start.notBefore !== undefined)
    assert.is.not(start.key, key, 'a new key is a new call')
    pauses.push(start.notBefore - instance.nowMs())
    const again = instance.state()
    instance.send('@result', { key, ok: false, fault: { code: 'Internal', message: 'crashed' } })
    assert.is(instance.state(), again, 'an answer to an earlier try is ignored')
  }
  assert.equal(
    pauses,
    [...pauses].sort((a, b) => a - b),
  )
  assert.ok((pauses[0] ?? 0) > 0 && (pauses.at(-1) ?? 0) <= 15_000)
  assert.is(instance.body()?.taskState, 'scheduling')
})

test('a broken operation puts its instance in error, from any state, so that it can be deleted', () => {
  for (const state of ['building', 'active', 'error']) {
    const instance = instanceIn(state)
    if (state !== 'building') instance.send('act', { action: 'reboot', mode: 'hard', requestId: 'req-act' })
    instance.send('broken', { operation: state === 'building' ? 'i1.1' : 'i1.2', reason: 'set aside' })
    assert.is(instance.body()?.vmState, 'error', state)
    assert.is(instance.body()?.fault?.code, 'Poisoned')
    assert.is(instance.body()?.operation, null, `${state}: no task holds it`)
    assert.ok(instance.send('delete', { requestId: 'req-del' }).ok)
  }
})

test('a delete that was accepted goes on when the operation before it breaks', () => {
  const instance = newInstance()
  instance.send('create', { ...SPEC, requestId: 'req-1' })
  instance.send('delete', { requestId: 'req-2' })
  instance.send('broken', { operation: 'i1.1', reason: 'set aside' })
  assert.equal(instance.workKeys(), ['start:i1.2'])
  const before = instance.state()
  instance.send('broken', { operation: 'i1.1', reason: 'set aside' })
  assert.is(instance.state(), before, 'said twice, and no longer its business')
})

test('an operation that breaks after its instance was deleted does not bring it back', () => {
  const instance = instanceIn('deleted')
  instance.send('broken', { operation: 'i1.2', reason: 'set aside' })
  assert.is(instance.body()?.vmState, 'deleted')
})

test('nothing but create and a report of a guest is for an instance that never was', () => {
  for (const method of ['get', 'act', 'delete', 'ended', 'guestMissing', 'broken']) {
    assert.is(
      newInstance().send(method, { requestId: 'r', action: 'stop', host: 'h1', operation: 'i1.1', reason: 'x' }).fault?.code,
      'NotFound',
      method,
    )
  }
})

test.run()
