/** What a guest may read about itself: the tree of files, the service that answers from it, and the doors of process guests. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { configDrive } from '../../actors/hypervisor/config-drive.ts'
import type { GuestSpec } from '../../actors/hypervisor/driver.ts'
import { createGuestDoors } from '../../actors/hypervisor/drivers/process/guest-doors.ts'
import { guestData, lookUp } from '../../actors/hypervisor/guest-data.ts'
import { silentLogger } from '../../actors/kernel/env.ts'
import { metadataDoor } from '../../transport/metadata-server.ts'

const test = suite('guest-data')
const base64 = (text: string): string => Buffer.from(text).toString('base64')

const spec = (more: Partial<NonNullable<GuestSpec['about']>> = {}): GuestSpec => ({
  instance: '0f0e0d0c-1111-4222-8333-444455556666',
  name: 'Web 1',
  vcpus: 1,
  ramMb: 64,
  diskGb: 1,
  image: 'a1b2c3d4-0000-4000-8000-000000000000',
  metadata: { role: 'web' },
  devices: { disks: [{ id: 'd', sizeGb: 1, device: '/dev/vdb', tag: 'db' }], interfaces: [] },
  about: { project: 'p', reservation: 'r-1', flavor: 'tiny', hostname: 'web-1', userData: base64('#!/bin/sh\n\u00e9'), ...more },
})
const KEY = { name: 'mine', type: 'ssh', publicKey: 'ssh-ed25519 AAAA ann' }
const read = (of: GuestSpec, path: string): string | null => {
  const found = lookUp(guestData(of), path, of.about?.keyPair?.name)
  return found && Buffer.from(found).toString()
}

test('OpenStack documents', () => {
  const meta = JSON.parse(read(spec({ keyPair: KEY }), '/openstack/latest/meta_data.json') ?? '')
  assert.equal([meta.uuid, meta.name, meta.hostname, meta.project_id, meta.meta], [spec().instance, 'Web 1', 'web-1', 'p', { role: 'web' }])
  assert.equal(meta.public_keys, { mine: KEY.publicKey })
  assert.equal(meta.keys, [{ name: 'mine', type: 'ssh', data: KEY.publicKey }])
  assert.equal(meta.devices, [{ type: 'disk', path: '/dev/vdb', serial: 'd', tags: ['db'] }])
  assert.is(read(spec(), '/openstack/2018-08-27/user_data'), '#!/bin/sh\n\u00e9')
  assert.is(read(spec(), '/openstack/latest/vendor_data.json'), '{}')
  assert.is(read(spec(), '/openstack'), '2018-08-27\nlatest')
  assert.equal(read(spec(), 'openstack/latest/')?.split('\n').sort(), [
    'meta_data.json',
    'network_data.json',
    'user_data',
    'vendor_data.json',
    'vendor_data2.json',
  ])
  const files = spec({ files: [{ path: '/etc/motd', contents: base64('hello') }] })
  const [file] = JSON.parse(read(files, '/openstack/latest/meta_data.json') ?? '').files
  assert.equal(file, { path: '/etc/motd', content_path: '/content/0000' })
  assert.is(read(files, `/openstack${file.content_path}`), 'hello')
})

test('the drive is in the form that its image looks for, with the label and the files by which cloud-init knows it', () => {
  const card = { id: 'card', network: 'net', mac: 'FA:16:3E:00:00:01' }
  const devices = { disks: [], interfaces: [card] }
  const { label, files } = configDrive({ ...spec(), devices })
  assert.is(label, 'config-2')
  assert.equal(JSON.parse(Buffer.from(files.get('openstack/latest/network_data.json') ?? '').toString()).links[0].ethernet_mac_address, card.mac)
  assert.ok(files.has('openstack/latest/user_data') && files.has('ec2/latest/meta-data/hostname') && !files.has('latest/user-data'))

  const seed = configDrive({ ...spec({ drive: 'nocloud', keyPair: KEY, hostname: 'a"b' }), devices })
  const text = (path: string): string => Buffer.from(seed.files.get(path) ?? 'none').toString()
  assert.equal([seed.label, [...seed.files.keys()]], ['cidata', ['meta-data', 'user-data', 'vendor-data', 'network-config']])
  assert.is(text('meta-data'), `instance-id: "${spec().instance}"\nlocal-hostname: "a\\"b"\npublic-keys:\n  - "${KEY.publicKey}"\n`)
  assert.is(text('user-data'), '#!/bin/sh\n\u00e9')
  assert.match(text('network-config'), /^version: 2\nethernets:\n {2}nic0:\n {4}match:\n {6}macaddress: "fa:16:3e:00:00:01"\n {4}dhcp4: true\n$/)
  const bare = configDrive({ ...spec(), about: { project: 'p', reservation: 'r', flavor: 'f', hostname: 'h', drive: 'nocloud' } })
  assert.equal(bare.files.get('user-data'), new Uint8Array(), 'a seed without user-data is none')
})

test('EC2 tree', () => {
  assert.is(read(spec(), '/latest/meta-data/instance-id'), 'i-0f0e0d0c')
  assert.is(read(spec(), '/2009-04-04/meta-data/instance-type'), 'tiny')
  assert.is(read(spec(), '/latest/user-data'), '#!/bin/sh\n\u00e9')
  const names = read(spec({ keyPair: KEY }), '/latest/meta-data/')?.split('\n') ?? []
  assert.ok(names.includes('public-keys/') && names.includes('hostname'))
  assert.is(read(spec({ keyPair: KEY }), '/latest/meta-data/public-keys/'), '0=mine')
  assert.is(read(spec({ keyPair: KEY }), '/latest/meta-data/public-keys/0/openssh-key'), KEY.publicKey)
  assert.ok(!(read(spec(), '/latest/meta-data') ?? '').includes('public-keys'))
})

test('what is not there is nothing, whatever the path', () => {
  const bare: GuestSpec = { instance: 'ab', name: 'n', vcpus: 1, ramMb: 1, diskGb: 0, image: 'i', metadata: {} }
  assert.is(read(bare, '/latest/user-data'), null)
  assert.is(read(bare, '/openstack/latest/user_data'), null)
  assert.is(JSON.parse(read(bare, '/openstack/latest/meta_data.json') ?? '').hostname, 'n')
  for (const path of ['/openstack/../../etc/passwd', '/latest/meta-data/hostname/x', '/toString', '/%2e%2e', '/x'.repeat(5000)]) {
    assert.is(read(bare, path), null, path.slice(0, 40))
  }
})

interface Asked {
  readonly status: number | undefined
  readonly text: string
}

const ask = (socketPath: string, path: string, method = 'GET', body = ''): Promise<Asked> =>
  new Promise((resolve, reject) => {
    const sent = request({ socketPath, path, method, agent: false }, answer => {
      const chunks: Buffer[] = []
      answer.on('data', chunk => chunks.push(chunk))
      answer.on('end', () => resolve({ status: answer.statusCode, text: Buffer.concat(chunks).toString() }))
      answer.on('error', reject)
    })
    sent.on('error', reject)
    sent.end(body)
  })

test('each guest is answered on its own socket, and only about itself; its config drive is a folder', async () => {
  const home = await mkdtemp(join(tmpdir(), 'baton-doors-'))
  const left: string[] = []
  const warnings: string[] = []
  const log = { ...silentLogger, warn: (_: object, message: string) => void warnings.push(message) }
  const leavePassword = async (instance: string, password: string) => (left.push(`${instance} ${password}`) > 1 ? 409 : 200)
  const doors = createGuestDoors({ env: { log }, door: metadataDoor, leavePassword })
  try {
    const one = await doors.open(spec({ configDrive: true }), join(home, 'one'))
    const two = await doors.open({ ...spec(), instance: 'bb', name: 'other', about: { ...about(), hostname: 'other' } }, join(home, 'two'))
    const [first = '', second = ''] = [one.BATON_METADATA_SOCKET, two.BATON_METADATA_SOCKET]
    assert.equal(await ask(first, '/latest/meta-data/hostname'), { status: 200, text: 'web-1' })
    assert.equal(await ask(second, '/latest/meta-data/hostname'), { status: 200, text: 'other' })
    assert.is((await ask(first, '/nothing')).status, 404)
    assert.is((await ask(first, '/latest/meta-data/hostname', 'DELETE')).status, 405)
    assert.is((await ask(first, '/openstack/latest/password', 'POST', 'abc=')).status, 200)
    assert.is((await ask(first, '/openstack/latest/password', 'POST', 'abd=')).status, 409)
    assert.is((await ask(first, '/openstack/latest/password', 'POST', 'x'.repeat(1025))).status, 400)
    assert.is((await ask(first, '/openstack/latest/password', 'POST', '\u0000')).status, 400)
    assert.equal(left, [`${spec().instance} abc=`, `${spec().instance} abd=`])
    assert.is(two.BATON_CONFIG_DRIVE, undefined)
    assert.is(await readFile(join(one.BATON_CONFIG_DRIVE ?? '', 'openstack/latest/user_data'), 'utf8'), '#!/bin/sh\n\u00e9')
    assert.is(await readFile(join(one.BATON_CONFIG_DRIVE ?? '', 'ec2/latest/meta-data/hostname'), 'utf8'), 'web-1')
    // An agent that comes after one that was killed takes the socket over.
    const later = createGuestDoors({ env: { log }, door: metadataDoor, leavePassword })
    const again = await later.open(spec(), join(home, 'one'))
    assert.is((await ask(again.BATON_METADATA_SOCKET ?? '', '/latest/meta-data/hostname')).text, 'web-1')
    await later.closeAll()
    const { BATON_METADATA_SOCKET: long } = await doors.open(spec(), join(home, 'x'.repeat(100)))
    assert.equal([long, warnings.length], [undefined, 1])
  } finally {
    await doors.closeAll()
    await rm(home, { recursive: true, force: true })
  }
})

const about = (): NonNullable<GuestSpec['about']> => ({ project: 'p', reservation: 'r', flavor: 'f', hostname: 'h' })

test.run()
