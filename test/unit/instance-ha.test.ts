/** What an instance's HA policy makes of guests that fell and hosts that were lost. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { HaPolicy } from '../../actors/api.ts'
import type { Requester } from '../../actors/kernel/requester.ts'
import { parseTrace } from '../../actors/kernel/tracing.ts'
import { type Fixture, instanceIn } from '../support/instance.ts'

const LATER = 99_000_000
const seen = (i: Fixture, power: string, more: object = {}) => i.send('guestSeen', { host: i.body()?.host, power, order: LATER, ...more })

function active(policy: HaPolicy): Fixture {
  const instance = instanceIn('active')
  instance.send('setHa', { policy })
  return instance
}

/** The restart that is due begins now. */
function fire(i: Fixture): void {
  const timer = i.work().find(item => item.type === 'timer')
  if (timer?.type !== 'timer') throw new Error('nothing is due')
  i.elapse(Math.max(0, timer.at - i.nowMs()))
  i.send('@timer', { key: timer.key })
}

const kindOf = (i: Fixture): unknown => i.state().task?.kind

test('without a policy a crashed guest is stopped, and a vanished one is in error', () => {
  const crashed = active('none')
  seen(crashed, 'crashed')
  assert.is(crashed.body()?.vmState, 'stopped')
  const gone = active('none')
  gone.send('guestMissing', { host: gone.body()?.host })
  assert.is(gone.body()?.vmState, 'error')
})

test('a crashed guest is started again where it is, at once by a hard reboot; a vanished one is made anew', () => {
  for (const policy of ['restart-in-place', 'evacuate'] as const) {
    const i = active(policy)
    seen(i, 'crashed')
    assert.equal([i.body()?.vmState, i.body()?.powerState], ['active', 'crashed'])
    assert.match(i.body()?.fault?.message ?? '', /crashed; its HA policy starts it again/)
    fire(i)
    assert.equal([kindOf(i), i.state().task?.mode], ['reboot', 'hard'])
    i.end('done', { host: i.body()?.host ?? '', claim: 'c' })
    assert.equal([i.body()?.vmState, i.body()?.powerState, i.body()?.fault], ['active', 'running', null])
  }
  const gone = active('evacuate')
  gone.send('guestMissing', { host: gone.body()?.host })
  fire(gone)
  assert.is(kindOf(gone), 'rebuild')
})

test('who shuts a guest down from within means it', () => {
  const i = active('evacuate')
  seen(i, 'shutdown')
  assert.equal([i.body()?.vmState, i.workKeys()], ['stopped', []])
})

test('a guest that the watchdog has stopped is started again, and that counts for nothing', () => {
  const i = active('evacuate')
  for (let n = 0; n < 8; n++) {
    seen(i, 'shutdown', { lapsed: true })
    fire(i)
    i.end('done', { host: i.body()?.host ?? '', claim: 'c' })
    assert.is(i.body()?.vmState, 'active')
  }
})

test('a guest that crashes again and again is given pauses, and after five times within an hour it is in error', () => {
  const i = active('restart-in-place')
  const pauses: number[] = []
  for (let n = 0; n < 5; n++) {
    seen(i, 'crashed')
    const before = i.nowMs()
    fire(i)
    pauses.push(i.nowMs() - before)
    i.end('done', { host: i.body()?.host ?? '', claim: 'c' })
  }
  assert.equal(pauses, [0, 5000, 10_000, 20_000, 40_000])
  seen(i, 'crashed')
  assert.equal([i.body()?.vmState, i.workKeys()], ['error', []])
  assert.match(i.body()?.fault?.message ?? '', /started again 5 times within an hour/)
})

test('a restart that is due is dropped with the policy, and when somebody else was quicker', () => {
  const dropped = active('evacuate')
  seen(dropped, 'crashed')
  dropped.send('setHa', { policy: 'none' })
  assert.equal(dropped.workKeys(), [])
  const quicker = active('evacuate')
  seen(quicker, 'crashed')
  quicker.send('act', { action: 'reboot', mode: 'hard', requestId: 'r-by-hand' })
  quicker.end('done', { host: quicker.body()?.host ?? '', claim: 'c' })
  assert.equal(quicker.workKeys(), [])
})

test('the loss of its host has an instance evacuated once, if that is its policy and it should run there', () => {
  const i = active('evacuate')
  const host = i.body()?.host ?? ''
  assert.equal(i.send('hostLost', { host }).ok, { stands: 'moving' })
  assert.is(kindOf(i), 'evacuate')
  assert.equal(i.send('hostLost', { host }).ok, { stands: 'moving' }, 'asked again')
  i.end('undone', { host, claim: 'c' })
  assert.equal(i.send('hostLost', { host }).ok, { stands: 'moving' }, 'no room just now: another try')
  i.end('done', { host: 'elsewhere', claim: 'c2' })
  assert.equal(i.send('hostLost', { host }).ok, { stands: 'over' })
  for (const policy of ['none', 'restart-in-place'] as const) {
    assert.equal(active(policy).send('hostLost', { host: active(policy).body()?.host }).ok, { stands: 'over' })
  }
  const busy = active('evacuate')
  busy.send('act', { action: 'pause', requestId: 'r-pause' })
  assert.equal(busy.send('hostLost', { host: busy.body()?.host }).ok, { stands: 'busy' })
})

test('what the cluster begins by itself has a trace of its own, linked to the verdict, where that is traced', () => {
  const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const begun = (i: Fixture) => i.work().find(item => item.type === 'call' && item.method === 'start')
  const byOf = (i: Fixture): Requester | undefined => {
    const start = begun(i)
    return start?.type === 'call' ? (start.args as { by?: Requester }).by : undefined
  }
  const evacuated = active('evacuate')
  evacuated.send('hostLost', { host: evacuated.body()?.host, verdict: trace })
  const restarted = active('restart-in-place')
  seen(restarted, 'crashed', { verdict: trace })
  fire(restarted)
  const rebuilt = active('none')
  rebuilt.send('guestMissing', { host: rebuilt.body()?.host, vanished: 'rebuild', verdict: trace })
  for (const i of [evacuated, restarted, rebuilt]) {
    const by = byOf(i)
    assert.is(by?.verdict, trace)
    const start = begun(i)
    assert.is(start?.type === 'call' ? start.context?.trace : null, by?.trace)
    assert.ok(parseTrace(by?.trace)?.isSampled && parseTrace(by?.trace)?.traceId !== parseTrace(trace)?.traceId)
  }
  const untraced = active('evacuate')
  untraced.send('hostLost', { host: untraced.body()?.host })
  assert.equal([kindOf(untraced), byOf(untraced)], ['evacuate', undefined])
})

test('a guest that waits for its restart is evacuated all the same when its host is lost', () => {
  const i = active('evacuate')
  const host = i.body()?.host ?? ''
  seen(i, 'shutdown', { lapsed: true })
  i.send('hostLost', { host })
  i.end('done', { host: 'elsewhere', claim: 'c2' })
  assert.equal([i.body()?.vmState, i.body()?.powerState, i.workKeys()], ['active', 'running', []])
})

test.run()
