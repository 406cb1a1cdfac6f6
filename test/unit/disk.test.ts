/** The disk actor: in one instance at a time, whatever comes twice or late, and whoever ends without a word. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { DiskBody } from '../../actors/api.ts'
import { diskActor } from '../../actors/disk/disk.ts'
import { type Held, hold } from '../support/durable.ts'

const attach = (instance: string, order: number, more: object = {}) => ({
  ...{ instance, order, operation: `${instance}.${order}`, host: 'h1', sizeGb: 5 },
  ...more,
})
const newDisk = (): Held => hold(diskActor, 'd1')
const body = (held: Held): DiskBody => held.row()?.body as DiskBody

function attached(): Held {
  const held = newDisk()
  held.send('attach', attach('i1', 2))
  return held
}

function available(): Held {
  const held = attached()
  held.send('release', { instance: 'i1', order: 3 })
  return held
}

test('made by its first attach, with that size, on that host', () => {
  const held = newDisk()
  assert.is(held.row(), null)
  assert.equal(held.send('attach', attach('i1', 2)), { sizeGb: 5 })
  assert.equal(held.send('attach', attach('i1', 2)), { sizeGb: 5 }, 'told twice')
  assert.equal([body(held).status, body(held).instance, body(held).host, body(held).sizeGb], ['attached', 'i1', 'h1', 5])
})

test('in one instance at a time, on its own host, and its size is what it is', () => {
  assert.is(attached().code('attach', attach('i2', 1)), 'Conflict')
  assert.is(available().code('attach', attach('i2', 1, { host: 'h2' })), 'Conflict')
  assert.equal(available().send('attach', attach('i2', 1, { sizeGb: 9 })), { sizeGb: 5 })
  assert.is(newDisk().code('attach', attach('i1', 1, { sizeGb: 0 })), 'BadRequest')
})

test('a copy of an attach that comes after the release is too late, also when others had the disk between', () => {
  const held = available()
  assert.is(held.code('attach', attach('i1', 2)), 'StaleCommand')
  assert.is(held.code('attach', attach('i1', 3)), 'StaleCommand')
  held.send('attach', attach('i2', 1))
  held.send('release', { instance: 'i2', order: 2 })
  assert.is(held.code('attach', attach('i1', 2)), 'StaleCommand')
  held.send('attach', attach('i1', 4))
  assert.is(body(held).instance, 'i1')
})

test('a release by another instance changes nothing, and one that comes twice neither', () => {
  const held = attached()
  held.send('release', { instance: 'i2', order: 9 })
  assert.is(body(held).instance, 'i1')
  for (const _ of [1, 2]) held.send('release', { instance: 'i1', order: 3 })
  assert.is(body(held).status, 'available')
})

test('an attach taken back: a disk it made is no more, one that was there before stays', () => {
  const made = attached()
  made.send('release', { instance: 'i1', order: 3, operation: 'i1.2' })
  assert.is(body(made).status, 'deleted')
  assert.is(made.call().method, 'removeDisk')
  made.answer()
  assert.ok(made.finished())
  const before = available()
  before.send('attach', attach('i2', 1))
  before.send('release', { instance: 'i2', order: 2, operation: 'i2.1' })
  assert.is(body(before).status, 'available')
  const never = newDisk()
  never.send('release', { instance: 'i1', order: 3, operation: 'i1.2' })
  assert.is(never.code('attach', attach('i1', 2)), 'Conflict', 'its attach comes late')
  assert.ok(never.finished())
})

test('deleted only when nobody has it; its host is asked until the bytes are gone', () => {
  assert.is(attached().code('delete'), 'Conflict')
  assert.is(newDisk().code('delete'), 'NotFound')
  const held = available()
  held.send('delete')
  assert.equal([held.call().to, held.call().args], [{ kind: 'compute', id: 'h1' }, { disk: 'd1' }])
  held.refuse('DriverFault')
  assert.ok((held.call().notBefore ?? 0) > held.now)
  held.answer()
  assert.ok(held.finished())
  assert.is(held.code('get'), 'NotFound')
  assert.is(held.code('attach', attach('i1', 9)), 'Conflict')
})

const instance = (operation: string | null, disks: readonly string[]) => ({
  vmState: 'active',
  operation,
  devices: { disks: disks.map(id => ({ id, sizeGb: 5, device: '/dev/vdb' })), interfaces: [] },
})

test('after an attach the instance is asked: while its operation runs it waits, then the disk stays or is free', () => {
  const held = attached()
  held.due()
  assert.equal(held.call().to, { kind: 'instance', id: 'i1' })
  held.answer(instance('i1.2', []))
  held.due()
  held.refuse('Poisoned')
  assert.is(body(held).instance, 'i1', 'who cannot say keeps it')
  held.due()
  held.answer(instance(null, ['d1']))
  assert.is(body(held).instance, 'i1')
  assert.equal(held.work(), [])
  for (const answer of [instance(null, []), { ...instance(null, ['d1']), vmState: 'deleted' }]) {
    const lost = attached()
    lost.due()
    lost.answer(answer)
    assert.is(body(lost).status, 'available')
  }
})

test('a disk is of a project: no other attaches it, also when it is free', () => {
  const held = newDisk()
  held.send('attach', attach('i1', 2, { project: 'p' }))
  held.send('release', { instance: 'i1', order: 3 })
  assert.is(body(held).project, 'p')
  assert.is(held.code('attach', attach('i2', 1, { project: 'q' })), 'NotFound')
  held.send('attach', attach('i3', 1, { project: 'p' }))
  assert.is(body(held).instance, 'i3')
})

test('a disk that goes with its instance is removed from its host; a stranger cannot have it removed', () => {
  const held = attached()
  held.send('release', { instance: 'i2', order: 9, remove: true })
  assert.is(body(held).status, 'attached')
  held.send('release', { instance: 'i1', order: 3, remove: true })
  assert.is(body(held).status, 'deleted')
  assert.ok(held.work().some(w => w.type === 'call' && w.method === 'removeDisk'))
  const free = available()
  free.send('release', { instance: 'i1', order: 4, remove: true })
  assert.is(body(free).status, 'available', 'what it gave back before is not its to remove')
})

test.run()
