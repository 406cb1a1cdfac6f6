/** What changes in which microversion, resource by resource: the fields that come and go between one version and the next. */
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CHANGES } from '../../transport/http/requests/changes.ts'
import { MAX_MINOR } from '../../transport/http/requests/microversion.ts'
import { wrongVersion } from '../../transport/http/requests/schema-versions.ts'
import { createFace, FLAVORS, SERVERS, type TestFace, tiny } from '../support/http.ts'

const V21 = '/compute/v2.1'
const at = (minor: number) => ({ 'openstack-api-version': `compute 2.${minor}` })

const ATTRIBUTES = ['hostname', 'reservation_id', 'launch_index', 'kernel_id', 'ramdisk_id', 'root_device_name', 'user_data']
const AMOUNTS = ['vcpus', 'memory_mb', 'local_gb'].flatMap(name => [name, `${name}_used`])

/** By Nova's version history: `+` came, `-` went. */
const EXPECTED: Readonly<Record<string, Readonly<Record<number, readonly string[]>>>> = {
  server: {
    3: ATTRIBUTES.map(name => `+OS-EXT-SRV-ATTR:${name}`),
    9: ['+locked'],
    16: ['+host_status'],
    19: ['+description'],
    26: ['+tags'],
    63: ['+trusted_image_certificates'],
    71: ['+server_groups'],
    73: ['+locked_reason'],
  },
  flavor: { 55: ['+description'], 61: ['+extra_specs'] },
  flavorSummary: { 55: ['+description'] },
  hypervisor: {
    88: [
      '+uptime',
      ...[...AMOUNTS, 'free_ram_mb', 'free_disk_gb', 'disk_available_least', 'running_vms', 'current_workload', 'cpu_info'].map(name => `-${name}`),
    ],
  },
  service: { 11: ['+forced_down'] },
  aggregate: { 41: ['+uuid'] },
  group: { 13: ['+project_id', '+user_id'], 64: ['+policy', '+rules', '-metadata', '-policies'] },
  action: { 58: ['+updated_at'] },
  event: { 62: ['+host', '+hostId'], 84: ['+details'] },
  keypair: { 2: ['+type'] },
}

async function resources({ ask, newServer }: TestFace) {
  const id = await newServer()
  const requestId = (await ask('GET', `${SERVERS}/${id}/os-instance-actions`)).body.instanceActions[0].request_id
  const group = (await ask('POST', `${V21}/os-server-groups`, { server_group: { name: 'g', policies: ['affinity'] } })).body.server_group
  const aggregate = (await ask('POST', `${V21}/os-aggregates`, { aggregate: { name: 'a' } })).body.aggregate
  await ask('POST', `${V21}/os-keypairs`, { keypair: { name: 'k', public_key: `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA${'A'.repeat(42)}` } })
  return async (minor: number): Promise<Record<string, object>> => {
    const get = async (path: string) => (await ask('GET', `${V21}${path}`, undefined, at(minor))).body
    const { instanceAction } = await get(`/servers/${id}/os-instance-actions/${requestId}`)
    return {
      server: (await get(`/servers/${id}`)).server,
      flavor: (await get('/flavors/tiny')).flavor,
      flavorSummary: (await get('/flavors')).flavors[0],
      hypervisor: (await get('/os-hypervisors/c1')).hypervisor,
      service: (await get('/os-services?binary=nova-compute')).services[0],
      aggregate: (await get(`/os-aggregates/${aggregate.id}`)).aggregate,
      group: (await get(`/os-server-groups/${group.id}`)).server_group,
      action: instanceAction,
      event: instanceAction.events[0],
      keypair: (await get('/os-keypairs')).keypairs[0].keypair,
    }
  }
}

test('fields come and go in the versions that the history says, and in no other', async () => {
  const see = await resources(createFace())
  const found: Record<string, Record<number, string[]>> = {}
  let before = await see(1)
  for (let minor = 2; minor <= MAX_MINOR; minor++) {
    const now = await see(minor)
    for (const [name, fields] of Object.entries(now)) {
      const old = Object.keys(before[name] ?? {})
      const came = Object.keys(fields).filter(key => !old.includes(key))
      const went = old.filter(key => !(key in fields))
      const changes = [...came.map(key => `+${key}`), ...went.map(key => `-${key}`)].sort()
      const of = found[name] ?? {}
      found[name] = of
      if (changes.length > 0) of[minor] = changes
    }
    before = now
  }
  const sorted = Object.entries(EXPECTED).map(([name, byMinor]) => [
    name,
    Object.fromEntries(Object.entries(byMinor).map(([minor, list]) => [minor, [...list].sort()])),
  ])
  assert.equal(found, Object.fromEntries(sorted))
})

test('values that change their form: flavor of a server, cpu_info, ids, swap', async () => {
  const see = await resources(createFace())
  const [early, late] = [await see(46), await see(75)]
  const pick = (all: Record<string, object>, name: string, key: string) => Object.entries(all[name] ?? {}).find(([k]) => k === key)?.[1]
  assert.is(pick(early, 'server', 'flavor').id, 'tiny')
  assert.equal(pick(late, 'server', 'flavor'), { vcpus: 1, ram: 64, disk: 1, ephemeral: 0, swap: 0, original_name: 'tiny', extra_specs: {} })
  assert.equal([pick(early, 'flavor', 'swap'), pick(late, 'flavor', 'swap')], ['', 0])
  assert.equal([pick(await see(27), 'hypervisor', 'cpu_info'), pick(early, 'hypervisor', 'cpu_info')], ['', {}])
  for (const name of ['hypervisor', 'service']) {
    assert.type(pick(early, name, 'id'), 'number')
    assert.match(pick(late, name, 'id'), /^[0-9a-f]{8}-/)
  }
})

test('paths that go: 404 from their version on, and that come', async () => {
  const { ask, newServer } = createFace()
  const id = await newServer()
  const paths: [string, number, boolean][] = [
    ['/os-hypervisors/statistics', 88, false],
    ['/os-hypervisors/c1/uptime', 88, false],
    ['/os-hypervisors/c/search', 53, false],
    ['/os-hypervisors/c/servers', 53, false],
    [`/servers/${id}/tags`, 26, true],
    [`/servers/${id}/topology`, 78, true],
  ]
  for (const [path, minor, comes] of paths) {
    const found = async (version: number) => (await ask('GET', `${V21}${path}`, undefined, at(version))).status !== 404
    assert.equal([await found(minor - 1), await found(minor)], [!comes, comes], path)
  }
})

test('parts of bodies are refused outside their versions, wherever they are', async () => {
  const schema = {
    properties: {
      old: { 'x-until': 10 },
      deep: { properties: { list: { items: { properties: { fresh: { 'x-since': 20 } } } } } },
      either: { anyOf: [{ type: 'null' }, { properties: { one: { 'x-since': 5 } } }] },
    },
  }
  assert.is(wrongVersion(schema, { old: 1 }, 9), null)
  assert.match(wrongVersion(schema, { old: 1 }, 10) ?? '', /old.*from microversion 2\.10 on/)
  assert.match(wrongVersion(schema, { deep: { list: [{}, { fresh: 1 }] } }, 19) ?? '', /deep\.list\[1\]\.fresh.*2\.20/)
  assert.is(wrongVersion(schema, { deep: { list: [{ fresh: 1 }] } }, 20), null)
  assert.match(wrongVersion(schema, { either: { one: 1 } }, 4) ?? '', /either\.one/)
  assert.is(wrongVersion(schema, { either: null }, 4), null)
})

test('a create by version: networks, tags, host name, host', async () => {
  const { ask } = createFace()
  const create = async (minor: number, more: object) => (await ask('POST', SERVERS, tiny(more), at(minor))).status
  assert.equal([await create(36, { networks: undefined }), await create(37, { networks: undefined })], [202, 400])
  assert.equal([await create(51, { tags: ['x'] }), await create(52, { tags: ['x'] })], [400, 202])
  assert.equal([await create(89, { hostname: 'web' }), await create(90, { hostname: 'web' })], [400, 202])
  assert.equal([await create(73, { host: 'c1' }), await create(74, { host: 'c1' })], [400, 202])
  assert.equal([await create(56, { personality: [] }), await create(57, { personality: [] })], [202, 400])
  for (const hostname of ['-a', 'a-', 'a.b', 'ü', '', 'x'.repeat(64)]) assert.is(await create(90, { hostname }), 400, hostname)
})

test('what a create and an update say of a server is shown', async () => {
  const { ask } = createFace()
  const body = tiny({ description: 'mine', tags: ['a'], hostname: 'web', user_data: 'eA==', config_drive: true })
  const { id } = (await ask('POST', SERVERS, body, at(90))).body.server
  const show = async () => (await ask('GET', `${SERVERS}/${id}`, undefined, at(90))).body.server
  const first = await show()
  assert.equal(
    [first.description, first.tags, first['OS-EXT-SRV-ATTR:hostname'], first['OS-EXT-SRV-ATTR:user_data'], first.config_drive],
    ['mine', ['a'], 'web', 'eA==', 'True'],
  )
  const put = await ask('PUT', `${SERVERS}/${id}`, { server: { description: null, hostname: 'db' } }, at(90))
  assert.equal([put.status, put.body.server.server_groups], [200, []])
  const second = await show()
  assert.equal([second.description, second['OS-EXT-SRV-ATTR:hostname'], second['OS-EXT-SRV-ATTR:user_data']], [null, 'db', 'eA=='])
})

test('services: disabled and forced down, by name first and by UUID later', async () => {
  const { ask } = createFace()
  const path = `${V21}/os-services`
  const named = { host: 'c1', binary: 'nova-compute' }
  const disabled = await ask('PUT', `${path}/disable-log-reason`, { ...named, disabled_reason: 'disk' })
  assert.equal(disabled.body.service, { ...named, status: 'disabled', disabled_reason: 'disk' })
  assert.equal((await ask('PUT', `${path}/enable`, named)).body.service, { ...named, status: 'enabled' })
  assert.is((await ask('PUT', `${path}/force-down`, { ...named, forced_down: true }, at(10))).status, 404)
  assert.is((await ask('PUT', `${path}/force-down`, { ...named, forced_down: true }, at(11))).body.service.forced_down, true)
  const { services } = (await ask('GET', `${path}?host=c2`, undefined, at(53))).body
  const put = await ask('PUT', `${path}/${services[0].id}`, { status: 'disabled', disabled_reason: 'x' }, at(53))
  assert.equal([put.status, put.body.service.id, put.body.service.disabled_reason], [200, services[0].id, 'x'])
  assert.is((await ask('PUT', `${path}/${services[0].id}`, { disabled_reason: 'x' }, at(53))).status, 400)
  assert.is((await ask('PUT', `${path}/enable`, named, at(53))).status, 400, 'host is no part of the body any more')
  assert.is((await ask('PUT', `${path}/nothing`, named)).status, 404)
})

test('server groups: a policy with rules since 2.64, the number also as text', async () => {
  const { ask } = createFace()
  const create = (group: object, minor = 64) => ask('POST', `${V21}/os-server-groups`, { server_group: { name: 'g', ...group } }, at(minor))
  const rules = { max_server_per_host: '2' }
  const made = await create({ policy: 'anti-affinity', rules })
  assert.equal([made.status, made.body.server_group.rules], [200, { max_server_per_host: 2 }])
  for (const max of ['0', '10001', 'x', 0, 1.5]) {
    assert.is((await create({ policy: 'anti-affinity', rules: { max_server_per_host: max } })).status, 400, String(max))
  }
  assert.is((await create({ policies: ['affinity'] })).status, 400)
  assert.is((await create({ policy: 'affinity' }, 63)).status, 400)
  assert.is((await create({})).status, 400)
})

test('flavors: a description since 2.55, and access for those that are not public', async () => {
  const { ask } = createFace()
  const flavor = { name: 'p', id: 'p', ram: 64, vcpus: 1, disk: 1, 'os-flavor-access:is_public': false }
  assert.is((await ask('POST', FLAVORS, { flavor: { ...flavor, description: 'x' } }, at(54))).status, 400)
  assert.is((await ask('POST', FLAVORS, { flavor: { ...flavor, description: 'x' } }, at(55))).body.flavor.description, 'x')
  assert.is((await ask('PUT', `${FLAVORS}/p`, { flavor: { description: null } }, at(55))).body.flavor.description, null)
  assert.is((await ask('PUT', `${FLAVORS}/p`, { flavor: { description: null } }, at(54))).status, 404)
  const access = [{ flavor_id: 'p', tenant_id: 'blue' }]
  assert.equal((await ask('POST', `${FLAVORS}/p/action`, { addTenantAccess: { tenant: 'blue' } })).body, { flavor_access: access })
  assert.equal((await ask('GET', `${FLAVORS}/p/os-flavor-access`)).body, { flavor_access: access })
  assert.equal((await ask('POST', `${FLAVORS}/p/action`, { removeTenantAccess: { tenant: 'blue' } })).body, { flavor_access: [] })
  assert.is((await ask('GET', `${FLAVORS}/tiny/os-flavor-access`)).status, 404)
  assert.is((await ask('POST', `${FLAVORS}/tiny/action`, { addTenantAccess: { tenant: 'blue' } })).status, 409)
  assert.is((await ask('POST', `${FLAVORS}/p/action`, {})).status, 400)
})

test('createImage says the id in a Location before 2.45 and in its body from then on', async () => {
  const { ask, fake, newServer } = createFace()
  const id = await newServer()
  fake.finish(id)
  const snapshot = (minor: number) => ask('POST', `${SERVERS}/${id}/action`, { createImage: { name: 's' } }, at(minor))
  assert.match((await snapshot(44)).headers.location ?? '', /\/image\/v2\/images\/[0-9a-f-]{36}$/)
  fake.finish(id)
  const later = await snapshot(45)
  assert.match(later.body.image_id, /^[0-9a-f-]{36}$/)
  assert.is(later.headers.location, undefined)
})

test('every change is gone by somewhere', () => {
  const folder = new URL('../../transport/http/', import.meta.url)
  const code = readdirSync(folder, { recursive: true })
    .map(String)
    .filter(name => name.endsWith('.ts') && name !== 'changes.ts')
    .map(name => readFileSync(new URL(name, folder), 'utf8'))
    .join('\n')
  for (const name of Object.keys(CHANGES)) assert.ok(code.includes(`'${name}'`), name)
})

test('every change is one of a version there is, in order', () => {
  const all = Object.values(CHANGES).map(({ since }) => since)
  assert.equal(
    [...all].sort((a, b) => a - b),
    all,
  )
  assert.ok(all.every(minor => minor > 1 && minor <= MAX_MINOR))
})

test.run()
