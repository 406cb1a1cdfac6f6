import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { address, addressKey } from '../../actors/kernel/address.ts'
import type { CallWork, TimerWork, Work } from '../../actors/kernel/define.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { createWorkRunner } from '../../supervisors/hosting/work-runner.ts'
import { type Bench, simulated } from '../support/simulated.ts'

const call = (key: string, more: Partial<CallWork> = {}): CallWork => ({
  type: 'call',
  key,
  to: address('host', 'h1'),
  method: 'claim',
  args: { key },
  ...more,
})
const timer = (key: string, at: number): TimerWork => ({ type: 'timer', key, at })

type Told = { readonly method: string; readonly args: unknown; readonly atMs: number }

/** A runner whose calls are answered by the test and whose answers are taken, or not, by the test. */
function start(bench: Bench) {
  const calls: { to: string; key: unknown; timeoutMs: number; atMs: number; resolve(value: unknown): void; reject(error: unknown): void }[] = []
  const told: Told[] = []
  const control = { takes: true }
  const runner = createWorkRunner({
    env: bench.env,
    now: bench.now,
    call: (to, _method, args, timeoutMs) =>
      new Promise((resolve, reject) => {
        const { key } = args as { key: unknown }
        calls.push({ to: addressKey(to), key, timeoutMs, atMs: bench.loop.nowMs(), resolve, reject })
      }),
    answer(method, args) {
      told.push({ method, args, atMs: bench.loop.nowMs() })
      return control.takes ? Promise.resolve(null) : Promise.reject(new BatonError('Internal', 'crashed'))
    },
  })
  return { runner, calls, told, control, keys: () => calls.map(c => c.key) }
}

test('what is new is started, what stays is left alone, what has gone is cancelled', () =>
  simulated(async bench => {
    const { runner, calls, told, keys } = start(bench)
    runner.reconcile([call('a'), call('b')])
    runner.reconcile([call('b'), call('c')])
    assert.equal(keys(), ['a', 'b', 'c'], 'b was not sent twice')
    for (const c of calls) c.resolve(`${c.key} done`)
    await bench.run(10)
    assert.equal(
      told.map(t => t.args),
      [
        { key: 'b', ok: true, value: 'b done' },
        { key: 'c', ok: true, value: 'c done' },
      ],
    )
    assert.is(runner.busy(), true, 'until the actor no longer asks for it')
    runner.reconcile([])
    assert.is(runner.busy(), false)
  }))

test('a refusal is an answer; it is not tried again', () =>
  simulated(async bench => {
    const { runner, calls, told } = start(bench)
    runner.reconcile([call('a')])
    calls[0]?.reject(new BatonError('HostRefused', 'no room', { details: { ramMb: 5 } }))
    await bench.run(60_000)
    assert.equal(
      told.map(t => [t.method, t.args]),
      [['@result', { key: 'a', ok: false, fault: { code: 'HostRefused', message: 'no room', details: { ramMb: 5 } } }]],
    )
    assert.is(calls.length, 1)
  }))

test('a fault of the way is tried again, later and later, or when it says', () =>
  simulated(async bench => {
    const { runner, calls, told } = start(bench)
    runner.reconcile([call('a')])
    for (let i = 0; i < 8; i++) {
      calls.at(-1)?.reject(new BatonError('Unavailable', 'moving'))
      await bench.run(2500)
      assert.is(calls.length, i + 2)
    }
    const pauses = calls.slice(1).map((c, i) => c.atMs - (calls[0]?.atMs ?? 0) - i * 2500)
    assert.ok((pauses[0] ?? 0) <= 50 && (pauses.at(-1) ?? 0) >= 1000 && pauses.every(p => p <= 2000), pauses.join(' '))
    calls.at(-1)?.reject(new BatonError('Overloaded', 'full', { retryAfterMs: 7000 }))
    const count = calls.length
    await bench.run(6990)
    assert.is(calls.length, count)
    await bench.run(20)
    assert.is(calls.length, count + 1)
    calls.at(-1)?.resolve('at last')
    await bench.run(10)
    assert.equal(
      told.map(t => t.args),
      [{ key: 'a', ok: true, value: 'at last' }],
    )
  }))

test('notBefore holds a call back', () =>
  simulated(async bench => {
    const { runner, calls } = start(bench)
    runner.reconcile([call('a', { notBefore: bench.now() + 5000 })])
    await bench.run(4990)
    assert.is(calls.length, 0)
    await bench.run(20)
    assert.is(calls.length, 1)
  }))

test('a call held back can be cancelled before it is sent', () =>
  simulated(async bench => {
    const { runner, calls } = start(bench)
    runner.reconcile([call('a', { notBefore: bench.now() + 5000 })])
    runner.reconcile([])
    await bench.run(10_000)
    assert.is(calls.length, 0)
  }))

test('a call is given the time that is left, a minute at most, and none after its deadline', () =>
  simulated(async bench => {
    const { runner, calls, told } = start(bench)
    runner.reconcile([
      call('short', { deadlineAt: bench.now() + 3000 }),
      call('long', { deadlineAt: bench.now() + 600_000 }),
      call('endless'),
      call('over', { deadlineAt: bench.now() }),
    ])
    assert.equal(
      calls.map(c => [c.key, c.timeoutMs]),
      [
        ['short', 3000],
        ['long', 60_000],
        ['endless', 60_000],
      ],
    )
    await bench.run(2000)
    calls[0]?.reject(new BatonError('Unavailable', 'moving'))
    await bench.run(500)
    assert.ok((calls[3]?.timeoutMs ?? 0) < 1000)
    await bench.run(1000)
    calls[3]?.reject(new BatonError('Unavailable', 'moving'))
    await bench.run(60_000)
    assert.is(calls.length, 4, 'past its deadline it is not sent')
    assert.equal(told, [], 'the actor has a timer of its own for that')
  }))

test('the answer to a call that was cancelled is thrown away', () =>
  simulated(async bench => {
    const { runner, calls, told } = start(bench)
    runner.reconcile([call('a'), call('b')])
    runner.reconcile([])
    calls[0]?.resolve('late')
    calls[1]?.reject(new BatonError('HostRefused', 'late'))
    await bench.run(60_000)
    assert.equal(told, [])
  }))

test('an answer the actor does not take is given again until it does, or asks for it no more', () =>
  simulated(async bench => {
    const { runner, calls, told, control } = start(bench)
    control.takes = false
    runner.reconcile([call('a')])
    calls[0]?.resolve('x')
    await bench.run(20_000)
    const times = told.length
    assert.ok(times >= 4 && times < 20, `${times} times`)
    assert.ok(told.every(t => JSON.stringify(t.args) === JSON.stringify(told[0]?.args)))
    control.takes = true
    await bench.run(20_000)
    assert.is(told.length, times + 1)
    assert.is(calls.length, 1, 'the call itself was answered')
  }))

test('a timer is delivered at its time; one in the past at once', () =>
  simulated(async bench => {
    const { runner, told } = start(bench)
    runner.reconcile([timer('soon', bench.now() + 1000), timer('past', bench.now() - 5000)])
    await bench.run(10)
    assert.equal(
      told.map(t => t.args),
      [{ key: 'past' }],
    )
    await bench.run(980)
    assert.is(told.length, 1)
    await bench.run(20)
    assert.equal(
      told.map(t => [t.method, t.args]),
      [
        ['@timer', { key: 'past' }],
        ['@timer', { key: 'soon' }],
      ],
    )
    await bench.run(10_000)
    assert.is(told.length, 2, 'delivered once')
  }))

test('a timer further away than platform timers reach fires at its time and not before', () =>
  simulated(async bench => {
    const days = 86_400_000
    const longest: number[] = []
    const setTimer = (delayMs: number, fn: () => void) => {
      longest.push(delayMs)
      return bench.env.setTimer(delayMs, fn)
    }
    const told: number[] = []
    const runner = createWorkRunner({
      env: { ...bench.env, setTimer },
      now: bench.now,
      call: () => new Promise(() => {}),
      answer: async () => told.push(bench.loop.nowMs()),
    })
    runner.reconcile([timer('far', bench.now() + 40 * days)])
    await bench.run(41 * days)
    assert.equal(
      told.map(at => Math.round(at / 1000)),
      [(40 * days) / 1000],
    )
    assert.ok(Math.max(...longest) < 2 ** 31)
  }))

test('a timer cancelled, or moved under a new key, does not fire at its old time', () =>
  simulated(async bench => {
    const { runner, told } = start(bench)
    const work: Work[] = [timer('timeout:1', bench.now() + 1000), timer('deadline', bench.now() + 2000)]
    runner.reconcile(work)
    runner.reconcile([timer('timeout:2', bench.now() + 3000), ...work.slice(1)])
    await bench.run(5000)
    assert.equal(
      told.map(t => (t.args as { key: string }).key),
      ['deadline', 'timeout:2'],
    )
  }))

test.run()
