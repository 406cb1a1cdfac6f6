/** Quotas and limits over HTTP, in Nova's shapes, and whose request it is. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createFace, SERVERS, tiny } from '../support/http.ts'

const SETS = '/compute/v2.1/os-quota-sets'
const GONE_AT_57 = { injected_files: -1, injected_file_content_bytes: -1, injected_file_path_bytes: -1 }
const GONE_AT_36 = { floating_ips: -1, fixed_ips: -1, security_groups: -1, security_group_rules: -1 }
const LASTING = { instances: -1, cores: -1, ram: -1, server_groups: -1, server_group_members: -1, key_pairs: -1, metadata_items: 128 }
const NONE = { ...LASTING, ...GONE_AT_36, ...GONE_AT_57 }

test('a quota set: show, defaults, detail, update, delete', async () => {
  const { ask } = createFace()
  assert.equal((await ask('GET', `${SETS}/p1`)).body, { quota_set: { id: 'p1', ...NONE } })
  assert.equal((await ask('PUT', `${SETS}/p1`, { quota_set: { cores: 8 } })).body, { quota_set: { ...NONE, cores: 8 } })
  const { quota_set: detail } = (await ask('GET', `${SETS}/p1/detail`)).body
  assert.equal([detail.id, detail.cores], ['p1', { limit: 8, in_use: 3, reserved: 0 }])
  assert.equal((await ask('GET', `${SETS}/p1/defaults`)).body, { quota_set: { id: 'p1', ...NONE } })
  assert.is((await ask('DELETE', `${SETS}/p1`)).status, 202)
  assert.is((await ask('GET', `${SETS}/p1`)).body.quota_set.cores, -1)
})

test('quotas and limits of what Baton does not have go with the version in which Nova let them go', async () => {
  const { ask } = createFace()
  const at = async (minor: number) => (await ask('GET', `${SETS}/p`, undefined, { 'openstack-api-version': `compute 2.${minor}` })).body.quota_set
  assert.equal(await at(35), { id: 'p', ...NONE })
  assert.equal(await at(36), { id: 'p', ...LASTING, ...GONE_AT_57 })
  assert.equal(await at(57), { id: 'p', ...LASTING })
  assert.is((await ask('PUT', `${SETS}/p`, { quota_set: { floating_ips: 5, ram: '2048' } })).body.quota_set.ram, 2048)
  const limits = (await ask('GET', '/compute/v2.1/limits', undefined, { 'openstack-api-version': 'compute 2.57' })).body.limits.absolute
  assert.is('maxPersonality' in limits || 'maxSecurityGroups' in limits || 'maxImageMeta' in limits, false)
})

test('the default class is read and set, and limits who has no own limits', async () => {
  const { ask, newServer } = createFace()
  const path = '/compute/v2.1/os-quota-class-sets/default'
  assert.equal((await ask('GET', path)).body, { quota_class_set: { id: 'default', ...NONE } })
  const put = await ask('PUT', path, { quota_class_set: { cores: 7, floating_ips: '5', metadata_items: 1 } })
  const after = { ...NONE, cores: 7, floating_ips: 5, metadata_items: 1 }
  assert.equal([put.status, put.body], [200, { quota_class_set: after }])
  assert.equal((await ask('GET', path)).body.quota_class_set, { id: 'default', ...after })
  const late = { 'openstack-api-version': 'compute 2.57' }
  assert.equal((await ask('GET', path, undefined, late)).body.quota_class_set, { id: 'default', ...LASTING, cores: 7, metadata_items: 1 })
  assert.is((await ask('GET', `${SETS}/p/defaults`)).body.quota_set.cores, 7)
  const id = await newServer()
  const metadata = (items: object) => ask('PUT', `/compute/v2.1/servers/${id}/metadata`, { metadata: items })
  assert.equal([(await metadata({ a: '1' })).status, (await metadata({ a: '1', b: '2' })).status], [200, 403])
  for (const bad of [{ cores: -2 }, { gigabytes: 1 }, {}]) assert.is((await ask('PUT', path, { quota_class_set: bad })).status, 400)
  assert.is((await ask('PUT', path, { quota_class_set: { floating_ips: 1 } }, late)).status, 400)
  assert.is((await ask('PUT', path.replace('default', 'gold'), { quota_class_set: { cores: 1 } })).status, 400)
})

test('limits are those of the project that asks, or of the one named', async () => {
  const { ask, fake } = createFace()
  const { absolute } = (await ask('GET', '/compute/v2.1/limits')).body.limits
  assert.equal([absolute.maxTotalRAMSize, absolute.totalRAMUsed, absolute.totalInstancesUsed], [-1, 128, 2])
  await ask('GET', '/compute/v2.1/limits?tenant_id=p2')
  assert.equal(
    fake.calls.map(c => c.args),
    [{ id: 'default' }, { id: 'p2' }],
  )
})

test('bad quotas are 400, say why, and never reach the cluster', async () => {
  const { ask, fake } = createFace()
  const bad: readonly (readonly ['GET' | 'PUT', string, unknown, string])[] = [
    ['PUT', `${SETS}/p`, { quota_set: { cores: -2 } }, 'quota_set.cores: it must be a whole number from 0 to 2147483647, or -1'],
    ['PUT', `${SETS}/p`, { quota_set: { cores: 1.5 } }, 'quota_set.cores'],
    ['PUT', `${SETS}/p`, { quota_set: { volumes: 1 } }, 'volumes: there is no such quota; there are instances'],
    ['PUT', `${SETS}/p`, { quota_set: { force: true } }, 'it names no quota to set'],
    ['PUT', `${SETS}/p`, { quota_set: { cores: 1, tenant_id: 'q' } }, 'the path names p'],
    ['PUT', `${SETS}/p?user_id=u`, { quota_set: { cores: 1 } }, 'there are none per user'],
    ['GET', `${SETS}/a.b`, undefined, 'must be 1 to 64 letters'],
    ['GET', '/compute/v2.1/limits?tenant_id=a%20b', undefined, 'tenant_id must be 1 to 64 letters'],
  ]
  for (const [method, path, body, message] of bad) {
    const answer = await ask(method, path, body)
    assert.is(answer.status, 400, path)
    assert.match(answer.body.badRequest.message, message)
  }
  assert.equal(fake.calls, [])
})

test('an instance belongs to the project of X-Project-Id; a token is one project’s own', async () => {
  const { ask, fake } = createFace()
  const body = tiny()
  for (const project of ['p1', 'p2']) {
    const made = await ask('POST', SERVERS, body, { 'x-project-id': project, 'x-client-token': 't' })
    assert.is(made.status, 202)
    assert.is((await fake.api.getInstance({ id: made.body.server.id })).project, project)
  }
  const refused = await ask('POST', SERVERS, body, { 'x-project-id': 'a.b' })
  assert.is(refused.status, 400)
  assert.match(refused.body.badRequest.message, 'X-Project-Id must be 1 to 64 letters')
})

test.run()
