/** What an instance makes of the reports about its guest. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Holdings } from '../../actors/instance/guests.ts'
import { commandOrder } from '../../actors/instance/instance.ts'
import { instanceIn, newInstance, SPEC } from '../support/instance.ts'

const NEWEST = Number.MAX_SAFE_INTEGER
const seen = (power: string, host = 'h1', order = NEWEST) => ({ host, power, order })

/** What an instance at rest becomes when its host reports its guest so; `=` means no event at all. */
const TABLE = `
           running         paused         shutdown          crashed
  active   =               paused/paused  stopped/shutdown  stopped/crashed
  stopped  active/running  stopped/paused =                 stopped/crashed
  paused   active/running  =              stopped/shutdown  stopped/crashed
  error    =               =              =                 =
`
const [powers = [], ...rows] = TABLE.trim()
  .split('\n')
  .map(line => line.trim().split(/\s+/))

for (const [state = '', ...cells] of rows) {
  test(`a guest of an instance that is ${state}, as its host sees it`, () => {
    for (const [i, cell] of cells.entries()) {
      const instance = instanceIn(state)
      const before = instance.state()
      const answer = instance.send('guestSeen', seen(powers[i] ?? ''))
      assert.equal(answer.ok, { known: true, keep: true, order: commandOrder(before.operations + 1, 0) })
      if (cell === '=') assert.is(instance.state(), before, powers[i])
      else assert.is(`${instance.body()?.vmState}/${instance.body()?.powerState}`, cell, powers[i])
      if (powers[i] === 'crashed' && state !== 'error') assert.is(instance.body()?.fault?.code, 'DriverFault')
    }
  })
}

test('a report from before the newest command that was obeyed tells of the past', () => {
  const instance = instanceIn('stopped')
  const before = instance.state()
  instance.send('guestSeen', seen('running', 'h1', commandOrder(1, 3)))
  assert.is(instance.state(), before, 'it was running before it was stopped')
  instance.send('guestSeen', seen('running', 'h1', commandOrder(2, 1)))
  assert.is(instance.body()?.vmState, 'active')
})

test('a guest on another host, or of a deleted instance, must go, with a rank above everything so far', () => {
  for (const [state, host] of [
    ['active', 'h2'],
    ['error', 'h2'],
    ['deleted', 'h1'],
  ] as const) {
    const instance = instanceIn(state)
    const before = instance.state()
    assert.equal(
      instance.send('guestSeen', seen('running', host)).ok,
      // Its disk goes too, if it is nowhere else.
      { known: true, keep: false, ...(state === 'deleted' ? { isGone: true } : {}), order: commandOrder(before.operations + 1, 0) },
      state,
    )
    assert.is(instance.state(), before)
    const build = commandOrder(before.operations, 999_999)
    assert.ok(commandOrder(before.operations + 1, 0) > build, 'no command of an operation so far outranks it')
  }
})

test('while an operation runs every guest is left to it', () => {
  const instance = instanceIn('active')
  instance.send('act', { action: 'stop', requestId: 'req-act' })
  const before = instance.state()
  assert.equal(instance.send('guestSeen', seen('crashed', 'h2')).ok, { known: true, keep: true })
  assert.equal(instance.send('guestMissing', { host: 'h1' }), { ok: null })
  assert.is(instance.state(), before)
})

test('an operation that gives the guest no command leaves its rank: what its host reports afterwards still counts', () => {
  const two = { host: 'h2', claim: 'i1.2', origin: { host: 'h1', claim: 'i1.1' } }
  for (const { first, action, host } of [
    { first: 'active', action: 'confirm-resize', host: 'h2' },
    { first: 'stopped', action: 'revert-resize', host: 'h1' },
  ]) {
    const instance = instanceIn(first)
    instance.send('act', { action: 'migrate', requestId: 'req-migrate' })
    const { operations } = instance.state()
    instance.end('done', two)
    instance.send('act', { action, requestId: 'req-next' })
    instance.end('done', { host, claim: 'i1.1' })
    instance.send('guestSeen', seen('crashed', host, commandOrder(operations, 3)))
    assert.is(instance.body()?.powerState, 'crashed', action)
  }
})

test('a guest nobody knows is kept: it may belong to something older than the journal', () => {
  const instance = newInstance()
  assert.equal(instance.send('guestSeen', seen('running')).ok, { known: false, keep: true })
  assert.is(instance.state().spec, null)
})

test('a guest nobody knows goes when the policy says so, with a rank above its own', () => {
  assert.equal(newInstance().send('guestSeen', { ...seen('running', 'h1', 7), unknown: 'destroy' }).ok, { known: false, keep: false, order: 8 })
})

test('the guest that is kept for a revert must not run', () => {
  const instance = instanceIn('resized')
  const source = instance.body()?.origin?.host ?? ''
  const order = commandOrder(instance.state().operations + 1, 0)
  assert.equal(instance.send('guestSeen', seen('running', source)).ok, { known: true, keep: true, stop: true, order })
  assert.equal(instance.send('guestSeen', seen('shutdown', source)).ok, { known: true, keep: true, order })
})

test('after a confirm the guest is still heard: it was told nothing, so its rank is older than the confirm', () => {
  const instance = instanceIn('resized')
  const host = instance.body()?.host ?? ''
  const told = commandOrder(instance.state().operations, 4)
  instance.send('act', { action: 'confirm-resize', requestId: 'req-confirm' })
  instance.end('done', { host, claim: instance.body()?.claim ?? '' })
  assert.is(instance.body()?.vmState, 'active')
  instance.send('guestSeen', seen('crashed', host, told))
  assert.is(instance.body()?.vmState, 'stopped')
})

test('which room it holds: its own, and that of the source while a resize waits; none when it is deleted', () => {
  const hosts = (state: string) => (instanceIn(state).send('room', {}).ok as Holdings).claims.map(c => `${c.host} ${c.ramMb}`)
  assert.equal(hosts('active'), ['h1 64'])
  assert.is(hosts('resized').length, 2)
  assert.equal(hosts('deleted'), [])
  const busy = instanceIn('active')
  busy.send('act', { action: 'stop', requestId: 'req-stop' })
  assert.is((busy.send('room', {}).ok as Holdings).changing, true)
  assert.equal(newInstance().send('room', {}).ok, { changing: false, claims: [], order: commandOrder(1, 0) })
})

test('a vanished guest, by policy: the instance is in error, is rebuilt, or stays as it is', () => {
  const after = (vanished: string, state = 'active') => {
    const instance = instanceIn(state)
    instance.send('guestMissing', { host: 'h1', vanished })
    return `${instance.body()?.vmState} ${instance.body()?.taskState}`
  }
  assert.is(after('error'), 'error null')
  assert.is(after('ignore'), 'active null')
  assert.is(after('rebuild'), 'active rebuilding')
  assert.is(after('rebuild', 'paused'), 'error null', 'it cannot be rebuilt from there')
})

test('a guest missing on its host puts the instance in error; a stop, a delete or a reboot can still be asked for', () => {
  const instance = instanceIn('active')
  instance.send('guestMissing', { host: 'h1' })
  assert.is(instance.body()?.vmState, 'error')
  assert.match(instance.body()?.fault?.message ?? '', 'vanished from host h1')
  const after = instance.state()
  instance.send('guestMissing', { host: 'h1' })
  assert.is(instance.state(), after, 'said once')
  assert.ok(instance.send('delete', { requestId: 'req-del' }).ok)
})

test('that a guest was missing before the instance last changed is no news', () => {
  const instance = instanceIn('active')
  const asOf = instance.body()?.updatedAt ?? 0
  instance.elapse(1000)
  instance.send('lock', {})
  instance.send('guestMissing', { host: 'h1', asOf })
  assert.is(instance.body()?.vmState, 'active')
  instance.send('guestMissing', { host: 'h1', asOf: instance.body()?.updatedAt ?? 0 })
  assert.is(instance.body()?.vmState, 'error')
})

test('a guest missing where it does not belong is no news', () => {
  for (const [state, host] of [
    ['active', 'h2'],
    ['deleted', 'h1'],
  ] as const) {
    const instance = instanceIn(state)
    const before = instance.state()
    instance.send('guestMissing', { host })
    assert.is(instance.state(), before)
  }
})

test('the times of a life', () => {
  const instance = newInstance()
  instance.send('create', { ...SPEC, requestId: 'r1' })
  const createdAt = instance.nowMs()
  instance.end('done')
  const launchedAt = instance.nowMs()
  instance.send('act', { action: 'stop', requestId: 'r2' })
  instance.end('done')
  instance.send('delete', { requestId: 'r3' })
  instance.end('done')
  const body = instance.body()
  assert.equal([body?.createdAt, body?.launchedAt, body?.deletedAt, body?.updatedAt], [createdAt, launchedAt, instance.nowMs(), instance.nowMs()])
})

test('ranks: a later operation outranks every command of an earlier one', () => {
  assert.ok(commandOrder(2, 0) > commandOrder(1, 999_999))
  assert.ok(commandOrder(1, 2) > commandOrder(1, 1))
})

test.run()
