/** createImage, createBackup, os-volume_attachments, os-interface, images and disks over HTTP, in Nova's and Glance's shapes. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createFace, SERVERS } from '../support/http.ts'

const IMAGES = '/image/v2/images'
const DISKS = '/baton/v1/disks'

async function activeServer() {
  const face = createFace()
  const id = await face.newServer()
  face.fake.finish(id)
  const at = (path: string): string => `${SERVERS}/${id}/${path}`
  return { ...face, id, at }
}

test('createImage: 202, and Location is where the image can be looked at', async () => {
  const { ask, fake, id, at } = await activeServer()
  const answer = await ask('POST', at('action'), { createImage: { name: 'snap', metadata: { os: 'linux' } } })
  assert.equal([answer.status, answer.text], [202, ''])
  const { location = '' } = answer.headers
  assert.match(location, /^http:\/\/cloud\.test:8774\/image\/v2\/images\/[0-9a-f-]{36}$/)
  assert.is((await ask('GET', `${SERVERS}/${id}`)).body.server['OS-EXT-STS:task_state'], 'image_snapshot')
  const image = await ask('GET', new URL(location).pathname)
  assert.equal(
    [image.body.name, image.body.status, image.body.visibility, image.body.protected, image.body.os],
    ['snap', 'active', 'private', false, 'linux'],
  )
  assert.is((await ask('POST', at('action'), { createImage: { name: 'again' } })).status, 409)
  fake.finish(id)
  assert.is((await ask('GET', `${SERVERS}/${id}`)).body.server.status, 'ACTIVE')
})

test('createBackup: the rotation is passed on; when none is kept there is no Location', async () => {
  const { ask, fake, id, at } = await activeServer()
  for (const [rotation, kept] of [
    [2, 2],
    ['7', 7],
    [0, 0],
  ] as const) {
    const answer = await ask('POST', at('action'), { createBackup: { name: 'b', backup_type: 'daily', rotation } })
    assert.is(answer.status, 202)
    assert.is('location' in answer.headers, kept > 0)
    const sent = JSON.stringify(fake.calls.at(-1)?.args)
    for (const part of ['"action":"backup"', `"rotation":${kept}`, '"backupType":"daily"']) assert.match(sent, part)
    fake.finish(id)
  }
})

test('bad snapshots and backups are 400 and say what is wrong', async () => {
  const { ask, fake, at } = await activeServer()
  const backup = { name: 'b', backup_type: 'daily', rotation: 1 }
  const bad: [object, RegExp][] = [
    [{ createImage: {} }, /createImage\.name is missing/],
    [{ createImage: { name: 'a\u0000' } }, /name/],
    [{ createImage: { name: '' } }, /name/],
    [{ createImage: { name: 'x'.repeat(256) } }, /name/],
    [{ createImage: { name: 'x', metadata: { a: 1 } } }, /metadata/],
    [{ createBackup: { ...backup, rotation: -1 } }, /whole number from 0 to 1000/],
    [{ createBackup: { ...backup, rotation: 1.5 } }, /rotation/],
    [{ createBackup: { ...backup, rotation: 1001 } }, /rotation/],
    [{ createBackup: { ...backup, rotation: '99999' } }, /rotation/],
    [{ createBackup: { ...backup, rotation: 'two' } }, /rotation/],
    [{ createBackup: { ...backup, rotation: null } }, /rotation/],
    [{ createBackup: { ...backup, backup_type: 'a\nb' } }, /backup_type/],
    [{ createBackup: { name: 'b', rotation: 1 } }, /backup_type is missing/],
  ]
  const before = fake.calls.length
  for (const [body, says] of bad) {
    const answer = await ask('POST', at('action'), body)
    assert.is(answer.status, 400, JSON.stringify(body))
    assert.match(answer.body.badRequest.message, says)
  }
  assert.is(fake.calls.length, before)
})

test('disks: attach, list, show, detach; the server shows them', async () => {
  const { ask, fake, id, at } = await activeServer()
  const volumes = at('os-volume_attachments')
  const attached = await ask('POST', volumes, { volumeAttachment: { volumeId: 'data', size: 3 } })
  const expected = { id: 'data', volumeId: 'data', serverId: id, device: '/dev/vdb' }
  assert.equal([attached.status, attached.body], [200, { volumeAttachment: expected }])
  fake.finish(id)
  assert.equal((await ask('GET', volumes)).body, { volumeAttachments: [expected] })
  assert.equal((await ask('GET', `${volumes}/data`)).body, { volumeAttachment: expected })
  assert.is((await ask('GET', `${volumes}/none`)).status, 404)
  const shown = async (headers = {}) => (await ask('GET', `${SERVERS}/${id}`, undefined, headers)).body.server['os-extended-volumes:volumes_attached']
  assert.equal(await shown(), [{ id: 'data' }])
  assert.equal(await shown({ 'openstack-api-version': 'compute 2.3' }), [{ id: 'data', delete_on_termination: false }])
  assert.is((await ask('POST', volumes, { volumeAttachment: { volumeId: 'data' } })).status, 409)
  assert.equal((await ask('GET', `${DISKS}/data`)).body.disk.sizeGb, 3)
  assert.equal((await ask('GET', `${DISKS}?instance=${id}`)).body.disks.length, 1)
  assert.is((await ask('DELETE', `${DISKS}/data`)).status, 409)
  const detached = await ask('DELETE', `${volumes}/data`)
  assert.equal([detached.status, detached.text], [202, ''])
  fake.finish(id)
  assert.is((await ask('DELETE', `${volumes}/data`)).status, 404)
  assert.is((await ask('DELETE', `${DISKS}/data`)).status, 204)
  assert.is((await ask('GET', `${DISKS}/data`)).status, 404)
})

test('interfaces: attach, list, show, detach', async () => {
  const { ask, fake, id, at } = await activeServer()
  const ports = at('os-interface')
  const attached = await ask('POST', ports, { interfaceAttachment: { net_id: 'local' } })
  assert.is(attached.status, 200)
  const { port_id, mac_addr, port_state, fixed_ips } = attached.body.interfaceAttachment
  assert.equal([port_state, fixed_ips], ['BUILD', []])
  assert.match(mac_addr, /^02:/)
  fake.finish(id)
  const [listed] = (await ask('GET', ports)).body.interfaceAttachments
  assert.equal([listed.port_id, listed.mac_addr, listed.net_id, listed.port_state], [port_id, mac_addr, 'local', 'ACTIVE'])
  assert.equal((await ask('GET', `${ports}/${port_id}`)).body.interfaceAttachment, listed)
  assert.is((await ask('GET', `${ports}/none`)).status, 404)
  assert.is((await ask('DELETE', `${ports}/${port_id}`)).status, 202)
  fake.finish(id)
  assert.equal((await ask('GET', ports)).body, { interfaceAttachments: [] })
  assert.is((await ask('DELETE', `${ports}/${port_id}`)).status, 404)
  assert.is((await ask('POST', ports, {})).status, 200)
})

test('bad devices are 400 before the cluster is asked', async () => {
  const { ask, fake, at } = await activeServer()
  const before = fake.calls.length
  for (const volume of [
    {},
    { volumeId: '../x' },
    { volumeId: '' },
    { volumeId: 'a'.repeat(65) },
    { volumeId: 'a', size: 0 },
    { volumeId: 'a', size: 1e9 },
  ]) {
    assert.is((await ask('POST', at('os-volume_attachments'), { volumeAttachment: volume })).status, 400, JSON.stringify(volume))
  }
  for (const device of ['/dev/vda', '/dev/sdb', '/etc/passwd', '']) {
    assert.is((await ask('POST', at('os-volume_attachments'), { volumeAttachment: { volumeId: 'a', device } })).status, 400, device)
  }
  for (const port of [{ net_id: 'local', port_id: 'p' }, { fixed_ips: [{ ip_address: '10.0.0.1' }] }, { port_id: 'a/b' }]) {
    assert.is((await ask('POST', at('os-interface'), { interfaceAttachment: port })).status, 400, JSON.stringify(port))
  }
  assert.is(fake.calls.length, before)
  assert.match((await ask('POST', at('os-interface'), { interfaceAttachment: { net_id: 'red' } })).body.badRequest.message, "the only one is 'local'")
})

test('images: one that was made can be deleted, one that comes with Baton cannot', async () => {
  const { ask, at } = await activeServer()
  const { location = '' } = (await ask('POST', at('action'), { createImage: { name: 'snap' } })).headers
  const { pathname } = new URL(location)
  assert.is((await ask('DELETE', pathname)).status, 204)
  assert.is((await ask('DELETE', pathname)).status, 404)
  assert.is((await ask('DELETE', `${IMAGES}/fake`)).status, 403)
  assert.is((await ask('DELETE', `${IMAGES}/nope`)).status, 404)
})

test.run()
