/** /placement: providers, inventories, names, allocations and candidates, over a cluster in memory whose hosts are real host actors. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createFace, type TestFace } from '../support/http.ts'
import { createTestIdentity } from '../support/identity.ts'

const P = '/placement'
const at = (minor: number) => ({ 'openstack-api-version': `placement 1.${minor}` })
const LATEST = at(39)

type Ask = TestFace['ask']

async function providers(ask: Ask, query = '') {
  return (await ask('GET', `${P}/resource_providers${query}`, undefined, LATEST)).body.resource_providers
}

async function c1(face: TestFace) {
  const [provider] = await providers(face.ask, '?name=c1')
  const url = `${P}/resource_providers/${provider.uuid}`
  const get = async (what: string) => (await face.ask('GET', `${url}/${what}`, undefined, LATEST)).body
  return { uuid: provider.uuid as string, url, get }
}

test('versions: the document, the first without a header, the last, and those there are not', async () => {
  const { ask } = createFace()
  const { versions } = (await ask('GET', P)).body
  assert.equal([versions[0].id, versions[0].min_version, versions[0].max_version, versions[0].status], ['v1.0', '1.0', '1.39', 'CURRENT'])
  assert.is((await ask('GET', `${P}/resource_providers`)).headers['openstack-api-version'], 'placement 1.0')
  assert.is((await ask('GET', `${P}/resource_providers`, undefined, at(39))).headers['openstack-api-version'], 'placement 1.39')
  const latest = await ask('GET', `${P}/resource_providers`, undefined, { 'openstack-api-version': 'compute 2.90, placement latest' })
  assert.is(latest.headers['openstack-api-version'], 'placement 1.39')
  assert.match(latest.headers['last-modified'] ?? '', 'GMT')
  const later = await ask('GET', `${P}/resource_providers`, undefined, at(40))
  assert.is(later.status, 406)
  assert.match(later.body.errors[0].detail, 'Minimum is 1.0 and maximum is 1.39')
  assert.is((await ask('GET', `${P}/resource_providers`, undefined, { 'openstack-api-version': 'placement x' })).status, 400)
})

test('what came later is not there before: paths, parameters, fields, and the code of errors', async () => {
  const { ask } = createFace()
  for (const [path, since] of [
    ['resource_classes', 2],
    ['traits', 6],
    ['usages?project_id=default', 9],
    ['allocation_candidates?resources=VCPU:1', 10],
  ] as const) {
    assert.is((await ask('GET', `${P}/${path}`, undefined, at(since - 1))).status, 404, path)
    assert.is((await ask('GET', `${P}/${path}`, undefined, at(since))).status, 200, path)
  }
  for (const [query, since] of [
    ['member_of=5f5ed2b4-6d4a-4d80-8c4a-000000000000', 3],
    ['resources=VCPU:1', 4],
    ['required=HW_CPU_X86_VMX', 18],
    ['required=!HW_CPU_X86_VMX', 22],
    ['required=in:HW_CPU_X86_VMX,HW_CPU_X86_SVM', 39],
  ] as const) {
    assert.is((await ask('GET', `${P}/resource_providers?${query}`, undefined, at(since - 1))).status, 400, query)
    assert.is((await ask('GET', `${P}/resource_providers?${query}`, undefined, at(since))).status, 200, query)
  }
  const [first] = (await ask('GET', `${P}/resource_providers`)).body.resource_providers
  assert.equal(Object.keys(first).sort(), ['generation', 'links', 'name', 'uuid'])
  const [last] = await providers(ask)
  assert.equal([last.parent_provider_uuid, last.root_provider_uuid], [null, last.uuid])
  assert.equal(
    last.links.map((l: { rel: string }) => l.rel),
    ['self', 'inventories', 'usages', 'aggregates', 'traits', 'allocations'],
  )
  const no = `${P}/resource_providers/5f5ed2b4-6d4a-4d80-8c4a-000000000000`
  assert.is((await ask('GET', no, undefined, at(22))).body.errors[0].code, undefined)
  assert.is((await ask('GET', no, undefined, at(23))).body.errors[0].code, 'placement.undefined_code')
})

test('a provider is a host: its UUID is that of the hypervisor', async () => {
  const face = createFace()
  const { hypervisors } = (await face.ask('GET', '/compute/v2.1/os-hypervisors', undefined, { 'openstack-api-version': 'compute 2.53' })).body
  assert.equal(
    (await providers(face.ask)).map((p: { uuid: string }) => p.uuid),
    hypervisors.map((h: { id: string }) => h.id),
  )
  const { url } = await c1(face)
  assert.is((await face.ask('GET', url.toUpperCase().replace('/PLACEMENT/RESOURCE_PROVIDERS', `${P}/resource_providers`))).status, 200)
  assert.is((await face.ask('POST', `${P}/resource_providers`, { name: 'x' })).status, 403)
  assert.is((await face.ask('PUT', url, { name: 'other' })).status, 403)
  assert.is((await face.ask('PUT', url, { name: 'c1' })).status, 200)
})

test('inventories: what a host reports stays, what operators say is set at the generation they read', async () => {
  const face = createFace()
  const { ask } = face
  const { url, get } = await c1(face)
  const before = await get('inventories')
  assert.equal(before.inventories.VCPU, { total: 8, reserved: 0, min_unit: 1, max_unit: 2147483647, step_size: 1, allocation_ratio: 1 })
  const put = (inventories: object, generation: number) =>
    ask('PUT', `${url}/inventories`, { inventories, resource_provider_generation: generation }, LATEST)
  const { VCPU, MEMORY_MB, DISK_GB } = before.inventories
  const same = { VCPU: { ...VCPU, reserved: 1, allocation_ratio: 4 }, MEMORY_MB, DISK_GB }

  const set = await put(same, before.resource_provider_generation)
  assert.is(set.status, 200, set.text)
  assert.equal([set.body.inventories.VCPU.reserved, set.body.inventories.VCPU.allocation_ratio], [1, 4])
  assert.is(set.body.resource_provider_generation, 1)

  const stale = await put(same, before.resource_provider_generation)
  assert.equal([stale.status, stale.body.errors[0].code], [409, 'placement.concurrent_update'])
  for (const [what, inventories, status, words] of [
    ['another total', { ...same, VCPU: { ...VCPU, total: 9 } }, 409, 'reports 8 VCPU itself'],
    ['one left out', { VCPU, MEMORY_MB }, 409, 'reports its DISK_GB itself'],
    ['steps', { ...same, VCPU: { ...VCPU, step_size: 2 } }, 400, 'not stepped'],
    ['a class nobody made', { ...same, CUSTOM_GPU: { total: 2 } }, 400, 'Unknown resource class CUSTOM_GPU'],
    ['a standard class that no host has', { ...same, VGPU: { total: 2 } }, 400, 'No host has VGPU'],
    ['a ratio no host takes', { ...same, VCPU: { ...VCPU, allocation_ratio: 5000 } }, 400, 'ratio must be from'],
  ] as const) {
    const refused = await put(inventories, 1)
    assert.is(refused.status, status, `${what}: ${refused.text}`)
    assert.match(refused.body.errors[0].detail, words)
  }
  assert.equal((await get('inventories')).resource_provider_generation, 1, 'nothing of that was done')
})

test('custom classes: made, given to a host, changed, taken away, and not while a host has them', async () => {
  const face = createFace()
  const { ask } = face
  const { url, get } = await c1(face)
  const classUrl = `${P}/resource_classes/CUSTOM_GPU`
  assert.equal([(await ask('PUT', classUrl, undefined, at(7))).status, (await ask('PUT', classUrl, undefined, at(7))).status], [201, 204])
  assert.is((await ask('POST', `${P}/resource_classes`, { name: 'CUSTOM_GPU' }, at(2))).status, 409)
  assert.is((await ask('POST', `${P}/resource_classes`, { name: 'GPU' }, at(2))).status, 400)
  assert.is((await ask('GET', classUrl, undefined, LATEST)).body.name, 'CUSTOM_GPU')

  const post = (body: object) => ask('POST', `${url}/inventories`, body, LATEST)
  assert.is((await post({ resource_class: 'CUSTOM_GPU', total: 2 })).status, 201)
  assert.is((await post({ resource_class: 'CUSTOM_GPU', total: 2 })).status, 409)
  const { resource_provider_generation: generation } = await get('inventories')
  const one = `${url}/inventories/CUSTOM_GPU`
  assert.is((await ask('PUT', one, { total: 3, resource_provider_generation: generation - 1 }, LATEST)).status, 409)
  assert.is((await ask('PUT', one, { total: 3, resource_provider_generation: generation }, LATEST)).body.total, 3)
  assert.is((await get('usages')).usages.CUSTOM_GPU, 0)
  assert.is((await ask('DELETE', classUrl, undefined, LATEST)).status, 409)
  assert.is((await ask('DELETE', `${url}/inventories`, undefined, LATEST)).status, 409, 'the host reports the rest')
  assert.is((await ask('DELETE', one, undefined, LATEST)).status, 204)
  assert.is((await ask('DELETE', one, undefined, LATEST)).status, 404)
  assert.is((await ask('DELETE', classUrl, undefined, LATEST)).status, 204)
  assert.is((await ask('DELETE', classUrl, undefined, LATEST)).status, 404)
  assert.is((await ask('DELETE', `${P}/resource_classes/VCPU`, undefined, LATEST)).status, 400)
})

test('traits: named, listed, put on a host at its generation; those it reports stay', async () => {
  const face = createFace()
  const { ask } = face
  const { url, get } = await c1(face)
  assert.equal(
    [(await ask('PUT', `${P}/traits/CUSTOM_SSD`, undefined, LATEST)).status, (await ask('PUT', `${P}/traits/CUSTOM_SSD`, undefined, LATEST)).status],
    [201, 204],
  )
  assert.is((await ask('PUT', `${P}/traits/SSD`, undefined, LATEST)).status, 400)
  const put = (traits: string[], generation: number) => ask('PUT', `${url}/traits`, { traits, resource_provider_generation: generation }, LATEST)
  const { resource_provider_generation: generation } = await get('traits')
  assert.is((await put(['CUSTOM_NOBODY'], generation)).status, 400)
  const set = await put(['CUSTOM_SSD', 'HW_CPU_X86_VMX'], generation)
  assert.equal(set.body.traits, ['CUSTOM_SSD', 'HW_CPU_X86_VMX'], set.text)
  assert.is((await put([], generation)).status, 409)
  const names = async (query: string) => (await ask('GET', `${P}/traits${query}`, undefined, LATEST)).body.traits
  assert.equal(await names('?name=startswith:CUSTOM_'), ['CUSTOM_SSD'])
  assert.equal(await names('?name=in:HW_CPU_X86_VMX,NO'), ['HW_CPU_X86_VMX'])
  assert.equal(await names('?associated=false'), [])
  assert.is((await ask('GET', `${P}/traits/CUSTOM_SSD`, undefined, LATEST)).status, 204)
  assert.is((await ask('GET', `${P}/traits/CUSTOM_NO`, undefined, LATEST)).status, 404)
  assert.is((await ask('DELETE', `${P}/traits/CUSTOM_SSD`, undefined, LATEST)).status, 409)
  assert.equal(
    (await providers(ask, '?required=CUSTOM_SSD')).map((p: { name: string }) => p.name),
    ['c1'],
  )
  assert.equal(await providers(ask, '?required=CUSTOM_SSD,!HW_CPU_X86_VMX'), [])
  assert.is((await ask('DELETE', `${url}/traits`, undefined, LATEST)).status, 204)
  assert.is((await ask('DELETE', `${P}/traits/CUSTOM_SSD`, undefined, LATEST)).status, 204)
  // A host that takes nothing says so by a trait, and that is not for others to say.
  const [c2] = await providers(ask, '?name=c2')
  const ofC2 = `${P}/resource_providers/${c2.uuid}/traits`
  assert.equal((await ask('GET', ofC2, undefined, LATEST)).body.traits, ['COMPUTE_STATUS_DISABLED'])
  assert.is((await ask('DELETE', ofC2, undefined, LATEST)).status, 409)
})

test('allocations are read by consumer and by provider, and never written', async () => {
  const face = createFace()
  const { ask } = face
  const { uuid, get } = await c1(face)
  const id = await face.newServer()
  face.fake.finish(id)
  const mine = (await ask('GET', `${P}/allocations/${id}`, undefined, LATEST)).body
  assert.equal(mine.allocations[uuid].resources, { VCPU: 1, MEMORY_MB: 64, DISK_GB: 1 })
  assert.equal([mine.project_id, mine.consumer_type, mine.consumer_generation], ['default', 'INSTANCE', 1])
  assert.equal(Object.keys((await ask('GET', `${P}/allocations/${id}`)).body), ['allocations'])
  assert.equal((await get('allocations')).allocations[id].resources, { VCPU: 1, MEMORY_MB: 64, DISK_GB: 1 })
  assert.equal((await ask('GET', `${P}/allocations/${uuid}`)).body, { allocations: {} })
  for (const [method, path] of [
    ['PUT', `allocations/${id}`],
    ['DELETE', `allocations/${id}`],
    ['POST', 'allocations'],
    ['POST', 'reshaper'],
  ] as const) {
    const refused = await ask(method, `${P}/${path}`, method === 'DELETE' ? undefined : {}, LATEST)
    assert.is(refused.status, 403, path)
    assert.match(refused.body.errors[0].detail, 'baton doctor --repair')
  }
  const usages = async (query: string, minor = 39) => (await ask('GET', `${P}/usages?${query}`, undefined, at(minor))).body.usages
  assert.equal(await usages('project_id=default', 9), { VCPU: 1, MEMORY_MB: 64, DISK_GB: 1 })
  assert.equal(await usages('project_id=default'), { INSTANCE: { consumer_count: 1, VCPU: 1, MEMORY_MB: 64, DISK_GB: 1 } })
  assert.is((await usages('project_id=default&consumer_type=all')).all.consumer_count, 1)
  assert.equal(await usages('project_id=default&consumer_type=MIGRATION'), {})
  assert.equal(await usages('project_id=other'), {})
  assert.is((await ask('GET', `${P}/usages`, undefined, LATEST)).status, 400)
})

test('candidates: those with room, traits and aggregates; groups; and in the shape of the version', async () => {
  const face = createFace()
  const { ask } = face
  const { uuid } = await c1(face)
  const candidates = async (query: string, minor = 39) => (await ask('GET', `${P}/allocation_candidates?${query}`, undefined, at(minor))).body
  const found = async (query: string, minor = 39) => Object.keys((await candidates(query, minor)).provider_summaries ?? {})
  assert.is((await found('resources=VCPU:6,MEMORY_MB:64')).length, 2)
  assert.equal(await found('resources=VCPU:7'), [], 'two of eight are used')
  assert.equal(await found('resources=VCPU:1&required=!COMPUTE_STATUS_DISABLED'), [uuid])
  assert.equal(await found(`resources=VCPU:1&in_tree=${uuid}`), [uuid])
  assert.is((await found('resources=VCPU:1&limit=1')).length, 1)
  assert.is((await found('resources=VCPU:1&resources1=VCPU:5&resources2=MEMORY_MB:64&group_policy=none')).length, 2)
  assert.equal(await found('resources=VCPU:2&resources1=VCPU:5&group_policy=none'), [], 'groups of one host add up')
  assert.equal(await found('resources1=VCPU:1&resources2=VCPU:1&group_policy=isolate'), [])
  assert.is((await found('resources_CPU=VCPU:1&required_CPU=COMPUTE_STATUS_DISABLED')).length, 1)
  assert.is((await found('resources=VCPU:1&root_required=!COMPUTE_STATUS_DISABLED')).length, 1)

  const { aggregate } = (await ask('POST', '/compute/v2.1/os-aggregates', { aggregate: { name: 'a' } }, { 'openstack-api-version': 'compute 2.41' }))
    .body
  await ask('POST', `/compute/v2.1/os-aggregates/${aggregate.id}/action`, { add_host: { host: 'c1' } })
  assert.equal(await found(`resources=VCPU:1&member_of=${aggregate.uuid}`), [uuid])
  assert.is((await found(`resources=VCPU:1&member_of=!${aggregate.uuid}`)).length, 1)
  assert.equal((await ask('GET', `${P}/resource_providers/${uuid}/aggregates`, undefined, at(1))).body, { aggregates: [aggregate.uuid] })
  assert.is((await ask('PUT', `${P}/resource_providers/${uuid}/aggregates`, [], at(1))).status, 403)

  const one = `in_tree=${uuid}&resources=VCPU:1`
  assert.equal((await candidates(one)).allocation_requests, [{ allocations: { [uuid]: { resources: { VCPU: 1 } } }, mappings: { '': [uuid] } }])
  assert.equal((await candidates('resources=VCPU:1', 10)).allocation_requests[0].allocations[0].resources, { VCPU: 1 })
  assert.equal((await candidates('resources=VCPU:1', 10)).provider_summaries[uuid], { resources: { VCPU: { capacity: 8, used: 2 } } })
  assert.equal(Object.keys((await candidates(one)).provider_summaries[uuid].resources), ['VCPU', 'MEMORY_MB', 'DISK_GB'])

  for (const query of [
    '',
    'resources=VCPU:0',
    'resources=VCPU',
    'resources=VCPU:1,VCPU:2',
    'resources=CUSTOM_NOBODY:1',
    'resources=VCPU:1&required=CUSTOM_NOBODY',
    'resources=VCPU:1&required=A,!A',
    'resources1=VCPU:1&resources2=VCPU:1',
    'resources=VCPU:1&required7=A&same_subtree=8',
    'resources=VCPU:1&limit=0',
    'resources=VCPU:1&nonsense=1',
  ])
    assert.is((await ask('GET', `${P}/allocation_candidates?${query}`, undefined, LATEST)).status, 400, query)
})

test('only admins and services look here; usages are for who may read the project', async () => {
  const identity = await createTestIdentity()
  const { ask } = createFace({}, { identity: { gate: identity.gate, rules: [] } })
  const member = { ...LATEST, 'x-auth-token': await identity.member('ann', 'demo', 'member') }
  const service = { ...LATEST, 'x-auth-token': await identity.member('svc', 'ops', 'service') }
  const refused = await ask('GET', `${P}/resource_providers`, undefined, member)
  assert.equal([refused.status, refused.body.errors[0].title], [403, 'Forbidden'])
  assert.is((await ask('GET', `${P}/resource_providers`, undefined, service)).status, 200)
  assert.is((await ask('GET', `${P}/resource_providers`, undefined, LATEST)).status, 401)
  assert.is((await ask('GET', `${P}/usages?project_id=demo-id`, undefined, member)).status, 200)
  assert.is((await ask('GET', `${P}/usages?project_id=ops-id`, undefined, member)).status, 403)
  assert.is((await ask('GET', P)).status, 200)
})

test.run()
