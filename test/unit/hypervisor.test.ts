import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Guest, HypervisorDriver } from '../../actors/hypervisor/driver.ts'
import { keyedQueue } from '../../actors/hypervisor/drivers/queue.ts'
import { createHypervisor, HYPERVISOR_LIMITS } from '../../actors/hypervisor/hypervisor.ts'
import { commandOrder } from '../../actors/instance/model.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { type Bench, simulated } from '../support/simulated.ts'

const SPEC = { name: 'web', vcpus: 1, ramMb: 64, diskGb: 1, image: 'fake', metadata: {} }

/** A hypervisor over a driver that does what the test says. */
function start(bench: Bench) {
  const done: string[] = []
  const control: { act: (what: string) => Promise<void>; guests: Guest[] } = { act: async () => {}, guests: [] }
  const does =
    (method: string) =>
    async (instance: string, order: number, more?: unknown): Promise<void> => {
      const what = `${method} ${instance} ${order}${more === undefined ? '' : ` ${more}`}`
      done.push(what)
      await control.act(what)
    }
  const driver: HypervisorDriver = {
    name: 'test',
    inventory: async () => ({ vcpus: 1, ramMb: 1, diskGb: 1, details: {} }),
    list: async () => control.guests,
    spawn: (spec, order) => does('spawn')(spec.instance, order, spec.name),
    destroy: does('destroy'),
    start: does('start'),
    stop: does('stop'),
    reboot: does('reboot'),
    pause: does('pause'),
    unpause: does('unpause'),
    consoleLog: async (instance, maxBytes) => `${instance} said ${maxBytes}`,
    close: async () => {},
  }
  const hypervisor = createHypervisor({ env: bench.env, driver, perGuest: keyedQueue() })
  const serve = (method: string, order: number, instance = 'i1', deadlineMs?: number) =>
    hypervisor.serve(method, { instance, order, spec: SPEC, graceMs: 5, mode: 'hard' }, deadlineMs)
  return { hypervisor, driver, serve, done, control }
}

const later = (bench: Bench, ms: number) => new Promise<void>(resolve => void bench.env.setTimer(ms, resolve))

test('each command reaches the driver with its rank and its arguments', () =>
  simulated(async bench => {
    const { serve, done } = start(bench)
    for (const [i, method] of ['spawn', 'stop', 'start', 'reboot', 'pause', 'unpause', 'destroy'].entries()) {
      assert.is(await bench.value(serve(method, i + 1)), null)
    }
    assert.equal(done, ['spawn i1 1 web', 'stop i1 2 5', 'start i1 3', 'reboot i1 4 hard', 'pause i1 5', 'unpause i1 6', 'destroy i1 7 false'])
  }))

test('each command is a line of the log that names its instance and its operation', () =>
  simulated(async bench => {
    const { serve, control } = start(bench)
    control.act = async what => {
      if (what.startsWith('stop')) throw new BatonError('DriverFault', 'it does not stop')
      await later(bench, 20)
    }
    await bench.value(serve('spawn', commandOrder(3, 1)))
    await bench.code(serve('stop', commandOrder(12, 4)))
    const [done, failed] = bench.lines
    for (const part of ['a command was carried out', '"instance":"i1"', '"operation":"i1.3"', '"method":"spawn"', '"tookMs":20'])
      assert.match(done ?? '', part)
    for (const part of ['a command failed', '"operation":"i1.12"', 'it does not stop']) assert.match(failed ?? '', part)
  }))

test('what a driver does not have is refused by name, and says what would have it', () =>
  simulated(async bench => {
    const { hypervisor, done } = start(bench)
    const refused: readonly (readonly [string, object, RegExp])[] = [
      ['snapshot', { instance: 'i1', order: 1, image: 'm1' }, /the test driver cannot snapshot a guest; it takes a driver whose guests have disks/],
      ['discardSnapshot', { instance: 'i1', order: 2, image: 'm1' }, /cannot snapshot/],
      ['setDevices', { instance: 'i1', order: 3, devices: { disks: [], interfaces: [] } }, /cannot change the devices of a guest/],
      ['removeImage', { image: 'm1' }, /cannot remove an image/],
      ['removeDisk', { disk: 'd1' }, /cannot remove a disk/],
    ]
    for (const [method, args, says] of refused) {
      const seen = await bench.outcome(hypervisor.serve(method, args))
      assert.is(seen.is === 'refused' && seen.fault.code, 'DriverUnsupported', method)
      assert.match(seen.is === 'refused' ? seen.fault.message : '', says)
    }
    assert.equal(done, [])
    const wrong: readonly (readonly [string, object])[] = [
      ['snapshot', { instance: 'i1', order: 1 }],
      ['setDevices', { instance: 'i1', order: 1, devices: { disks: [{ id: 'd1' }], interfaces: [] } }],
      ['removeImage', {}],
      ['removeDisk', { disk: '' }],
    ]
    for (const [method, args] of wrong) assert.is(await bench.code(hypervisor.serve(method, args)), 'BadRequest', method)
  }))

test('a command with a rank below one already obeyed is stale, and not done', () =>
  simulated(async bench => {
    const { hypervisor, serve, done } = start(bench)
    await bench.value(serve('destroy', 9))
    assert.is(await bench.code(serve('spawn', 3)), 'StaleCommand')
    assert.equal([done, hypervisor.stats().stale], [['destroy i1 9 false'], 1])
  }))

test('an image is removed behind the snapshot that makes it, and one that comes later does not make it again', () =>
  simulated(async bench => {
    const there = new Set<string>()
    const driver: HypervisorDriver = {
      ...start(bench).driver,
      async snapshot(_instance, _order, image) {
        await later(bench, 50)
        there.add(image)
        return { sizeBytes: 1 }
      },
      removeImage: async image => void there.delete(image),
    }
    const hypervisor = createHypervisor({ env: bench.env, driver, perGuest: keyedQueue() })
    const snapshot = (order: number, image: string) => hypervisor.serve('snapshot', { instance: 'i1', order, image })
    const making = snapshot(1, 'm1')
    const waiting = bench.code(snapshot(2, 'm2'))
    await bench.run(10)
    const removed = ['m1', 'm2'].map(image => hypervisor.serve('removeImage', { image, instance: 'i1' }))
    assert.equal(await bench.value(making), { sizeBytes: 1 })
    assert.is(await waiting, 'StaleCommand', 'it had not begun when its image was removed')
    await bench.value(Promise.all(removed))
    assert.is(await bench.code(snapshot(3, 'm1')), 'StaleCommand')
    assert.equal([...there], [])
    await bench.value(snapshot(4, 'm3'))
    assert.equal([...there], ['m3'])
  }))

test('ranks are compared per guest', () =>
  simulated(async bench => {
    const { serve } = start(bench)
    await bench.value(serve('destroy', 9, 'i1'))
    assert.is(await bench.code(serve('spawn', 3, 'i2')), 'ok')
  }))

test('a command that comes twice is done once and answered alike, well or badly', () =>
  simulated(async bench => {
    const { serve, done, control } = start(bench)
    assert.equal([await bench.value(serve('reboot', 1)), await bench.value(serve('reboot', 1))], [null, null])
    control.act = () => Promise.reject(new BatonError('DriverFault', 'no such image'))
    for (let i = 0; i < 2; i++) {
      const seen = await bench.outcome(serve('start', 2))
      assert.equal(seen, { is: 'refused', fault: { code: 'DriverFault', message: 'no such image' } })
    }
    assert.is(done.length, 2)
    control.act = async () => {}
    assert.is(await bench.code(serve('start', 3)), 'ok', 'a new attempt has a new rank')
  }))

test('a fault of the moment is not remembered: the same command is tried again', () =>
  simulated(async bench => {
    const { serve, control } = start(bench)
    control.act = () => Promise.reject(new BatonError('Overloaded', 'too many at once'))
    assert.is(await bench.code(serve('spawn', 1)), 'Overloaded')
    control.act = async () => {}
    assert.is(await bench.code(serve('spawn', 1)), 'ok')
  }))

test('what a driver throws that is none of ours is a DriverFault', () =>
  simulated(async bench => {
    const { serve, control } = start(bench)
    control.act = () => Promise.reject(new TypeError('undefined is not a function'))
    assert.is(await bench.code(serve('start', 1)), 'DriverFault')
  }))

test('a command that comes again while it runs is not done again', () =>
  simulated(async bench => {
    const { serve, done, control } = start(bench)
    control.act = () => later(bench, 1000)
    const both = Promise.all([serve('spawn', 1), serve('spawn', 1)])
    await bench.value(both)
    assert.equal(done, ['spawn i1 1 web'])
  }))

test('commands of one guest wait for each other, those of different guests do not', () =>
  simulated(async bench => {
    const { serve, done, control } = start(bench)
    control.act = () => later(bench, 1000)
    const all = Promise.all([serve('stop', 1, 'i1'), serve('start', 2, 'i1'), serve('stop', 1, 'i2')])
    await bench.run(500)
    assert.equal(done, ['stop i1 1 5', 'stop i2 1 5'])
    await bench.value(all)
    assert.equal(done.at(-1), 'start i1 2')
  }))

test('what waited behind another command until after its deadline is not done', () =>
  simulated(async bench => {
    const { serve, done, control } = start(bench)
    control.act = () => later(bench, 5000)
    const first = serve('spawn', 1)
    const late = bench.code(serve('reboot', 2, 'i1', bench.env.monotonicMs() + 1000))
    await bench.value(first)
    assert.is(await late, 'DeadlineExceeded')
    assert.equal(done, ['spawn i1 1 web'])
    assert.is(await bench.code(serve('reboot', 2)), 'ok', 'it was not obeyed, so its rank is not used up')
  }))

test('the commands that wait for one guest are bounded', () =>
  simulated(async bench => {
    const { hypervisor, serve, control } = start(bench)
    control.act = () => later(bench, 10)
    const waiting = Array.from({ length: HYPERVISOR_LIMITS.inbox }, (_, i) => serve('start', i + 1))
    const seen = await bench.outcome(serve('start', 1000), 1)
    assert.equal(seen.is === 'refused' ? [seen.fault.code, seen.fault.retryAfterMs] : [], ['Overloaded', 1000])
    assert.is(hypervisor.stats().waiting, HYPERVISOR_LIMITS.inbox)
    assert.is(await bench.code(serve('start', 1, 'i2')), 'ok')
    await bench.value(Promise.all(waiting))
    assert.equal([hypervisor.stats().waiting, hypervisor.stats().oldestMs], [0, 0])
  }))

test('methods that are none and malformed arguments are refused before anything is done', () =>
  simulated(async bench => {
    const { hypervisor, done } = start(bench)
    for (const method of ['format', 'constructor', 'toString', '__proto__', '']) {
      assert.is(await bench.code(hypervisor.serve(method, { instance: 'i1', order: 1 })), 'UnknownMethod', method)
    }
    for (const args of [null, {}, { instance: 'i1' }, { instance: 'i1', order: -1 }, { instance: 'i1', order: '1' }, { instance: '', order: 1 }]) {
      assert.is(await bench.code(hypervisor.serve('start', args)), 'BadRequest', JSON.stringify(args))
    }
    assert.is(await bench.code(hypervisor.serve('spawn', { instance: 'i1', order: 1, spec: { ...SPEC, ramMb: 'much' } })), 'BadRequest')
    assert.equal(done, [])
  }))

test('a console is read at once, whatever waits', () =>
  simulated(async bench => {
    const { hypervisor, serve, control } = start(bench)
    control.act = () => later(bench, 60_000)
    serve('stop', 1).catch(() => {})
    assert.equal(await bench.value(hypervisor.serve('consoleLog', { instance: 'i1', maxBytes: 7 }), 10), { output: 'i1 said 7' })
  }))

test('the report says what really runs, and no more than that', () =>
  simulated(async bench => {
    const { hypervisor, control } = start(bench)
    control.guests = [{ instance: 'i1', power: 'running', order: 4 }]
    assert.equal(await bench.value(hypervisor.report()), [{ instance: 'i1', power: 'running', order: 4 }])
  }))

test('its memory of ranks is bounded', () =>
  simulated(async bench => {
    const { serve, done } = start(bench)
    for (let i = 0; i <= HYPERVISOR_LIMITS.remembered; i++) await serve('destroy', 5, `i${i}`)
    await serve('start', 1, 'i0')
    assert.is(done.at(-1), 'start i0 1', 'the oldest was forgotten; the driver knows it still')
    assert.is(await bench.code(serve('start', 1, 'i2')), 'StaleCommand')
  }))

test.run()
