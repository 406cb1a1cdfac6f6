/** What can be read and done about one guest beside its document: diagnostics, consoles, devices, and who asked. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { diagnosticsView } from '../../transport/http/views/diagnostics.ts'
import { createFace, SERVERS } from '../support/http.ts'

const at = (minor: number) => ({ 'openstack-api-version': `compute 2.${minor}` })

async function active() {
  const face = createFace()
  const id = await face.newServer()
  face.fake.finish(id)
  const url = `${SERVERS}/${id}`
  return { ...face, id, url, act: (body: unknown, minor = 1) => face.ask('POST', `${url}/action`, body, at(minor)) }
}

test('diagnostics: as each driver likes until 2.47, the same for all from then on', async () => {
  const { ask, url } = await active()
  const old = await ask('GET', `${url}/diagnostics`)
  assert.equal(old.body, { memory: 64 * 1024, cpu0_time: 2e9, 'memory-rss': 12 * 1024, uptime: 60 })
  const { body } = await ask('GET', `${url}/diagnostics`, undefined, at(48))
  assert.equal(body.cpu_details, [{ id: null, time: 2e9, utilisation: null }])
  assert.equal([body.state, body.driver, body.uptime, body.num_cpus, body.num_disks, body.num_nics], ['running', 'fake', 60, 1, 1, 0])
  assert.equal(body.memory_details, { maximum: 64, used: 12 })
  assert.is((await ask('GET', `${SERVERS}/00000000-0000-4000-8000-000000000000/diagnostics`)).status, 404)
})

test('diagnostics of a guest that says itself how its memory is used', async () => {
  const { fake } = await active()
  const [instance] = await fake.api.listInstances({})
  if (!instance) throw new Error('no instance')
  const guestMemory = { actualMb: 64, totalMb: 50, freeMb: 10, availableMb: 30 }
  const seen = { state: 'running', uptimeS: 1, cpuTimeNs: 1, memoryUsedMb: 150, driver: 'qemu', guestMemory } as const
  const { 'memory-rss': rss, 'memory-usable': usable, 'memory-available': total } = diagnosticsView(instance, seen, 1)
  assert.equal([rss, usable, total], [150 * 1024, 30 * 1024, 50 * 1024], 'by the names that libvirt has, in KiB')
  assert.equal(diagnosticsView(instance, seen, 48).memory_details, { maximum: 64, used: 20 })
})

test('a server without networks has no addresses and no security groups', async () => {
  const { ask, url } = await active()
  assert.equal((await ask('GET', `${url}/ips`)).body, { addresses: {} })
  assert.is((await ask('GET', `${url}/ips/private`)).status, 404)
  assert.equal((await ask('GET', `${url}/os-security-groups`)).body, { security_groups: [] })
  assert.is((await ask('GET', `${url}/topology`, undefined, at(77))).status, 404)
  assert.equal((await ask('GET', `${url}/topology`, undefined, at(78))).body, { nodes: [], pagesize_kb: null })
})

test('the password a guest has left is shown until it is cleared', async () => {
  const { ask, fake, id, url } = await active()
  assert.equal((await ask('GET', `${url}/os-server-password`)).body, { password: '' })
  fake.setInstance(id, { about: { password: 'c2VjcmV0', description: 'kept' } })
  assert.equal((await ask('GET', `${url}/os-server-password`)).body, { password: 'c2VjcmV0' })
  assert.is((await ask('DELETE', `${url}/os-server-password`)).status, 204)
  assert.equal((await ask('GET', `${url}/os-server-password`)).body, { password: '' })
  assert.is((await ask('GET', url, undefined, at(19))).body.server.description, 'kept')
})

test('consoles: by action before 2.6, at their path from then on; each refused with the driver that has none', async () => {
  const { ask, act, url, newServer } = await active()
  const actions = {
    'os-getVNCConsole': 'novnc',
    'os-getSPICEConsole': 'spice-html5',
    'os-getRDPConsole': 'rdp-html5',
    'os-getSerialConsole': 'serial',
  }
  for (const [action, type] of Object.entries(actions)) {
    const refused = await act({ [action]: { type } }, 5)
    assert.is(refused.status, 400)
    assert.match(refused.body.badRequest.message, `Unavailable console type ${type}: the driver fake has none`)
    assert.is((await act({ [action]: { type } }, 6)).status, 404)
    assert.match((await act({ [action]: { type: 'other' } }, 5)).body.badRequest.message, 'it must be')
  }
  const remote = (protocol: string, type: string, minor: number) =>
    ask('POST', `${url}/remote-consoles`, { remote_console: { protocol, type } }, at(minor))
  assert.is((await remote('vnc', 'novnc', 5)).status, 404)
  assert.match((await remote('serial', 'serial', 6)).body.badRequest.message, 'Unavailable console type serial')
  assert.match((await remote('mks', 'webmks', 7)).body.badRequest.message, '2.8')
  const building = await newServer()
  const early = await ask('POST', `${SERVERS}/${building}/remote-consoles`, { remote_console: { protocol: 'vnc', type: 'novnc' } }, at(6))
  assert.is(early.status, 409)
  assert.is((await ask('GET', '/compute/v2.1/os-console-auth-tokens/abc', undefined, at(30))).status, 400)
  assert.is((await ask('GET', '/compute/v2.1/os-console-auth-tokens/abc', undefined, at(31))).status, 404)
})

test('a console that there is: its URL by the newer path and by the older actions; who asks stands behind the ticket', async () => {
  const { ask, act, fake, id, url } = await active()
  const given: Parameters<typeof fake.api.consoleTicket>[0][] = []
  fake.api.consoleTicket = async args => {
    given.push(args)
    return { host: 'compute 1', ticket: '00000000-0000-4000-8000-00000000000a', expiresInMs: 1 }
  }
  const token = 'Y29tcHV0ZSAx.00000000-0000-4000-8000-00000000000a'
  const remote = (protocol: string, type: string) => ask('POST', `${url}/remote-consoles`, { remote_console: { protocol, type } }, at(8))
  const serial = { protocol: 'serial', type: 'serial', url: `ws://cloud.test:8774/remote-console?token=${token}` }
  const screen = { protocol: 'vnc', type: 'novnc', url: `http://cloud.test:8774/#/screen?token=${token}` }
  assert.equal(
    [(await remote('serial', 'serial')).body, (await remote('vnc', 'novnc')).body],
    [{ remote_console: serial }, { remote_console: screen }],
  )
  const older = await act({ 'os-getSerialConsole': { type: 'serial' } }, 5)
  assert.equal([older.status, older.body], [200, { console: { type: 'serial', url: serial.url } }])
  assert.is((await remote('spice', 'spice-html5')).status, 400)
  assert.equal(
    given.map(({ id: asked, kind, by }) => [asked, kind, by.user, by.requestId.startsWith('req-')]),
    [
      [id, 'serial', null, true],
      [id, 'vnc', null, true],
      [id, 'serial', null, true],
    ],
  )
})

test('a crash dump needs 2.17; actions on addresses are gone with 2.44, security groups need a port', async () => {
  const { act, fake } = await active()
  assert.is((await act({ trigger_crash_dump: null }, 16)).status, 404)
  assert.is((await act({ trigger_crash_dump: null }, 17)).status, 202)
  assert.ok(fake.calls.some(({ method }) => method === 'triggerCrashDump'))
  const addresses = [{ addFixedIp: { networkId: 'n' } }, { removeFixedIp: { address: '10.0.0.1' } }, { addFloatingIp: { address: '10.0.0.1' } }]
  for (const body of addresses) {
    assert.match((await act(body, 43)).body.badRequest.message, 'no network service')
    assert.is((await act(body, 44)).status, 404)
  }
  assert.is((await act({ addSecurityGroup: { name: 'default' } }, 90)).status, 404)
})

test('attached disks: tags, whether they go with the server, and the ids of 2.89', async () => {
  const { ask, fake, id, url } = await active()
  const path = `${url}/os-volume_attachments`
  const attach = (minor: number, more: object) => ask('POST', path, { volumeAttachment: { volumeId: 'd1', ...more } }, at(minor))
  assert.match((await attach(48, { tag: 'db' })).body.badRequest.message, '2.49')
  assert.match((await attach(78, { delete_on_termination: true })).body.badRequest.message, '2.79')
  const made = await attach(79, { tag: 'db', delete_on_termination: true })
  const shown = { id: 'd1', volumeId: 'd1', serverId: id, device: '/dev/vdb', tag: 'db', delete_on_termination: true }
  assert.equal(made.body.volumeAttachment, shown)
  fake.finish(id)
  const seen = async (minor: number) => Object.keys((await ask('GET', `${path}/d1`, undefined, at(minor))).body.volumeAttachment)
  assert.equal(await seen(69), ['id', 'volumeId', 'serverId', 'device'])
  assert.equal(await seen(89), ['volumeId', 'serverId', 'device', 'tag', 'delete_on_termination', 'attachment_id', 'bdm_uuid'])
  const update = (minor: number, more: object) => ask('PUT', `${path}/d1`, { volumeAttachment: { volumeId: 'd1', ...more } }, at(minor))
  assert.match((await update(84, { delete_on_termination: false })).body.badRequest.message, '2.85')
  assert.match((await update(85, { delete_on_termination: false, device: '/dev/vdc' })).body.badRequest.message, 'device: it cannot be changed')
  assert.match((await update(85, { volumeId: 'd2' })).body.badRequest.message, 'volume service')
  assert.is((await update(85, { delete_on_termination: false, device: '/dev/vdb', serverId: id })).status, 202)
  const asked = fake.calls.filter(({ method }) => method === 'updateInstance').at(-1)?.args
  assert.match(JSON.stringify(asked), '"disk":{"id":"d1","deleteOnTermination":false}')
})

test('a request that begins an operation brings its trace along; one that is no trace is left out', async () => {
  const { ask, fake, newServer } = createFace()
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const id = await newServer({}, { traceparent })
  fake.finish(id)
  await ask('POST', `${SERVERS}/${id}/action`, { 'os-stop': null }, { traceparent: 'nonsense' })
  const by = (name: string) => fake.calls.flatMap(({ method, args }) => (method === name ? [(args as { by?: object }).by] : []))
  assert.equal(by('createInstances'), [{ trace: traceparent }])
  assert.equal(by('actOnInstance'), [undefined])
})

test('files for a guest, until 2.56: kept with what is said of it, and brought by a config drive', async () => {
  const { ask, fake, newServer } = createFace()
  const personality = [{ path: '/etc/motd', contents: 'aGVsbG8=' }]
  await newServer({ personality, adminPass: 'never kept' })
  const [asked] = fake.calls.flatMap(({ method, args }) => (method === 'createInstances' ? [(args as { about?: object }).about] : []))
  assert.equal(asked, { configDrive: true, files: personality })
  assert.not.match(JSON.stringify(fake.calls), 'never kept')
  const server = { name: 'vm', flavorRef: 'tiny', imageRef: 'fake', networks: 'none', personality }
  assert.match((await ask('POST', SERVERS, { server }, at(57))).body.badRequest.message, '2.57')
})

test.run()
