/** What an operator wants of a host: drained, in maintenance, evacuated, open again, forgotten. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { HostBody } from '../../actors/api.ts'
import { type HostInfo, hostActor } from '../../actors/host/host.ts'
import { applyCommand, type Work } from '../../actors/kernel/define.ts'

const INFO: HostInfo = { driver: 'fake', pid: 7, version: '0.1.0', vcpus: 8, ramMb: 1024, diskGb: 10 }
const actor = hostActor({ vcpu: 4, ram: 1, disk: 1 })
const EMPTY = { kind: 'drain', parallel: 2, cold: false, requestId: 'req-1' }
const CLAIM = { claim: 'i1.1', order: 1, instance: 'i1', vcpus: 1, ramMb: 64, diskGb: 1 }

function host(...done: readonly (readonly [method: string, args?: object])[]) {
  let state = actor.initial('h1')
  function send(method: string, args: object = {}): unknown {
    const wrong = actor.methods[method]?.check?.(args)
    if (wrong) throw new Error(wrong)
    const command = { method, args } as Parameters<typeof actor.decide>[1]
    const next = applyCommand(actor, state, command, { id: 'h1', now: 1000, from: { role: 'conductor', node: 'c1' } })
    state = next.state
    return next.reply
  }
  for (const [method, args] of done) send(method, args)
  const body = (): HostBody => actor.view(state, 'h1')?.body as HostBody
  return { send, body, work: (): readonly Work[] => actor.work(state, 'h1') }
}

const UP = ['register', INFO] as const
const DOWN = ['observe', { state: 'down' }] as const
const ended = (outcome: string, number = 1) => ['ended', { operation: `h1.${number}`, outcome, reason: 'drained by operation h1.1' }] as const

test('a drain closes the host at once and is started until it ends; drained, it stays closed', () => {
  const h = host(UP)
  assert.equal(h.send('empty', EMPTY), { operation: 'h1.1' })
  assert.equal([h.body().mode, h.body().enabled, h.body().operation], ['draining', false, 'h1.1'])
  assert.throws(() => h.send('claim', CLAIM), /host h1 is being drained by operation h1.1/)
  const [start] = h.work()
  assert.ok(start?.type === 'call')
  assert.equal([start.to, start.method], [{ kind: 'host-operation', id: 'h1.1' }, 'start'])
  h.send(...ended('done'))
  h.send(...ended('done'))
  assert.equal(h.work(), [])
  assert.equal([h.body().mode, h.body().disabledReason, h.body().operation], ['disabled', 'drained by operation h1.1', null])
  h.send('open')
  assert.equal([h.body().mode, h.body().enabled], ['enabled', true])
  h.send('claim', CLAIM)
})

test('asked twice: the same request is the same drain, another is refused', () => {
  const h = host(UP, ['empty', EMPTY])
  assert.equal(h.send('empty', EMPTY), { operation: 'h1.1' })
  assert.throws(() => h.send('empty', { ...EMPTY, requestId: 'req-2' }), /being emptied already, by operation h1.1/)
  h.send(...ended('failed'))
  assert.equal(h.send('empty', EMPTY), { operation: 'h1.1' })
  assert.equal(h.send('empty', { ...EMPTY, requestId: 'req-2' }), { operation: 'h1.2' })
})

test('opened while it drains: the drain is cancelled, and the host is as it was', () => {
  const h = host(UP, ['empty', EMPTY], ['open'])
  assert.equal(
    h.work().map(w => w.key),
    ['start:h1.1', 'cancel:h1.1'],
  )
  assert.throws(() => h.send('setEnabled', { enabled: true }), /cancel that first/)
  h.send(...ended('undone'))
  assert.is(h.body().mode, 'enabled')
  const disabled = host(UP, ['setEnabled', { enabled: false, reason: 'disk' }], ['empty', EMPTY], ended('undone'))
  assert.equal([disabled.body().mode, disabled.body().disabledReason], ['disabled', 'disk'])
})

test('maintenance begins when the host is empty, and ends when it is said so', () => {
  const h = host(UP, ['empty', { ...EMPTY, kind: 'maintenance' }])
  assert.is(h.body().mode, 'draining')
  h.send(...ended('done'))
  assert.is(h.body().mode, 'maintenance')
  assert.throws(() => h.send('claim', CLAIM), /is in maintenance/)
  assert.throws(() => h.send('setEnabled', { enabled: true }), /baton host maintenance h1 off/)
  h.send('open')
  assert.is(h.body().mode, 'enabled')
  const failed = host(UP, ['empty', { ...EMPTY, kind: 'maintenance' }], ended('failed'))
  assert.is(failed.body().mode, 'disabled')
})

test('the end of maintenance ends that and nothing else: no drain, and no word of an operator before', () => {
  const draining = host(UP, ['empty', EMPTY], ['endMaintenance'])
  assert.equal(draining.work().length, 1, 'the drain goes on')
  const onTheWay = host(UP, ['empty', { ...EMPTY, kind: 'maintenance' }], ['endMaintenance'])
  assert.equal(onTheWay.work().length, 2, 'the way into maintenance is cancelled')
  const reason = { enabled: false, reason: 'disk' }
  const disabled = host(UP, ['setEnabled', reason], ['empty', { ...EMPTY, kind: 'maintenance' }], ended('done'), ['endMaintenance'])
  assert.equal([disabled.body().mode, disabled.body().disabledReason], ['disabled', 'disk'])
})

test('only a host that is up is drained, only one that is fenced is evacuated, and none that is unknown', () => {
  assert.throws(() => host(UP, DOWN).send('empty', EMPTY), /is down, so nothing can be moved off it/)
  const evacuate = { ...EMPTY, kind: 'evacuate-host' }
  assert.throws(() => host(UP).send('empty', evacuate), /drain it instead/)
  assert.throws(() => host(UP, DOWN).send('empty', evacuate), /baton host fenced/)
  assert.throws(() => host().send('empty', EMPTY), /no host h1/)
  assert.throws(() => host(UP).send('empty', { ...EMPTY, parallel: 0 }), /parallel/)
  assert.throws(() => host(UP).send('empty', { ...EMPTY, kind: 'explode' }), /kind/)
  const h = host(UP, DOWN, ['fence'], ['empty', evacuate])
  assert.equal([h.body().mode, h.body().operation], ['enabled', 'h1.1'])
  h.send(...ended('done'))
  assert.is(h.body().mode, 'enabled')
})

test('a host is forgotten only when it is down and holds nothing; its agent registers it anew, with numbers that go on', () => {
  assert.throws(() => host(UP).send('delete'), /host h1 is up; only a host that is down or fenced/)
  assert.throws(() => host().send('delete'), /no host h1/)
  assert.throws(() => host(UP, ['claim', CLAIM], DOWN).send('delete'), /holds room for 1 instances/)
  const h = host(UP, ['empty', EMPTY], ended('done'), DOWN, ['delete'])
  assert.is(h.body().state, 'gone')
  assert.throws(() => h.send('get'), /no host h1/)
  h.send('observe', { state: 'down' })
  assert.is(h.body().state, 'gone')
  h.send('register', INFO)
  assert.equal([h.body().state, h.body().mode], ['up', 'enabled'])
  assert.equal(h.send('empty', { ...EMPTY, requestId: 'req-9' }), { operation: 'h1.2' })
})

test('a snapshot of before there were drains is a host like any other', () => {
  const old = JSON.parse(JSON.stringify(actor.initial('h1')))
  for (const key of ['maintenance', 'task', 'operations', 'last']) delete old[key]
  const context = { id: 'h1', now: 1, from: { role: 'conductor', node: 'c1' } } as const
  const up = applyCommand(actor, old, { method: 'register', args: INFO }, context).state
  assert.equal(actor.work(up, 'h1'), [])
  const row = actor.view(up, 'h1')
  assert.is(row?.columns.enabled, true)
})

test.run()
