/** Nova's server actions beyond power, and what can be changed of a server at any time. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createFace, SERVERS } from '../support/http.ts'

const SINCE_2_26 = { 'openstack-api-version': 'compute 2.26' }

/** What each action of Nova asks of the cluster. */
const ACTIONS: readonly (readonly [body: object, method: string, args: object])[] = [
  [{ suspend: null }, 'actOnInstance', { action: 'suspend' }],
  [{ resume: null }, 'actOnInstance', { action: 'resume' }],
  [{ rescue: null }, 'actOnInstance', { action: 'rescue' }],
  [{ rescue: { rescue_image_ref: 'i' } }, 'actOnInstance', { action: 'rescue', image: 'i' }],
  [{ unrescue: null }, 'actOnInstance', { action: 'unrescue' }],
  [{ rebuild: { imageRef: 'i' } }, 'actOnInstance', { action: 'rebuild', image: 'i' }],
  [{ resize: { flavorRef: 'f' } }, 'actOnInstance', { action: 'resize', flavor: 'f' }],
  [{ migrate: null }, 'actOnInstance', { action: 'migrate' }],
  [{ migrate: { host: 'c2' } }, 'actOnInstance', { action: 'migrate', host: 'c2' }],
  [{ confirmResize: null }, 'actOnInstance', { action: 'confirm-resize' }],
  [{ revertResize: null }, 'actOnInstance', { action: 'revert-resize' }],
  [{ evacuate: {} }, 'actOnInstance', { action: 'evacuate' }],
  [{ evacuate: { host: 'c2' } }, 'actOnInstance', { action: 'evacuate', host: 'c2' }],
  [{ shelve: null }, 'actOnInstance', { action: 'shelve' }],
  [{ shelveOffload: null }, 'actOnInstance', { action: 'shelve-offload' }],
  [{ unshelve: null }, 'actOnInstance', { action: 'unshelve' }],
  [{ restore: null }, 'actOnInstance', { action: 'restore' }],
  [{ forceDelete: null }, 'deleteInstance', { force: true }],
  [{ lock: null }, 'lockInstance', {}],
  [{ lock: { locked_reason: 'audit' } }, 'lockInstance', { reason: 'audit' }],
  [{ unlock: null }, 'unlockInstance', {}],
  [{ 'os-resetState': { state: 'error' } }, 'resetInstance', { state: 'error' }],
  [{ changePassword: { adminPass: 'secret' } }, 'changePassword', { password: 'secret' }],
]

const AT_26 = { 'openstack-api-version': 'compute 2.26' }

test('each action is passed on in the words of the cluster', async () => {
  for (const [body, method, args] of ACTIONS) {
    const { ask, fake, newServer } = createFace()
    const id = await newServer()
    await ask('POST', `${SERVERS}/${id}/action`, body)
    const call = fake.calls.at(-1)
    assert.is(call?.method, method, JSON.stringify(body))
    const { requestId: _, ...said } = (call?.args ?? {}) as { requestId?: string }
    assert.equal(said, { id, ...args })
  }
})

test('a rebuild sets the key pair from 2.54 on and user_data from 2.57 on, and takes them away', async () => {
  const { ask, fake, newServer } = createFace()
  const pair = { name: 'k', public_key: `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA${'A'.repeat(42)} x` }
  await ask('POST', '/compute/v2.1/os-keypairs', { keypair: pair })
  const id = await newServer()
  fake.finish(id)
  const rebuild = async (more: object, minor: number) => {
    const version = { 'openstack-api-version': `compute 2.${minor}` }
    const answer = await ask('POST', `${SERVERS}/${id}/action`, { rebuild: { imageRef: 'fake', ...more } }, version)
    if (answer.status === 202) fake.finish(id)
    return answer
  }
  assert.is((await rebuild({ key_name: 'k' }, 53)).status, 400)
  assert.is((await rebuild({ user_data: 'eA==' }, 56)).status, 400)
  assert.is((await rebuild({ user_data: 'no base64' }, 57)).status, 400)
  const unknown = await rebuild({ key_name: 'nothing' }, 54)
  assert.equal([unknown.status, fake.calls.some(call => call.method === 'actOnInstance')], [400, false])
  assert.is((await rebuild({ key_name: 'k' }, 54)).body.server.key_name, 'k')
  const { server } = (await rebuild({ user_data: 'eA==' }, 57)).body
  assert.equal([server.key_name, server.user_data], ['k', 'eA=='])
  const { server: without } = (await rebuild({ key_name: null, user_data: null }, 57)).body
  assert.equal([without.key_name, without.user_data], [null, null])
})

test('bad actions are 400 and reach no conductor', async () => {
  const { ask, fake, newServer } = createFace()
  const id = await newServer()
  const before = fake.calls.length
  const bad = [
    { rebuild: null },
    { rebuild: {} },
    { resize: { flavorRef: '' } },
    { migrate: { host: 7 } },
    { evacuate: null },
    { lock: { locked_reason: '' } },
    { lock: { locked_reason: 'x'.repeat(256) } },
    { 'os-resetState': { state: 'paused' } },
    { changePassword: {} },
    { suspend: null, resume: null },
  ]
  for (const body of bad) assert.is((await ask('POST', `${SERVERS}/${id}/action`, body)).status, 400, JSON.stringify(body))
  assert.is(fake.calls.length, before)
})

test('a password that the driver cannot change is 501', async () => {
  const { ask, newServer } = createFace()
  const answer = await ask('POST', `${SERVERS}/${await newServer()}/action`, { changePassword: { adminPass: 'secret' } })
  assert.is(answer.status, 501)
})

test('a lock shows, and its actions are told in the words of Nova', async () => {
  const { ask, fake, newServer } = createFace()
  const id = await newServer()
  fake.finish(id)
  await ask('POST', `${SERVERS}/${id}/action`, { resize: { flavorRef: 'tiny' } })
  assert.is((await ask('GET', `${SERVERS}/${id}`)).body.server.status, 'RESIZE')
  fake.finish(id)
  assert.is((await ask('GET', `${SERVERS}/${id}`)).body.server.status, 'VERIFY_RESIZE')
  await ask('POST', `${SERVERS}/${id}/action`, { revertResize: null })
  assert.is((await ask('GET', `${SERVERS}/${id}`)).body.server.status, 'REVERT_RESIZE')
  const { instanceActions } = (await ask('GET', `${SERVERS}/${id}/os-instance-actions`)).body
  assert.equal(
    instanceActions.map((a: { action: string }) => a.action),
    ['revertResize', 'resize', 'create'],
  )
  await ask('POST', `${SERVERS}/${id}/action`, { lock: null })
  assert.is((await ask('GET', `${SERVERS}/${id}`, undefined, SINCE_2_26)).body.server.locked, true)
})

test('PUT renames, and nothing else', async () => {
  const { ask, newServer } = createFace()
  const id = await newServer()
  assert.is((await ask('PUT', `${SERVERS}/${id}`, { server: { name: 'new' } })).body.server.name, 'new')
  for (const body of [{}, { server: { name: '' } }, { server: { name: 'x', status: 'ACTIVE' } }])
    assert.is((await ask('PUT', `${SERVERS}/${id}`, body)).status, 400)
})

/** What the cluster was asked last, which must name the request. */
function lastUpdate(fake: ReturnType<typeof createFace>['fake']): object {
  const { requestId, ...asked } = { requestId: '', ...(fake.calls.at(-1)?.args as object) }
  assert.match(requestId, /^req-/)
  return asked
}

test('metadata: all, added to, one by one; what is not there is 404', async () => {
  const { ask, fake, newServer } = createFace()
  const id = await newServer({ metadata: { a: '1' } })
  const path = `${SERVERS}/${id}/metadata`
  assert.equal((await ask('GET', path)).body, { metadata: { a: '1' } })
  await ask('POST', path, { metadata: { b: '2' } })
  assert.equal(lastUpdate(fake), { id, setMetadata: { b: '2' } })
  assert.equal((await ask('PUT', path, { metadata: { c: '3' } })).body, { metadata: { c: '3' } })
  assert.equal((await ask('PUT', `${path}/d`, { meta: { d: '4' } })).body, { meta: { d: '4' } })
  assert.is((await ask('PUT', `${path}/d`, { meta: { e: '4' } })).status, 400)
  assert.equal((await ask('GET', `${path}/c`)).body, { meta: { c: '3' } })
  assert.is((await ask('DELETE', `${path}/c`)).status, 204)
  assert.equal(lastUpdate(fake), { id, unsetMetadata: ['c'] })
  for (const method of ['GET', 'DELETE'] as const) assert.is((await ask(method, `${path}/constructor`)).status, 404)
})

test('tags: all at once and one by one, with 1 to 60 characters each', async () => {
  const { ask: plain, newServer } = createFace()
  const ask: typeof plain = (method, url, body) => plain(method, url, body, AT_26)
  const path = `${SERVERS}/${await newServer()}/tags`
  assert.equal((await ask('PUT', path, { tags: ['x', 'y'] })).body, { tags: ['x', 'y'] })
  assert.equal((await ask('GET', path)).body, { tags: ['x', 'y'] })
  for (const tags of [['a,b'], ['a/b'], [''], ['x'.repeat(61)], 'x', Array(51).fill('x')])
    assert.is((await ask('PUT', path, { tags })).status, 400, JSON.stringify(tags))
  const one = await ask('PUT', `${path}/z`)
  assert.equal([one.status, one.headers.location], [201, `http://cloud.test:8774${path}/z`])
  assert.is((await ask('PUT', `${path}/z`)).status, 204)
  assert.is((await ask('GET', `${path}/z`)).status, 204)
  assert.is((await ask('PUT', `${path}/${'x'.repeat(61)}`)).status, 400)
  assert.is((await ask('DELETE', `${path}/z`)).status, 204)
  for (const method of ['GET', 'DELETE'] as const) assert.is((await ask(method, `${path}/z`)).status, 404)
  await ask('PUT', path, { tags: Array.from({ length: 50 }, (_, i) => `t${i}`) })
  assert.match((await ask('PUT', `${path}/more`)).body.badRequest.message, /50 tags/)
  assert.is((await ask('DELETE', path)).status, 204)
  assert.equal((await ask('GET', path)).body, { tags: [] })
  assert.is((await plain('GET', path)).status, 404, 'before 2.26')
})

test.run()
