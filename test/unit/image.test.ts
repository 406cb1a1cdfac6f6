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
    assert.equal([to, method, args], [{ kind: 'compute', id: 'h1' }, 'removeImage', { image: 'm1', instance: 'i1' }])
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

const REGISTER = { name: 'n', project: 'p', driver: '', properties: {}, requestId: 'r1' }
const BYTES = { upload: 'u1', sizeBytes: 7, checksum: 'c', hash: 'h' }

function registered(): Held {
  const held = newImage()
  held.send('register', REGISTER)
  return held
}

test('uploaded: queued, saving, and active in one step with its digests; told twice is told once', () => {
  const held = registered()
  assert.is(held.code('register', { ...REGISTER, requestId: 'r2' }), 'Conflict')
  held.send('register', REGISTER)
  for (const _ of [1, 2]) held.send('beginUpload', { upload: 'u1', sizeBytes: 7 })
  assert.is(body(held).status, 'saving')
  assert.is(held.code('beginUpload', { upload: 'u2' }), 'Conflict')
  assert.is(held.code('finishUpload', { ...BYTES, upload: 'u2' }), 'Conflict')
  for (const _ of [1, 2]) held.send('finishUpload', BYTES)
  assert.equal([body(held).status, body(held).sizeBytes, body(held).bytes, body(held).hosts], ['active', 7, BYTES, null])
  assert.is(held.code('beginUpload', { upload: 'u2' }), 'Conflict')
  held.send('beginUpload', { upload: 'u1' })
  held.send('failUpload', { upload: 'u1' })
  assert.is(body(held).status, 'active', 'who did not hear that all of it came, asks again')
})

test('an upload that stands still from one look to the next is given up, and comes too late ever after', () => {
  const held = registered()
  held.send('beginUpload', { upload: 'u1' })
  for (const progress of ['1', '2']) {
    held.due()
    assert.equal([held.call().to.kind, held.call().method], ['image-store', 'look'])
    held.answer({ progress })
    assert.is(body(held).status, 'saving')
  }
  held.due()
  held.answer({ progress: '2' })
  assert.is(body(held).status, 'queued')
  assert.is(held.code('finishUpload', BYTES), 'Conflict')
  assert.is(held.code('beginUpload', { upload: 'u1' }), 'Conflict')
  assert.equal([held.call().method, held.call().args], ['discard', { image: 'm1', upload: 'u1' }])
  held.refuse('Internal')
  held.answer()
  assert.equal(held.work(), [])
  held.send('beginUpload', { upload: 'u2' })
  assert.is(body(held).status, 'saving')
})

test('a look that fails has seen nothing: the upload goes on', () => {
  const held = registered()
  held.send('beginUpload', { upload: 'u1' })
  for (const _ of [1, 2, 3]) {
    held.due()
    held.refuse('Unavailable')
  }
  assert.is(body(held).status, 'saving')
})

test('deleted in the middle of an upload, or after it: the store is told to remove what there is', () => {
  for (const finish of [false, true]) {
    const held = registered()
    held.send('beginUpload', { upload: 'u1' })
    if (finish) held.send('finishUpload', BYTES)
    held.send('delete')
    assert.is(held.code('finishUpload', BYTES), 'NotFound')
    assert.not(held.finished())
    held.answer()
    assert.ok(held.finished())
  }
})

test('a snapshot that is in the store is on every host, and its own host removes its copy', () => {
  const held = created()
  assert.is(held.code('beginUpload', { upload: 'other' }), 'Conflict')
  held.send('beginUpload', { upload: OPERATION, sizeBytes: 7 })
  assert.is(held.code('delete'), 'Conflict')
  held.send('finishUpload', { ...BYTES, upload: OPERATION })
  held.send('activate', { operation: OPERATION, sizeBytes: 7 })
  assert.equal([body(held).status, body(held).hosts, held.call().method], ['active', null, 'removeImage'])
  held.answer()
  held.send('delete')
  assert.equal(held.call().args, { image: 'm1', upload: OPERATION })
  held.answer()
  assert.ok(held.finished())
})

test('it holds what it takes of the quotas of its project, and gives it back', () => {
  const held = newImage()
  held.send('register', { ...REGISTER, quota: 1 })
  held.send('beginUpload', { upload: 'u1', sizeBytes: 3 * 1024 ** 2, quota: 2 })
  assert.equal(held.send('holds', { project: 'p' }), { held: { image_count_total: 1, image_size_total: 3 } })
  held.send('failUpload', { upload: 'u1' })
  const settle = held.work().find(w => w.type === 'call' && w.method === 'settle')
  assert.equal(settle?.type === 'call' && settle.args, { holder: 'image/m1', number: 2, amounts: { image_count_total: 1 } })
})

test('only a shared image has members, each once; only an active one is deactivated', () => {
  const held = registered()
  assert.is(held.code('addMember', { member: 'q' }), 'Forbidden')
  held.send('update', { visibility: 'shared' })
  held.send('addMember', { member: 'q' })
  assert.is(held.code('addMember', { member: 'q' }), 'Conflict')
  held.send('setMember', { member: 'q', status: 'accepted' })
  assert.is(body(held).members?.q?.status, 'accepted')
  held.send('removeMember', { member: 'q' })
  assert.is(held.code('setMember', { member: 'q', status: 'accepted' }), 'NotFound')
  assert.is(held.code('deactivate'), 'Conflict')
})

test.run()
