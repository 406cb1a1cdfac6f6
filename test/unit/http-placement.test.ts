/** Aggregates, zones, server groups, extra specs, and where a server is asked to be: Nova's paths and Baton's. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createFace, FLAVORS, SERVERS, tiny } from '../support/http.ts'

const AGGREGATES = '/compute/v2.1/os-aggregates'
const GROUPS = '/compute/v2.1/os-server-groups'
const ZONES = '/compute/v2.1/os-availability-zone'
const AT_37 = { 'openstack-api-version': 'compute 2.37' }
const AT_14 = { 'openstack-api-version': 'compute 2.14' }

test('aggregates: create, show, list, rename, hosts, metadata, delete', async () => {
  const { ask } = createFace()
  const made = await ask('POST', AGGREGATES, { aggregate: { name: 'fast', availability_zone: 'west' } })
  assert.is(made.status, 200)
  const { id, ...rest } = made.body.aggregate
  assert.equal([rest.name, rest.availability_zone, rest.deleted, 'hosts' in rest, 'metadata' in rest], ['fast', 'west', false, false, false])
  const path = `${AGGREGATES}/${id}`
  const { hosts, metadata } = (await ask('GET', path)).body.aggregate
  assert.equal([hosts, metadata], [[], { availability_zone: 'west' }])
  assert.equal((await ask('POST', `${path}/action`, { add_host: { host: 'c1' } })).body.aggregate.hosts, ['c1'])
  const set = await ask('POST', `${path}/action`, { set_metadata: { metadata: { ssd: 'true', availability_zone: 'east' } } })
  assert.equal(set.body.aggregate.metadata, { ssd: 'true', availability_zone: 'east' })
  assert.equal(Object.keys((await ask('POST', `${path}/action`, { set_metadata: { metadata: { ssd: null } } })).body.aggregate.metadata), [
    'availability_zone',
  ])
  assert.is((await ask('PUT', path, { aggregate: { name: 'slow' } })).body.aggregate.name, 'slow')
  assert.equal(
    (await ask('GET', AGGREGATES)).body.aggregates.map((a: { name: string }) => a.name),
    ['slow'],
  )
  assert.is((await ask('DELETE', path)).status, 400, 'it has a host')
  assert.equal((await ask('POST', `${path}/action`, { remove_host: { host: 'c1' } })).body.aggregate.hosts, [])
  assert.is((await ask('DELETE', path)).status, 200)
  assert.is((await ask('GET', path)).status, 404)
})

test('aggregates: what is wrong is refused and changes nothing', async () => {
  const { ask } = createFace()
  const { aggregate: west } = (await ask('POST', AGGREGATES, { aggregate: { name: 'a', availability_zone: 'west' } })).body
  const { aggregate: east } = (await ask('POST', AGGREGATES, { aggregate: { name: 'b', availability_zone: 'east' } })).body
  const add = (id: number, host: string) => ask('POST', `${AGGREGATES}/${id}/action`, { add_host: { host } })
  await add(west.id, 'c1')
  const clash = await add(east.id, 'c1')
  assert.is(clash.status, 409)
  assert.match(clash.body.conflictingRequest.message, 'host c1 is in zone west by aggregate a, so it cannot be in zone east too')
  assert.is((await add(west.id, 'c1')).status, 409, 'it is there already')
  assert.is((await add(west.id, 'nowhere')).status, 404)
  assert.is((await add(99, 'c1')).status, 404)
  assert.is((await ask('POST', AGGREGATES, { aggregate: { name: 'a' } })).status, 409, 'the name is taken')
  for (const aggregate of [{}, { name: '' }, { name: 'x', availability_zone: 'a:b' }, { name: 'x', more: 1 }])
    assert.is((await ask('POST', AGGREGATES, { aggregate })).status, 400, JSON.stringify(aggregate))
  assert.is((await ask('POST', `${AGGREGATES}/${west.id}/action`, { add_host: { host: 'c2' }, remove_host: { host: 'c1' } })).status, 400)
  assert.is((await ask('POST', `${AGGREGATES}/${west.id}/action`, { remove_host: { host: 'c2' } })).status, 404)
  for (const id of ['0', '-1', 'x', '1.5']) assert.is((await ask('GET', `${AGGREGATES}/${id}`)).status, 404, id)
  assert.equal((await ask('GET', `${AGGREGATES}/${east.id}`)).body.aggregate.hosts, [])
})

test('zones: those of aggregates with hosts, and the default one; in detail with services', async () => {
  const { ask } = createFace()
  const { aggregate } = (await ask('POST', AGGREGATES, { aggregate: { name: 'a', availability_zone: 'west' } })).body
  assert.equal((await ask('GET', ZONES)).body.availabilityZoneInfo, [{ zoneName: 'nova', zoneState: { available: true }, hosts: null }])
  await ask('POST', `${AGGREGATES}/${aggregate.id}/action`, { add_host: { host: 'c1' } })
  assert.equal((await ask('GET', ZONES)).body.availabilityZoneInfo, [
    { zoneName: 'nova', zoneState: { available: false }, hosts: null },
    { zoneName: 'west', zoneState: { available: true }, hosts: null },
  ])
  const { availabilityZoneInfo } = (await ask('GET', `${ZONES}/detail`)).body
  const [internal, , west] = availabilityZoneInfo
  assert.equal([internal.zoneName, Object.keys(internal.hosts)], ['internal', ['n1', 'n2']])
  assert.equal([west.hosts.c1['nova-compute'].active, west.hosts.c1['nova-compute'].available], [true, true])
  const service = (await ask('GET', '/compute/v2.1/os-services?host=c1')).body.services[0]
  assert.is(service.zone, 'west')
})

test('server groups: create, show, list, delete; soft policies since 2.15', async () => {
  const { ask } = createFace()
  const create = (policies: unknown, headers = AT_37) => ask('POST', GROUPS, { server_group: { name: 'g', policies } }, headers)
  const made = await create(['anti-affinity'])
  assert.equal([made.status, made.body.server_group.policies, made.body.server_group.members], [200, ['anti-affinity'], []])
  const path = `${GROUPS}/${made.body.server_group.id}`
  assert.is((await ask('GET', path)).body.server_group.name, 'g')
  assert.is((await ask('GET', GROUPS)).body.server_groups.length, 1)
  assert.is((await create(['soft-affinity'])).status, 200)
  assert.is((await create(['soft-affinity'], AT_14)).status, 400)
  for (const wrong of [[], ['affinity', 'anti-affinity'], ['apart'], 'affinity']) assert.is((await create(wrong)).status, 400, JSON.stringify(wrong))
  assert.is((await ask('DELETE', path)).status, 204)
  assert.is((await ask('GET', path)).status, 404)
  assert.is((await ask('DELETE', path)).status, 404)
})

test('groups of Baton take the rule, and refuse it where it contradicts the policy', async () => {
  const { ask } = createFace()
  const create = (body: object) => ask('POST', '/baton/v1/groups', body)
  const made = await create({ name: 'g', policy: 'anti-affinity', maxServerPerHost: 2 })
  assert.equal([made.status, made.body.group.maxServerPerHost], [200, 2])
  assert.is((await ask('GET', `/baton/v1/groups/${made.body.group.id}`)).body.group.policy, 'anti-affinity')
  assert.is((await ask('GET', '/baton/v1/groups')).body.groups.length, 1)
  const contradiction = await create({ name: 'g', policy: 'affinity', maxServerPerHost: 2 })
  assert.is(contradiction.status, 400)
  assert.match(contradiction.text, 'only an anti-affinity group takes the rule')
  for (const max of [0, -1, 1.5, '2'])
    assert.is((await create({ name: 'g', policy: 'anti-affinity', maxServerPerHost: max })).status, 400, String(max))
  assert.is((await ask('DELETE', `/baton/v1/groups/${made.body.group.id}`)).status, 204)
})

test('extra specs of a flavor: set, show one, replace, take away', async () => {
  const { ask } = createFace()
  const path = `${FLAVORS}/tiny/os-extra_specs`
  assert.equal((await ask('GET', path)).body, { extra_specs: {} })
  const specs = { 'resources:CUSTOM_FPGA': 1, 'trait:CUSTOM_SSD': 'required', 'hw:any': 'thing' }
  const set = await ask('POST', path, { extra_specs: specs })
  assert.equal([set.status, set.body.extra_specs['resources:CUSTOM_FPGA']], [200, '1'])
  assert.equal((await ask('GET', `${path}/trait:CUSTOM_SSD`)).body, { 'trait:CUSTOM_SSD': 'required' })
  assert.equal((await ask('PUT', `${path}/trait:CUSTOM_SSD`, { 'trait:CUSTOM_SSD': 'forbidden' })).body, { 'trait:CUSTOM_SSD': 'forbidden' })
  assert.is((await ask('DELETE', `${path}/hw:any`)).status, 200)
  assert.equal(Object.keys((await ask('GET', path)).body.extra_specs), ['resources:CUSTOM_FPGA', 'trait:CUSTOM_SSD'])
  assert.is((await ask('DELETE', `${path}/hw:any`)).status, 404)
  assert.is((await ask('GET', `${path}/hw:any`)).status, 404)
  assert.is((await ask('PUT', `${path}/a`, { b: 'c' })).status, 400)
  assert.is((await ask('GET', `${FLAVORS}/none/os-extra_specs`)).status, 404)
})

test('extra specs that placement cannot understand are refused', async () => {
  const { ask } = createFace()
  const wrong: [string, unknown][] = [
    ['trait:not a trait', 'required'],
    ['trait:custom_ssd', 'required'],
    ['trait:CUSTOM_SSD', 'wanted'],
    ['resources:VCPU', '2'],
    ['resources:CUSTOM_FPGA', '0'],
    ['resources:CUSTOM_FPGA', '-1'],
    ['resources:CUSTOM_FPGA', 'many'],
    ['a/b', 'c'],
  ]
  for (const [key, value] of wrong) {
    assert.is((await ask('POST', `${FLAVORS}/tiny/os-extra_specs`, { extra_specs: { [key]: value } })).status, 400, key)
  }
  assert.equal((await ask('GET', `${FLAVORS}/tiny/os-extra_specs`)).body.extra_specs, {})
})

test('a server says where it is to be: zone, forced host, hints', async () => {
  const { ask, fake } = createFace()
  const placementAfter = async (more: object, hints?: object) => {
    const answer = await ask('POST', SERVERS, { ...tiny(more), ...(hints ? { 'os:scheduler_hints': hints } : {}) })
    assert.is(answer.status, 202, answer.text)
    const asked = fake.calls.findLast(c => c.method === 'createInstances')?.args as { placement?: object } | undefined
    return asked?.placement
  }
  assert.is(await placementAfter({}), undefined)
  assert.equal(await placementAfter({ availability_zone: 'nova' }), { zone: 'nova' })
  assert.equal(await placementAfter({ availability_zone: 'nova:c1' }), { zone: 'nova', host: 'c1' })
  assert.equal(await placementAfter({ availability_zone: ':c1' }), { host: 'c1' })
  assert.equal(await placementAfter({}, { group: 'g', same_host: 'i', different_host: ['j', 'k', 'j'] }), {
    group: 'g',
    sameHost: ['i'],
    differentHost: ['j', 'k'],
  })
  for (const zone of ['a:b:c', 'a:', ':', '', 7]) assert.is((await ask('POST', SERVERS, tiny({ availability_zone: zone }))).status, 400, String(zone))
  assert.is(await placementAfter({}, { nearby: 'x' }), undefined, 'a hint that no filter knows')
  assert.equal(await placementAfter({}, { group: ['g'], query: '["="]' }), { group: 'g' })
  for (const hints of [{ same_host: [] }, { group: '' }, { group: ['g', 'h'] }])
    assert.is((await ask('POST', SERVERS, { ...tiny(), 'os:scheduler_hints': hints })).status, 400, JSON.stringify(hints))
})

test('a server shows the zone of its host', async () => {
  const { ask, fake, newServer } = createFace()
  const { aggregate } = (await ask('POST', AGGREGATES, { aggregate: { name: 'a', availability_zone: 'west' } })).body
  await ask('POST', `${AGGREGATES}/${aggregate.id}/action`, { add_host: { host: 'c1' } })
  const id = await newServer()
  fake.finish(id)
  assert.is((await ask('GET', `${SERVERS}/${id}`)).body.server['OS-EXT-AZ:availability_zone'], 'west')
})

test('a host is configured, and a choice explained', async () => {
  const { ask, fake } = createFace()
  const change = { reservedRamMb: 512, cpuRatio: 2, custom: { CUSTOM_FPGA: 2 }, addTraits: ['CUSTOM_SSD'] }
  assert.is((await ask('POST', '/baton/v1/hosts/c1/configure', change)).status, 200)
  assert.equal(fake.calls.at(-1)?.args, { id: 'c1', ...change })
  for (const wrong of [{}, { reservedRamMb: -1 }, { cpuRatio: 0 }, { reservedRam: 1 }, { custom: { X: 1.5 } }])
    assert.is((await ask('POST', '/baton/v1/hosts/c1/configure', wrong)).status, 400, JSON.stringify(wrong))
  assert.is((await ask('POST', '/baton/v1/hosts/none/configure', change)).status, 404)
  const asked = { flavor: 'tiny', availability_zone: 'west:c1', hints: { group: 'g' }, all: true }
  const { body } = await ask('POST', '/baton/v1/schedule/explain', asked)
  assert.equal([body.explanation.hosts, body.explanation.nearest], [2, ['free 64 ram (MB) on c1']])
  assert.equal(fake.calls.at(-1)?.args, { flavor: 'tiny', placement: { zone: 'west', host: 'c1', group: 'g' }, all: true })
  assert.is((await ask('POST', '/baton/v1/schedule/explain', { flavor: 'none' })).status, 404)
  assert.is((await ask('POST', '/baton/v1/schedule/explain', {})).status, 400)
})

test.run()
