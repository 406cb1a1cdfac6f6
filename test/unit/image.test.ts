/** The image actor: made, taken back or forgotten by its operation, and its bytes removed whatever its host does. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ImageBody } from '../../actors/api.ts'
import { imageActor } from '../../actors/image/image.ts'
import { type Held, hold } from '../support/durable.ts'

const OPERATION = 'i1.3'
const CREATE = {
  ...{ name: 'snap', driver: 'fake', project: 'p', properties: { base_image_ref: 'img' }, instance: 'i1', backupType: null },
  ...{ operation: OPERATION, host: 'h1' },
}
const newImage = (): Held => hold(imageActor(), 'm1')
const body = (held: Held): ImageBody => held.row()?.body as ImageBody

function created(): Held {
  const held = newImage()
  held.send('create', CREATE)
  return held
}

function active(): Held {
  const held = created()
  held.send('activate', { operation: OPERATION, sizeBytes: 7 })
  return held
}

test('queued, then active with its size and its host; told twice is told once', () => {
  const held = created()
  assert.equal([body(held).status, body(held).sizeBytes, body(held).hosts], ['queued', 0, ['h1']])
  held.send('create', CREATE)
  for (const _ of [1, 2]) held.send('activate', { operation: OPERATION, sizeBytes: 7 })
  assert.equal([body(held).status, body(held).sizeBytes], ['active', 7])
  assert.equal(held.work(), [], 'it has nothing left to do')
  assert.not(held.finished())
})

test('only its own operation makes it, and an id is used once', () => {
  assert.is(created().code('create', { ...CREATE, operation: 'i2.1' }), 'Conflict')
  assert.is(active().code('create', CREATE), 'Conflict')
  assert.is(created().code('activate', { operation: 'i2.1', sizeBytes: 1 }), 'NotFound')
  assert.is(newImage().code('activate', { operation: OPERATION, sizeBytes: 1 }), 'NotFound')
  assert.is(created().code('activate', { operation: OPERATION, sizeBytes: -1 }), 'BadRequest')
})

test('taken back, before or after it was there: it is gone, and a create that comes late does not bring it back', () => {
  for (const held of [newImage(), created(), active()]) {
    for (const _ of [1, 2]) held.send('discard', { operation: OPERATION })
    assert.is(held.code('get'), 'NotFound')
    assert.is(held.code('create', CREATE), 'Conflict')
    assert.is(held.code('activate', { operation: OPERATION, sizeBytes: 1 }), 'NotFound')
  }
  const other = active()
  other.send('discard', { operation: 'i2.1' })
  assert.is(body(other).status, 'active')
})

test('deleted: its host is asked until it has removed the bytes, at growing intervals, and only then is it finished', () => {
  const held = active()
  held.send('delete')
  assert.is(held.code('delete'), 'NotFound')
  assert.is(body(held).status, 'deleted')
  const pauses = [0, 1, 2, 3].map(() => {
    const { to, method, args, notBefore = 0 } = held.call()
    assert.equal([to, method, args], [{ kind: 'compute', id: 'h1' }, 'removeImage', { image: 'm1' }])
    held.refuse('DriverFault')
    const next = (held.call().notBefore ?? 0) - held.now
    assert.ok(notBefore <= held.now + next)
    return next
  })
  assert.equal(pauses, [4000, 8000, 16_000, 32_000])
  assert.not(held.finished())
  held.answer()
  assert.ok(held.finished())
  assert.equal(held.work(), [])
})

test('a driver that has no images has none of this one to remove', () => {
  const held = active()
  held.send('delete')
  held.refuse('DriverUnsupported')
  assert.ok(held.finished())
})

test('one being made cannot be deleted; one that failed can', () => {
  const held = created()
  assert.is(held.code('delete'), 'Conflict')
  held.due()
  held.refuse('NotFound')
  assert.is(body(held).status, 'error')
  held.send('delete')
  held.answer()
  assert.ok(held.finished())
})

test('an operation that ended without a word: the image looks, waits while it runs, and fails when it has ended', () => {
  const held = created()
  held.due()
  assert.equal(held.call().to, { kind: 'operation', id: OPERATION })
  held.answer({ status: 'running' })
  assert.is(body(held).status, 'queued')
  const before = held.now
  held.due()
  assert.is(held.now - before, 60_000)
  held.answer({ status: 'failed', fault: { code: 'DeadlineExceeded', message: 'not finished by its deadline' } })
  assert.is(body(held).status, 'error')
  assert.match(body(held).fault?.message ?? '', 'not finished by its deadline')
  assert.is(held.call().method, 'removeImage', 'what its host may have is removed')
  held.answer()
  assert.equal(held.work(), [])
})

test('an answer to an earlier look or removal changes nothing', () => {
  const held = created()
  held.due()
  held.send('activate', { operation: OPERATION, sizeBytes: 7 })
  held.send('@result', { key: 'look:1', ok: true, value: { status: 'failed', fault: null } })
  assert.is(body(held).status, 'active')
  held.send('@timer', { key: 'due:1' })
  assert.equal(held.work(), [])
})

test.run()
