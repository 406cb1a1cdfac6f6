/** Bytes of images: stores, uploads through the API, and what hosts are given of them. */
import { createHash } from 'node:crypto'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { silentLogger } from '../../actors/kernel/env.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { type ImageStore, PIECE_BYTES } from '../../actors/kernel/image-store.ts'
import { createDigester } from '../../persistence/images/digester.ts'
import { folderImageStore } from '../../persistence/images/folder-store.ts'
import { memoryImageStore } from '../../persistence/images/memory-store.ts'
import { openImageCache } from '../../supervisors/images/cache.ts'
import { inPieces, type StoreCall, withWindow } from '../../supervisors/images/pieces.ts'
import { fakeImages } from '../support/fake-images.ts'
import { createFace } from '../support/http.ts'
import { rejectsWith } from './persistence-fixtures.ts'

const test = suite('image-bytes')

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
const hex = (algorithm: string, text: string): string => createHash(algorithm).update(text).digest('hex')

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'baton-images-'))
  try {
    await body(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function finished(store: ImageStore, blob: string, sizeBytes: number) {
  for (;;) {
    const found = await store.finish(blob, sizeBytes)
    if (found.state === 'done') return found
    await new Promise(resolve => setImmediate(resolve))
  }
}

for (const [name, open] of [
  ['a folder', (folder: string) => folderImageStore(folder)],
  ['memory', async () => memoryImageStore()],
] as const) {
  test(`a store in ${name}: whole at once, told twice is told once, and nothing out of order`, () =>
    inFolder(async folder => {
      const store = await open(folder)
      assert.equal(await store.begin('i_u'), { sizeBytes: 0 })
      await rejectsWith('Unavailable', store.write('i_u', 3, bytesOf('def')))
      for (const _ of [1, 2]) await store.write('i_u', 0, bytesOf('abc'))
      await store.write('i_u', 3, bytesOf('def'))
      await store.write('i_u', 0, bytesOf('abc'))
      assert.equal(await store.begin('i_u'), { sizeBytes: 6 })
      await rejectsWith('NotFound', store.read('i_u', 0, 1))
      await rejectsWith('Conflict', store.finish('i_u', 5))
      for (const _ of [1, 2]) {
        const done = await finished(store, 'i_u', 6)
        assert.equal([done.checksum, done.hash], [hex('md5', 'abcdef'), hex('sha512', 'abcdef')])
      }
      assert.equal(await store.begin('i_u'), { sizeBytes: 6 }, 'whoever did not hear of the end begins once more')
      assert.is(new TextDecoder().decode(await store.read('i_u', 2, 100)), 'cdef')
      await rejectsWith('NotFound', store.write('i_u', 6, bytesOf('x')))
      assert.equal(
        (await store.list()).map(b => [b.blob, b.whole, b.sizeBytes]),
        [['i_u', true, 6]],
      )
      for (const _ of [1, 2]) await store.remove('i_u')
      assert.equal([await store.look('i_u'), await store.list()], [null, []])
      await rejectsWith('NotFound', store.read('i_u', 0, 1))
      for (const bad of ['../x', 'a/b', '', '.x', 'a\0']) await rejectsWith('BadRequest', store.begin(bad))
    }))
}

test('another conductor goes on with an upload, and reads once more what it has not seen', () =>
  inFolder(async folder => {
    const [one, two] = [await folderImageStore(folder), await folderImageStore(folder)]
    await one.begin('i_u')
    await one.write('i_u', 0, bytesOf('abc'))
    await two.write('i_u', 3, bytesOf('def'))
    const seen = await two.look('i_u')
    assert.is((await finished(two, 'i_u', 6)).hash, hex('sha512', 'abcdef'))
    await rejectsWith('NotFound', one.write('i_u', 6, bytesOf('ghi')))
    assert.is.not((await two.look('i_u'))?.progress, seen?.progress)
    assert.equal(await readdir(join(folder, 'partial')), [])
  }))

test('digests are of what is in the file, and of nothing that was there before', () =>
  inFolder(async folder => {
    let passed = 0
    const store = await folderImageStore(folder, bytes => {
      passed += bytes
    })
    const pieces = Array.from({ length: 5 }, (_, i) => Buffer.alloc(PIECE_BYTES, `piece ${i}`))
    const all = Buffer.concat(pieces)
    await store.begin('i_u')
    for (const [i, piece] of pieces.entries()) await store.write('i_u', i * PIECE_BYTES, piece)
    const done = await finished(store, 'i_u', all.length)
    assert.equal(
      [done.sizeBytes, done.checksum, done.hash],
      [all.length, ...['md5', 'sha512'].map(algorithm => createHash(algorithm).update(all).digest('hex'))],
    )
    assert.equal(Buffer.from(await store.read('i_u', PIECE_BYTES, PIECE_BYTES)), pieces[1])
    assert.is(passed, all.length + PIECE_BYTES)

    // What was begun again under the same name is another file.
    for (const text of ['old', 'new!']) {
      await store.begin('i_v')
      await store.write('i_v', 0, bytesOf(text))
      if (text === 'old') await store.remove('i_v')
    }
    assert.is((await finished(store, 'i_v', 4)).checksum, hex('md5', 'new!'))

    const digester = createDigester()
    const fault = (name: string, sizeBytes: number): Promise<string> =>
      digester.digests(name, join(folder, name), sizeBytes, 5000).then(String, String)
    assert.match(await fault('none', 5), 'ENOENT')
    await writeFile(join(folder, 'short'), 'abc')
    assert.match(await fault('short', 5), 'ends after 3 bytes')
    assert.is((await digester.digests('short', join(folder, 'short'), 3, 5000)).checksum, hex('md5', 'abc'))
  }))

test('pieces have one size, and no more than so many are under way', async () => {
  async function* chunks() {
    for (const length of [1, 5, 0, 10, 3]) yield new Uint8Array(length).fill(length)
  }
  const sizes: number[] = []
  for await (const piece of inPieces(chunks(), 4)) sizes.push(piece.length)
  assert.equal(sizes, [4, 4, 4, 4, 3])
  let [running, most] = [0, 0]
  const act = async () => {
    most = Math.max(most, ++running)
    await new Promise(resolve => setImmediate(resolve))
    running--
  }
  await withWindow(inPieces(chunks(), 1), act, 3)
  assert.equal([running, most], [0, 3])
  const taken: number[] = []
  await rejectsWith(
    'StorageFull',
    withWindow(
      inPieces(chunks(), 1),
      async () => {
        taken.push(1)
        throw new BatonError('StorageFull', 'full')
      },
      2,
    ),
  )
  assert.ok(taken.length <= 2)
})

const IMAGES = '/image/v2/images'

async function listening() {
  const face = createFace()
  const endpoint = await face.app.listen({ port: 0, host: '127.0.0.1' })
  const register = async (more: object = {}): Promise<string> =>
    (await face.ask('POST', IMAGES, { name: 'n', disk_format: 'raw', container_format: 'bare', ...more })).body.id
  const put = (id: string, text: string, headers: Record<string, string> = {}) =>
    fetch(`${endpoint}${IMAGES}/${id}/file`, { method: 'PUT', body: text, headers: { 'content-type': 'application/octet-stream', ...headers } })
  return { ...face, endpoint, register, put }
}

test('bytes go in and come out, whole or in part', async () => {
  const { app, ask, endpoint, register, put } = await listening()
  try {
    const id = await register({ color: 'red', tags: ['t'] })
    assert.is((await fetch(`${endpoint}${IMAGES}/${id}/file`)).status, 204)
    assert.is((await put(id, 'hello', { 'content-type': 'text/plain' })).status, 415)
    assert.is((await put(id, 'hello', { 'content-md5': 'AAAAAAAAAAAAAAAAAAAAAA==' })).status, 400)
    assert.is((await ask('GET', `${IMAGES}/${id}`)).body.status, 'queued', 'other bytes than were said')
    assert.is((await put(id, 'hello', { 'content-md5': createHash('md5').update('hello').digest('base64') })).status, 204)
    assert.is((await put(id, 'hello')).status, 409)
    const { body } = await ask('GET', `${IMAGES}/${id}`)
    assert.equal([body.status, body.size, body.checksum, body.os_hash_algo, body.color], ['active', 5, hex('md5', 'hello'), 'sha512', 'red'])
    const whole = await fetch(`${endpoint}${IMAGES}/${id}/file`)
    assert.equal([whole.headers.get('content-length'), whole.headers.get('content-md5'), await whole.text()], ['5', hex('md5', 'hello'), 'hello'])
    const part = await fetch(`${endpoint}${IMAGES}/${id}/file`, { headers: { range: 'bytes=1-3' } })
    assert.equal([part.status, part.headers.get('content-range'), await part.text()], [206, 'bytes 1-3/5', 'ell'])
    assert.is((await fetch(`${endpoint}${IMAGES}/${id}/file`, { headers: { range: 'bytes=9-' } })).status, 416)
    assert.is((await put('00000000-0000-4000-8000-00000000dead', 'x')).status, 404)
  } finally {
    await app.close()
  }
})

test('what is said of an image: created, patched, tagged, offered, deactivated, deleted', async () => {
  const { ask } = createFace()
  const PATCH = { 'content-type': 'application/openstack-images-v2.1-json-patch' }
  const made = await ask('POST', IMAGES, { name: 'n', visibility: 'shared', min_ram: 5, my: 'own' })
  const { id } = made.body
  assert.equal([made.status, made.body.status, made.body.min_ram, made.body.my, made.body.container_format], [201, 'queued', 5, 'own', 'bare'])
  const url = `${IMAGES}/${id}`
  const patch = (ops: unknown, headers = PATCH) => ask('PATCH', url, JSON.stringify(ops), headers)
  assert.is((await patch([{ op: 'replace', path: '/name', value: 'm' }], { 'content-type': 'application/json' })).status, 415)
  const OLDER = { 'content-type': 'application/openstack-images-v2.0-json-patch' }
  assert.is(
    (
      await patch(
        [
          { replace: '/name', value: 'older' },
          { add: '/your', value: 'x' },
        ],
        OLDER,
      )
    ).body.name,
    'older',
  )
  assert.is((await patch([{ remove: '/your' }], OLDER)).body.your, undefined)
  assert.is((await patch([{ replace: '/name', remove: '/name', value: 'y' }], OLDER)).status, 400)
  assert.is((await patch([{ add: '/os_glance_own', value: 'x' }], OLDER)).status, 403)
  assert.is((await ask('POST', IMAGES, { name: 'n', os_glance_own: 'x' })).status, 403)
  assert.is((await ask('GET', '/image')).status, 300)
  assert.is((await patch([{ op: 'replace', path: '/name', value: 'm' }])).body.name, 'm')
  assert.equal(
    [(await patch([{ op: 'add', path: '/min_ram', value: 'x' }])).status, (await patch([{ op: 'add', path: '/size', value: 1 }])).status],
    [400, 403],
  )
  assert.equal(
    [(await ask('PUT', `${url}/tags/a`)).status, (await ask('DELETE', `${url}/tags/a`)).status, (await ask('DELETE', `${url}/tags/a`)).status],
    [204, 204, 404],
  )
  assert.is((await ask('POST', `${url}/members`, { member: 'demo' })).body.status, 'pending')
  assert.is((await ask('POST', `${url}/members`, { member: 'demo' })).status, 409)
  assert.is((await ask('PUT', `${url}/members/demo`, { status: 'accepted' })).body.status, 'accepted')
  assert.is((await ask('PUT', `${url}/members/demo`, { status: 'maybe' })).status, 400)
  assert.is((await ask('GET', `${url}/members`)).body.members.length, 1)
  assert.is((await ask('DELETE', `${url}/members/demo`)).status, 204)
  assert.is((await ask('POST', `${url}/actions/deactivate`)).status, 409)
  await patch([{ op: 'replace', path: '/protected', value: true }])
  assert.is((await ask('DELETE', url)).status, 403)
  await patch([{ op: 'replace', path: '/protected', value: false }])
  assert.equal([(await ask('DELETE', url)).status, (await ask('GET', url)).status], [204, 404])
  assert.is((await ask('POST', IMAGES, { id, name: 'again' })).status, 409, 'an id is used once')
  for (const body of [{ id: '../x' }, { visibility: 'all' }, { disk_format: 'floppy' }, { my: 7 }])
    assert.is((await ask('POST', IMAGES, body)).status, 400)
  assert.is((await ask('POST', IMAGES, { status: 'active' })).status, 403)
  assert.equal((await ask('GET', '/image/v2/info/import')).body['import-methods'].value, [])
  assert.is((await ask('POST', `${IMAGES}/x/import`, { method: { name: 'web-download' } })).status, 400)
  assert.equal([(await ask('GET', '/image/v2/schemas/image')).body.name, (await ask('GET', '/image/v2/schemas/x')).status], ['image', 404])
})

/** An active image of the project p, and hosts that ask for it. */
async function uploaded(text: string) {
  const rows = { 'instance/i1': { project: 'p', host: 'h1', image: 'm1' }, 'instance/i2': { project: 'other', host: 'h1', image: 'x' } }
  const images = fakeImages({ rows })
  await images.api.createImage({ id: 'm1', name: 'n', project: 'p', properties: {}, requestId: 'r' })
  await images.streams.upload({ image: 'm1', sizeBytes: null, checksum: null }, ReadableStream.from([bytesOf(text)]))
  let reads = 0
  const as =
    (node: string): StoreCall =>
    async (_, method, args) => {
      if (method === 'read') reads++
      return images.bytes(method, args, { role: 'compute', node })
    }
  return { images, as, reads: () => reads }
}

test('a host fetches an image once for all who want it, and only for an instance of its own that may use it', () =>
  inFolder(async folder => {
    const { as, reads } = await uploaded('boot me')
    const options = { env: { log: silentLogger, wallMs: () => 0 }, limitBytes: 100, inUse: async () => [] }
    const cache = await openImageCache({ ...options, folder: join(folder, 'h1'), call: as('h1') })
    const head = async (instance: string) => new TextDecoder().decode(await cache.use('m1', instance, image => image.head(4)))
    assert.equal(await Promise.all(Array.from({ length: 10 }, () => head('i1'))), Array(10).fill('boot'))
    assert.is(reads(), 1)
    await rejectsWith('DriverFault', head('i2'))
    const elsewhere = await openImageCache({ ...options, folder: join(folder, 'h2'), call: as('h2') })
    await rejectsWith(
      'DriverFault',
      elsewhere.use('m1', 'i1', async () => {}),
    )
    const again = await openImageCache({ ...options, folder: join(folder, 'h1'), call: as('h1') })
    await again.use('m1', 'i1', async image => assert.is(image.sizeBytes, 7))
    assert.is(reads(), 1, 'a new agent finds what is there')
  }))

test('bytes that are not what was uploaded are not used, and nothing of them stays', () =>
  inFolder(async folder => {
    const { as } = await uploaded('boot me')
    const call: StoreCall = async (image, method, args, timeoutMs) =>
      method === 'read' ? bytesOf('evil me') : as('h1')(image, method, args, timeoutMs)
    await writeFile(join(folder, 'left.part'), 'half')
    const cache = await openImageCache({ env: { log: silentLogger, wallMs: () => 0 }, folder, limitBytes: 100, inUse: async () => [], call })
    await rejectsWith(
      'DriverFault',
      cache.use('m1', 'i1', async () => assert.unreachable()),
    )
    assert.equal(await readdir(folder), [])
  }))

test('a cache makes room by what was not used for longest, never by what guests need', () =>
  inFolder(async folder => {
    const images = fakeImages({ rows: { 'instance/i1': { project: 'p', host: 'h1', image: '' } } })
    for (const id of ['a', 'b', 'c']) {
      await images.api.createImage({ id, name: id, project: 'p', properties: {}, requestId: id })
      await images.streams.upload({ image: id, sizeBytes: 4, checksum: null }, ReadableStream.from([bytesOf(`${id}${id}${id}${id}`)]))
    }
    const needed: string[] = []
    const call: StoreCall = (_, method, args) => images.bytes(method, args, { role: 'compute', node: 'h1' })
    const cache = await openImageCache({ env: { log: silentLogger, wallMs: () => 0 }, folder, limitBytes: 8, inUse: async () => needed, call })
    const use = (id: string) => cache.use(id, 'i1', async () => {})
    const there = async () =>
      (await readdir(folder))
        .map(name => name[0])
        .sort()
        .join('')
    await use('a')
    await use('b')
    await use('a')
    await use('c')
    assert.is(await there(), 'ac')
    needed.push('a', 'c')
    await rejectsWith('DriverFault', use('b'))
    assert.is(await there(), 'ac')
  }))

test('the store does for an image what the image wants: a deleted one leaves no bytes', async () => {
  const { images } = await uploaded('x')
  assert.is((await images.store.list()).length, 1)
  await images.api.deleteImage({ id: 'm1' })
  await images.settle()
  assert.equal(await images.store.list(), [])
})

test('an upload of more than is allowed, or of other than was announced, leaves the image queued', async () => {
  const images = fakeImages({ maxBytes: 3 })
  await images.api.createImage({ id: 'm1', name: 'n', project: 'p', properties: {}, requestId: 'r' })
  const send = (text: string, sizeBytes: number | null) =>
    images.streams.upload({ image: 'm1', sizeBytes, checksum: null }, ReadableStream.from([bytesOf(text)]))
  await rejectsWith('TooLarge', send('abcd', 4))
  await rejectsWith('TooLarge', send('abcd', null))
  await rejectsWith('BadRequest', send('ab', 3))
  await images.settle()
  assert.equal([(await images.api.getImage({ id: 'm1' })).status, await images.store.list()], ['queued', []])
  assert.is((await send('abc', 3)).status, 'active')
})

test.run()
