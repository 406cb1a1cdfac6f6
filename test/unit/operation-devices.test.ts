/** Snapshot, backup, attach and detach: what is said to whom, and what is taken back when a step is refused, runs out of time or is cancelled. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { NO_DEVICES } from '../../actors/hypervisor/driver.ts'
import type { OperationArgs } from '../../actors/operation/contract.ts'
import { ARGS, ID, type Run, started } from '../support/operation.ts'

const SNAPSHOT = { image: 'm1', name: 'snap', properties: {}, driver: 'fake' }
const DISK = { id: 'd1', sizeGb: 5, device: '/dev/vdb' }
const PORT = { id: 'p1', network: 'local', mac: '02:00:00:00:00:01' }
const WITH_DISK = { disks: [DISK], interfaces: [] }
const WITH_PORT = { disks: [], interfaces: [PORT] }

const snapshot: OperationArgs = { ...ARGS, change: { snapshot: SNAPSHOT } }
const backup: OperationArgs = { ...ARGS, change: { snapshot: { ...SNAPSHOT, backupType: 'daily', rotation: 2 } } }
const attach: OperationArgs = { ...ARGS, change: { disk: { id: 'd1', sizeGb: 5 }, devices: WITH_DISK } }
const detach: OperationArgs = { ...ARGS, devices: WITH_DISK, change: { disk: { id: 'd1', sizeGb: 5 }, devices: NO_DEVICES } }
const plug: OperationArgs = { ...ARGS, change: { interface: 'p1', devices: WITH_PORT } }
const unplug: OperationArgs = { ...ARGS, devices: WITH_PORT, change: { interface: 'p1', devices: NO_DEVICES } }

const MADE = ['create image/m1', 'snapshot compute/h1', 'uploadImage compute/h1', 'activate image/m1']

/** Each operation: what it says when all goes well, and the step from which there is no way back. */
const PLANS: readonly (readonly [kind: string, args: OperationArgs, said: readonly string[], pointOfNoReturn: string])[] = [
  ['snapshot', snapshot, MADE, ''],
  ['backup', backup, [...MADE, 'rotate storage/local'], 'rotate'],
  ['attach-disk', attach, ['attach disk/d1', 'setDevices compute/h1'], ''],
  ['detach-disk', detach, ['setDevices compute/h1', 'release disk/d1'], 'release'],
  ['attach-interface', plug, ['setDevices compute/h1'], ''],
  ['detach-interface', unplug, ['setDevices compute/h1'], ''],
]

/** The undo of each command. */
const UNDO: Readonly<Record<string, string>> = {
  'create image/m1': 'discard image/m1',
  'snapshot compute/h1': 'discardSnapshot compute/h1',
  'uploadImage compute/h1': 'discard image/m1',
  'attach disk/d1': 'release disk/d1',
  'setDevices compute/h1': 'setDevices compute/h1',
}

const answer = (run: Run): void => run.answer(run.call().method === 'snapshot' ? { sizeBytes: 7 } : null)

function until(run: Run, method: string): void {
  for (let i = 0; i < 20; i++) {
    if (run.call().method === method || run.call().method === 'ended') return
    answer(run)
  }
  throw new Error(`it never says ${method}`)
}

for (const [kind, args, said, pointOfNoReturn] of PLANS) {
  test(`${kind}: all goes well, and the instance is where it was`, () => {
    const run = started(kind, args)
    until(run, 'ended')
    assert.equal(run.said, [...said, 'ended instance/i1'])
    assert.equal(run.reported(), { operation: ID, outcome: 'done', host: 'h1', claim: 'i1.1', fault: null })
  })

  for (const [i, command] of said.entries()) {
    const method = command.split(' ')[0] ?? ''
    const undone = said.slice(0, i + 1).flatMap(c => UNDO[c] ?? [])
    const back = [...said.slice(0, i + 1), ...undone.reverse(), 'ended instance/i1']
    for (const [how, fail] of [
      ['refused', (run: Run) => run.refuse('DriverUnsupported', 'cannot')],
      ['cancelled', (run: Run) => assert.ok(run.cancel().ok)],
      ['out of time', (run: Run) => run.fire('forward')],
    ] as const) {
      // Without an image store the image stays where it was made.
      if (method === pointOfNoReturn || (method === 'uploadImage' && how === 'refused')) continue
      test(`${kind}: ${how} at ${method}: all is taken back`, () => {
        const run = started(kind, args)
        until(run, method)
        fail(run)
        until(run, 'ended')
        assert.equal(run.said, back)
        assert.is(run.reported().outcome, 'undone')
      })
    }
  }

  test(`${kind}: at the deadline it has failed, and the instance is where it was`, () => {
    const run = started(kind, args)
    run.fire('deadline')
    assert.equal([run.reported().outcome, run.reported().host], ['failed', 'h1'])
  })

  if (pointOfNoReturn)
    test(`${kind}: from ${pointOfNoReturn} on it goes forward only`, () => {
      const run = started(kind, args)
      until(run, pointOfNoReturn)
      assert.is(run.cancel().fault?.code, 'Conflict')
      for (let i = 0; i < 10; i++) run.timeout()
      assert.is(run.call().method, pointOfNoReturn)
      until(run, 'ended')
      assert.is(run.reported().outcome, 'done')
    })
}

test('an image is told what it is of, where it is, and its size when it is there', () => {
  const run = started('backup', backup)
  const { operation, host, instance, backupType, driver } = run.call().args as Record<string, unknown>
  assert.equal([operation, host, instance, backupType, driver], [ID, 'h1', 'i1', 'daily', 'fake'])
  until(run, 'activate')
  assert.equal(run.call().args, { operation: ID, sizeBytes: 7 })
  until(run, 'rotate')
  assert.equal(run.call().args, { instance: 'i1', backupType: 'daily', keep: 2 })
})

test('a guest is told all its devices; turning back, all that it had', () => {
  const run = started('detach-disk', detach)
  assert.equal((run.call().args as { devices: object }).devices, NO_DEVICES)
  run.refuse('DriverUnsupported')
  assert.equal((run.call().args as { devices: object }).devices, WITH_DISK)
})

test('a disk that another instance has ends an attach before any host is told', () => {
  const run = started('attach-disk', attach)
  run.refuse('Conflict', 'disk d1 is attached to instance i2')
  until(run, 'ended')
  assert.equal(run.said, ['attach disk/d1', 'release disk/d1', 'ended instance/i1'])
  assert.match(run.reported().fault?.message ?? '', 'attached to instance i2')
})

test('a delete gives the disks back, and asks nobody when there are none', () => {
  const run = started('delete', { ...ARGS, devices: WITH_DISK })
  until(run, 'ended')
  assert.equal(run.said, ['destroy compute/h1', 'releaseDisks storage/local', 'release host/h1', 'ended instance/i1'])
  const none = started('delete', { ...ARGS, devices: WITH_PORT })
  until(none, 'ended')
  assert.not(none.said.some(s => s.startsWith('releaseDisks')))
})

test('what is made anew elsewhere or in place has the devices it had', () => {
  for (const kind of ['rebuild', 'migrate', 'unshelve']) {
    const at = kind === 'unshelve' ? { host: null, claim: null } : {}
    const run = started(kind, { ...ARGS, ...at, devices: WITH_PORT, running: true })
    for (let i = 0; i < 9 && !['rebuild', 'receive'].includes(run.call().method); i++)
      run.answer(run.call().method === 'pick' ? { hosts: ['h2'] } : null)
    assert.equal((run.call().args as { spec: { devices: object } }).spec.devices, WITH_PORT, kind)
  }
})

test('a snapshot that cannot be uploaded stays on its host, and is active there', () => {
  const run = started('snapshot', snapshot)
  until(run, 'uploadImage')
  run.refuse('DriverUnsupported')
  assert.is(run.call().method, 'activate')
})

test.run()
