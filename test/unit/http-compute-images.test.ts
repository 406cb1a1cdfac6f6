/** Nova's proxy of the image service, and ids that are empty. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FAKE_IMAGE } from '../../actors/hypervisor/drivers/images.ts'
import { createFace } from '../support/http.ts'

const test = suite('http-compute-images')

const V21 = '/compute/v2.1'
const SERVER = '00000000-0000-4000-8000-00000000abcd'
const { ask, fake } = createFace()
const at = (minor: number) => ({ 'openstack-api-version': `compute 2.${minor}` })
const ids = (list: { id: string }[]) => list.map(({ id }) => id).sort()

const about = { instance_uuid: SERVER, image_type: 'snapshot' }
fake.images.add({
  ...{ ...FAKE_IMAGE, id: 'snap', name: 'snap', project: 'default', sizeBytes: 7, status: 'active' },
  ...{ instance: SERVER, properties: about, createdAt: 1_000, updatedAt: Date.UTC(2027, 0, 1), minRamMb: 64 },
})

test('images in the words of Nova', async () => {
  const { body } = await ask('GET', `${V21}/images/snap`)
  const { image } = body
  assert.equal([image.status, image.progress, image.minDisk, image.minRam, image['OS-EXT-IMG-SIZE:size']], ['ACTIVE', 100, 0, 64, 7])
  assert.equal([image.metadata, image.created, image.updated], [about, '1970-01-01T00:00:01Z', '2027-01-01T00:00:00Z'])
  assert.equal(
    image.links.map(({ rel, href }: { rel: string; href: string }) => [rel, new URL(href).pathname]),
    [
      ['self', `${V21}/images/snap`],
      ['bookmark', '/compute/images/snap'],
      ['alternate', '/image/v2/images/snap'],
    ],
  )
  assert.is(image.server.id, SERVER)
  assert.is((await ask('GET', `${V21}/images/fake`)).body.image.server, undefined)
  assert.is((await ask('GET', `${V21}/images/nope`)).status, 404)
  const words = { queued: ['SAVING', 25], saving: ['SAVING', 50], error: ['ERROR', 0], deactivated: ['UNKNOWN', 0] } as const
  for (const [status, [word, progress]] of Object.entries(words)) {
    fake.setImage('snap', { status: status as 'queued' })
    const { image: now } = (await ask('GET', `${V21}/images/snap`)).body
    assert.equal([now.status, now.progress], [word, progress], status)
    assert.equal(ids((await ask('GET', `${V21}/images?status=${word.toLowerCase()}`)).body.images), ['snap'], word)
  }
  fake.setImage('snap', { status: 'active' })
})

test('lists by what Nova knows, and in pages', async () => {
  const list = async (query: string) => ids((await ask('GET', `${V21}/images${query}`)).body.images)
  assert.equal(await list(''), ['fake', 'other', 'snap'])
  for (const query of [
    ...['?name=snap', '?type=snapshot', `?server=${SERVER}`, '?minRam=64', '?property-image_type=snapshot'],
    ...[`?server=${encodeURIComponent(`http://cloud.test${V21}/servers/${SERVER}`)}`, '/detail?changes-since=2027-01-01T00:00:00Z'],
  ])
    assert.equal(await list(query), ['snap'], query)
  assert.equal(await list('?status=SAVING'), [])
  const first = (await ask('GET', `${V21}/images/detail?limit=1`)).body
  assert.is(first.images.length, 1)
  const next = new URL(first.images_links[0].href)
  assert.equal([next.pathname, next.searchParams.get('marker')], [`${V21}/images/detail`, first.images[0].id])
  for (const wrong of ['?changes-since=yesterday', '?minDisk=x', '?limit=-1', '?marker=nope']) {
    assert.is((await ask('GET', `${V21}/images${wrong}`)).status, 400, wrong)
  }
})

test('metadata are the properties of an image', async () => {
  const made = (await ask('POST', '/image/v2/images', { name: 'mine' })).body
  const path = `${V21}/images/${made.id}/metadata`
  assert.equal((await ask('PUT', path, { metadata: { a: '1', b: '2' } })).body, { metadata: { a: '1', b: '2' } })
  assert.equal((await ask('POST', path, { metadata: { b: '3', c: '4' } })).body, { metadata: { a: '1', b: '3', c: '4' } })
  assert.equal((await ask('PUT', path, { metadata: { c: '5' } })).body, { metadata: { c: '5' } })
  assert.equal((await ask('PUT', `${path}/d`, { meta: { d: '6' } })).body, { meta: { d: '6' } })
  assert.equal((await ask('GET', `${path}/d`)).body, { meta: { d: '6' } })
  assert.is((await ask('DELETE', `${path}/c`)).status, 204)
  assert.is((await ask('DELETE', `${path}/c`)).status, 404)
  assert.equal((await ask('GET', path)).body, { metadata: { d: '6' } })
  assert.is((await ask('GET', `/image/v2/images/${made.id}`)).body.d, '6')
  for (const meta of [{ e: '1' }, { d: '1', e: '1' }, {}]) assert.is((await ask('PUT', `${path}/d`, { meta })).status, 400)
  for (const name of ['status', 'name', 'visibility']) assert.is((await ask('POST', path, { metadata: { [name]: 'x' } })).status, 403, name)
  const many = Object.fromEntries(Array.from({ length: 129 }, (_, i) => [`k${i}`, '']))
  assert.is((await ask('PUT', path, { metadata: many })).status, 403)
  assert.equal((await ask('GET', path)).body, { metadata: { d: '6' } })
  // What comes with Baton stays as it is.
  assert.is((await ask('PUT', `${V21}/images/fake/metadata`, { metadata: {} })).status, 403)
  assert.is((await ask('DELETE', `${V21}/images/fake`)).status, 403)
  assert.is((await ask('DELETE', `${V21}/images/${made.id}`)).status, 204)
  assert.is((await ask('GET', `${V21}/images/${made.id}`)).status, 404)
})

test('an image that is being made goes at once, and what would finish it finds nothing', async () => {
  const made = fake.images.held('half')
  const definition = { name: 'half', driver: 'fake', project: 'default', properties: {}, instance: SERVER, operation: `${SERVER}.2`, host: 'c1' }
  made.send('create', definition)
  assert.is((await ask('GET', `${V21}/images/half`)).body.image.status, 'SAVING')
  assert.is(made.code('delete'), 'Conflict', 'its operation is to be called off first')
  assert.is((await ask('DELETE', `${V21}/images/half`)).status, 204)
  assert.is((await ask('GET', `${V21}/images/half`)).status, 404)
  assert.equal([made.code('activate', { operation: definition.operation, sizeBytes: 1 }), made.code('create', definition)], ['NotFound', 'Conflict'])
  assert.equal(
    made.work().map(w => w.type === 'call' && w.method),
    ['removeImage'],
  )
})

test('the proxy is gone from 2.36 on, its metadata from 2.39 on', async () => {
  for (const path of ['images', 'images/detail', 'images/fake']) {
    assert.is((await ask('GET', `${V21}/${path}`, undefined, at(35))).status, 200, path)
    assert.is((await ask('GET', `${V21}/${path}`, undefined, at(36))).status, 404, path)
  }
  assert.is((await ask('DELETE', `${V21}/images/fake`, undefined, at(36))).status, 404)
  assert.is((await ask('GET', `${V21}/images/fake/metadata`, undefined, at(38))).status, 200)
  assert.is((await ask('GET', `${V21}/images/fake/metadata`, undefined, at(39))).status, 404)
})

test('an empty id is nothing; any other slash at the end is ignored', async () => {
  for (const path of [
    `${V21}/images/`,
    `${V21}/os-simple-tenant-usage/`,
    `${V21}/servers/?limit=1`,
    '/image/v2/images/',
    `${V21}/images/fake/metadata/`,
  ]) {
    assert.is((await ask('GET', path)).status, 404, path)
  }
  for (const path of [`${V21}/images/`, '/image/v2/images/']) assert.is((await ask('DELETE', path)).status, 404, path)
  for (const path of [
    `${V21}/`,
    `${V21}/images/fake/`,
    '/image/v2/images/fake/',
    '/baton/v1/hosts/',
    '/placement/resource_providers/',
    '/placement/',
  ]) {
    assert.is((await ask('GET', path)).status, 200, path)
  }
})

test.run()
