/** What people may ask of an instance beside its operations, and what it begins by itself. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Fixture, instanceIn, newInstance, SPEC } from '../support/instance.ts'

const BIG = { id: 'big', name: 'big', vcpus: 4, ramMb: 256, diskGb: 9 }
const timers = (instance: Fixture) => instance.work().filter(w => w.type === 'timer')
const fire = (instance: Fixture): void => {
  const [timer] = timers(instance)
  assert.ok(timer?.type === 'timer')
  instance.elapse(Math.max(0, timer.at - instance.nowMs()))
  instance.send('@timer', { key: timer.key })
}

test('a soft delete whose answer was lost is answered again, also when a delete for good waits behind it', () => {
  const instance = instanceIn('active')
  const soft = { requestId: 'req-soft', reclaimMs: 60_000 }
  const first = instance.send('delete', soft)
  instance.send('delete', { requestId: 'req-hard' })
  assert.equal(instance.send('delete', soft), first)
  instance.end('done')
  assert.equal(instance.send('delete', soft), first)
})

test('what was refused stays refused: a copy of the request that comes when it could be done is told the same', () => {
  const instance = instanceIn('active')
  const stop = { action: 'stop', requestId: 'req-1' }
  instance.send('act', { action: 'pause', requestId: 'req-0' })
  const { fault } = instance.send('act', stop)
  assert.is(fault?.code, 'Conflict')
  assert.equal(instance.send('decline', { requestId: 'req-1', fault }), { ok: { accepted: null } })
  const updatedAt = instance.body()?.updatedAt
  instance.end('undone')
  assert.equal(instance.send('act', stop), { fault })
  assert.equal(instance.send('delete', { requestId: 'req-1' }), { fault }, 'the request is known, whatever it asks for')
  assert.is(instance.body()?.operation, null)
  assert.is(instance.body()?.updatedAt, (updatedAt ?? 0) + 1000, 'a refusal changes nothing that anybody sees')
  assert.equal(Object.keys(instance.send('act', { ...stop, requestId: 'req-2' })), ['ok'])
})

test('a request of which another copy was accepted cannot be refused any more, however much was done since', () => {
  const instance = instanceIn('active')
  const accepted = instance.send('act', { action: 'stop', requestId: 'req-1' }).ok
  instance.end('done')
  for (const action of ['start', 'reboot', 'pause', 'unpause']) {
    instance.send('act', { action, mode: 'soft', requestId: `req-${action}` })
    instance.end('done')
  }
  const fault = { code: 'Conflict', message: 'it is paused' }
  assert.equal(instance.send('decline', { requestId: 'req-1', fault }), { ok: { accepted } })
  assert.equal(instance.send('act', { action: 'stop', requestId: 'req-1' }), { ok: accepted }, 'and it is not done twice')
  assert.is(instance.body()?.operation, null)
})

test('answers are remembered as long as copies may come, and no longer', () => {
  const instance = instanceIn('active')
  const fault = { code: 'Conflict', message: 'no' }
  for (let i = 0; i < 100; i++) instance.send('decline', { requestId: `req-${i}`, fault })
  assert.is(instance.state().answers?.length, 16)
  assert.equal(instance.send('act', { action: 'stop', requestId: 'req-99' }), { fault })
})

test('a soft delete is reclaimed by the instance itself, at its time, and not when it was restored', () => {
  const instance = instanceIn('active')
  instance.send('delete', { requestId: 'req-1', reclaimMs: 60_000 })
  instance.end('done')
  assert.is(instance.body()?.vmState, 'soft-delete')
  const [timer] = timers(instance)
  assert.equal(timer, { type: 'timer', key: `due:delete:${instance.nowMs() + 60_000}`, at: instance.nowMs() + 60_000 })
  instance.send('act', { action: 'restore', requestId: 'req-2' })
  instance.end('done')
  assert.equal(timers(instance), [])
  assert.is(instance.send('@timer', { key: timer?.key }).ok, null)
  assert.is(instance.body()?.vmState, 'active', 'a timer that was under way means nothing any more')
  instance.send('delete', { requestId: 'req-3', reclaimMs: 60_000 })
  instance.end('done')
  instance.send('lock', {})
  fire(instance)
  assert.is(instance.body()?.taskState, 'deleting', 'who set the timer had the right to it; a later lock does not hold it')
  instance.end('done')
  assert.is(instance.body()?.vmState, 'deleted')
  assert.equal(timers(instance), [])
})

test('a reclaim that could not be done is tried again a minute later', () => {
  const instance = instanceIn('soft-delete')
  fire(instance)
  instance.end('undone')
  const [timer] = timers(instance)
  assert.is(timer?.type === 'timer' ? timer.at : 0, instance.nowMs() + 60_000)
})

test('a delete softly asked for behind a build that comes to nothing is a delete for good', () => {
  const instance = instanceIn('building')
  instance.send('delete', { requestId: 'req-1', reclaimMs: 60_000 })
  instance.end('undone', { host: null, claim: null })
  const [start] = instance.work()
  assert.is(start?.type === 'call' ? (start.args as { kind: string }).kind : '', 'delete')
})

test('a delete for good waits behind a soft one, and ends it', () => {
  const instance = instanceIn('active')
  instance.send('delete', { requestId: 'req-1', reclaimMs: 60_000 })
  assert.equal(instance.send('delete', { requestId: 'req-2' }), { ok: { operation: 'i1.3' } })
  instance.end('done')
  assert.is(instance.body()?.taskState, 'deleting')
})

test('a resize: both ends and both sizes, until it is confirmed by itself', () => {
  const instance = instanceIn('stopped')
  instance.send('act', { action: 'resize', requestId: 'r', change: { flavor: BIG }, followUp: { kind: 'confirm-resize', afterMs: 5000 } })
  instance.end('done', { host: 'h2', claim: 'i1.3', origin: { host: 'h1', claim: 'i1.1' } })
  const body = instance.body()
  assert.equal([body?.vmState, body?.powerState, body?.flavor.id, body?.host], ['resized', 'shutdown', 'big', 'h2'])
  assert.equal(body?.origin, { host: 'h1', claim: 'i1.1', flavor: 'tiny', vcpus: 1, ramMb: 64, diskGb: 1 })
  fire(instance)
  const [start] = instance.work()
  assert.equal(start?.type === 'call' ? (start.args as { args: object }).args : null, {
    spec: { ...SPEC, flavor: BIG },
    host: 'h2',
    claim: 'i1.3',
    mode: null,
    origin: { host: 'h1', claim: 'i1.1' },
  })
  instance.end('done', { host: 'h2', claim: 'i1.3' })
  assert.equal([instance.body()?.vmState, instance.body()?.origin, instance.body()?.flavor.id], ['stopped', null, 'big'])
})

test('a revert gives back host, size and power', () => {
  const instance = instanceIn('active')
  instance.send('act', { action: 'resize', requestId: 'r', change: { flavor: BIG }, followUp: { kind: 'confirm-resize', afterMs: 5000 } })
  instance.end('done', { host: 'h2', claim: 'i1.2', origin: { host: 'h1', claim: 'i1.1' } })
  instance.send('act', { action: 'revert-resize', requestId: 'r2' })
  instance.end('done', { host: 'h1', claim: 'i1.1' })
  const body = instance.body()
  assert.equal([body?.vmState, body?.powerState, body?.flavor.id, body?.host, body?.origin], ['active', 'running', 'tiny', 'h1', null])
  assert.equal(timers(instance), [], 'nothing is confirmed any more')
  assert.is(instance.send('act', { action: 'confirm-resize', requestId: 'r3' }).fault?.code, 'Conflict')
})

test('a resize that failed half-way holds two hosts: it can be deleted, rebooted hard or freed of the second, and nothing else', () => {
  const failed = (): Fixture => {
    const instance = instanceIn('active')
    instance.send('act', { action: 'resize', requestId: 'r', change: { flavor: BIG } })
    instance.end('failed', { host: 'h2', claim: 'i1.2', origin: { host: 'h1', claim: 'i1.1' } })
    return instance
  }
  assert.is(failed().body()?.flavor.id, 'big', 'the size claimed where it is')
  for (const action of ['rebuild', 'evacuate', 'rescue', 'stop']) {
    assert.match(failed().send('act', { action, requestId: 'r2' }).fault?.message ?? '', 'two hosts, h2 and h1', action)
  }
  assert.is(failed().send('reset', { state: 'active' }).fault?.code, 'Conflict')
  assert.ok(failed().send('act', { action: 'reboot', mode: 'hard', requestId: 'r2' }).ok)
  const instance = failed()
  assert.ok(instance.send('act', { action: 'confirm-resize', requestId: 'r2' }).ok)
  instance.end('done', { host: 'h2', claim: 'i1.2' })
  assert.equal([instance.body()?.vmState, instance.body()?.origin], ['error', null])
})

test('guests on both ends of a resize are kept, and only the one where it is says anything about its power', () => {
  const instance = instanceIn('resized')
  const before = instance.state()
  const seen = (host: string, power: string) => instance.send('guestSeen', { host, power, order: Number.MAX_SAFE_INTEGER }).ok as { keep: boolean }
  assert.is(seen('h1', 'shutdown').keep, true)
  assert.is(seen('h3', 'shutdown').keep, false)
  assert.is(instance.state(), before)
  seen('h2', 'crashed')
  assert.equal([instance.body()?.vmState, instance.body()?.powerState], ['resized', 'crashed'])
})

test('a move to where it is, and a resize to the size it has, are refused', () => {
  const instance = instanceIn('active')
  assert.match(instance.send('act', { action: 'migrate', host: 'h1', requestId: 'r' }).fault?.message ?? '', 'it is there already')
  assert.is(instance.send('act', { action: 'resize', change: { flavor: SPEC.flavor }, requestId: 'r' }).fault?.code, 'BadRequest')
})

test('name, metadata and tags change at any time; a lock holds the metadata', () => {
  const instance = instanceIn('building')
  instance.send('update', { requestId: 'r1', name: 'new', metadata: { a: '1', b: '2' }, tags: ['x', 'x', 'y'] })
  instance.send('update', { requestId: 'r2', setMetadata: { c: '3' }, unsetMetadata: ['a'] })
  assert.equal([instance.body()?.name, instance.body()?.metadata, instance.body()?.tags], ['new', { b: '2', c: '3' }, ['x', 'y']])
  assert.ok(instance.send('create', { ...SPEC, requestId: 'req-create' }).ok, 'the create that comes again is still the same')
  instance.send('lock', { reason: 'audit' })
  assert.match(instance.send('update', { requestId: 'r3', setMetadata: { d: '4' } }).fault?.message ?? '', 'locked (audit)')
  assert.ok(instance.send('update', { requestId: 'r4', name: 'newer', tags: [] }).ok)
  const args = { update: { requestId: 'r5' }, lock: {}, unlock: {} }
  for (const [method, given] of Object.entries(args)) assert.is(instanceIn('deleted').send(method, given).fault?.code, 'NotFound')
})

test('a reset says what an instance is, where it is on one host and nothing is under way', () => {
  const instance = instanceIn('error')
  instance.send('reset', { state: 'active' })
  assert.equal([instance.body()?.vmState, instance.body()?.fault], ['active', null])
  for (const state of ['resized', 'shelved_offloaded', 'soft-delete']) {
    const { fault } = instanceIn(state).send('reset', { state: 'error' })
    assert.is(fault?.code, 'Conflict', state)
    assert.match(fault?.message ?? '', 'must be active or')
  }
  instance.send('act', { action: 'stop', requestId: 'r' })
  assert.match(instance.send('reset', { state: 'error' }).fault?.message ?? '', 'operation i1.2 of instance i1 is under way; cancel it')
})

test('a copy of an update that comes late changes nothing a second time', () => {
  const instance = instanceIn('active')
  instance.send('update', { requestId: 'r1', name: 'first' })
  instance.send('update', { requestId: 'r2', name: 'second' })
  assert.ok(instance.send('update', { requestId: 'r1', name: 'first' }).ok)
  assert.is(instance.body()?.name, 'second')
})

test('whether a disk goes with the instance is changed at once; not one it does not have, nor while a task is under way', () => {
  const instance = instanceIn('active')
  instance.send('act', { action: 'attach-disk', disk: { id: 'd1', tag: 'db' }, requestId: 'req-a' })
  const change = { requestId: 'req-u', disk: { id: 'd1', deleteOnTermination: true } }
  assert.is(instance.send('update', change).fault?.code, 'NotFound')
  instance.end('done')
  instance.send('update', change)
  assert.equal(instance.body()?.devices.disks, [{ id: 'd1', sizeGb: 1, device: '/dev/vdb', tag: 'db', deleteOnTermination: true }])
  instance.send('act', { action: 'stop', requestId: 'req-s' })
  const during = instance.send('update', { requestId: 'req-v', disk: { id: 'd1', deleteOnTermination: false } })
  assert.is(during.fault?.code, 'Conflict')
})

test('who asked goes with the operation, and is remembered of the instance', () => {
  const instance = newInstance()
  instance.send('create', { ...SPEC, user: 'ann', requestId: 'req-1', by: { user: 'ann', trace: 't' } })
  assert.is(instance.body()?.user, 'ann')
  const [start] = instance.work()
  assert.equal(start?.type === 'call' && (start.args as { by?: object }).by, { user: 'ann', trace: 't' })
})

test('a guest leaves its password once, by the host it is on; its owner clears it', () => {
  const instance = instanceIn('active')
  const leave = (password: string, host: string) => instance.send('leavePassword', { password }, host).fault?.code
  assert.is(leave('abc=', 'h2'), 'NotFound')
  assert.is(leave('abc=', 'h1'), undefined)
  assert.is(leave('abc=', 'h1'), undefined, 'told twice')
  assert.is(leave('abd=', 'h1'), 'Conflict')
  assert.is(instance.body()?.about?.password, 'abc=')
  instance.send('update', { requestId: 'req-c', about: { password: null } })
  assert.is(instance.body()?.about?.password, undefined)
  assert.is(leave('abd=', 'h1'), undefined)
})

test.run()
