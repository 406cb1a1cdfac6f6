/** When a host counts as fenced: only by an operator's word about one that is down, and until it comes back. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { HostState } from '../../actors/api.ts'
import { type HostInfo, hostActor } from '../../actors/host/host.ts'
import { applyCommand } from '../../actors/kernel/define.ts'

const INFO: HostInfo = { driver: 'fake', pid: 7, version: '0.1.0', vcpus: 2, ramMb: 1024, diskGb: 10 }
const actor = hostActor({ vcpu: 4, ram: 1, disk: 1 })

function hostThat(...commands: readonly (readonly [method: string, args?: object])[]) {
  let state = actor.initial('h1')
  const send = (method: string, args: object = {}): void => {
    const command = { method, args } as Parameters<typeof actor.decide>[1]
    state = applyCommand(actor, state, command, { id: 'h1', now: 1000, from: { role: 'conductor', node: 'c1' } }).state
  }
  for (const [method, args] of commands) send(method, args)
  return { send, now: (): HostState => state.state }
}

const observed = (state: HostState) => ['observe', { state }] as const
const UP = ['register', INFO] as const

test('only a host that is down can be said to be fenced; said twice is said once', () => {
  for (const state of ['up', 'suspect', 'gone'] as const) {
    const host = hostThat(UP, observed(state))
    assert.throws(() => host.send('fence'), new RegExp(`host h1 is ${state}; only a host that is down`))
  }
  assert.throws(() => hostThat().send('fence'), /no host h1/)
  const host = hostThat(UP, observed('down'))
  host.send('fence')
  host.send('fence')
  assert.is(host.now(), 'fenced')
})

test('silence, however judged, does not end a fence; the host itself does', () => {
  const host = hostThat(UP, observed('down'), ['fence'])
  for (const state of ['suspect', 'down'] as const) host.send('observe', { state })
  assert.is(host.now(), 'fenced')
  host.send('register', INFO)
  assert.is(host.now(), 'up')
})

test('who needs a fenced host is refused by one that is merely silent, and told what to do', () => {
  for (const state of ['up', 'suspect'] as const) {
    assert.throws(() => hostThat(UP, observed(state)).send('requireFenced'), /move the instance instead/)
  }
  assert.throws(() => hostThat(UP, observed('down')).send('requireFenced'), /baton host fenced/)
  hostThat(UP, observed('down'), ['fence']).send('requireFenced')
})

test('a fenced host takes no claims', () => {
  const host = hostThat(UP, observed('down'), ['fence'])
  const claim = { claim: 'i1.1', order: 1, instance: 'i1', vcpus: 1, ramMb: 64, diskGb: 1 }
  assert.throws(() => host.send('claim', claim), /host h1 is fenced/)
})

test.run()
