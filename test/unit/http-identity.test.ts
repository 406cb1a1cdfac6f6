/** Keystone's paths, as its clients use them. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { newSigningKey, signToken } from '../../supervisors/identity/tokens.ts'
import { createFace } from '../support/http.ts'
import { ADMIN_PASSWORD, createTestIdentity, TOKEN_MS } from '../support/identity.ts'

const test = suite('http-identity')
const V3 = '/identity/v3'

async function world() {
  const identity = await createTestIdentity()
  const face = createFace({}, { identity: { gate: identity.gate, rules: [] } })
  const admin = { 'x-auth-token': await identity.token('admin', ADMIN_PASSWORD) }
  const login = (name: string, password: string, scope?: unknown) =>
    face.ask('POST', `${V3}/auth/tokens`, {
      auth: { identity: { methods: ['password'], password: { user: { name, domain: { id: 'default' }, password } } }, ...(scope ? { scope } : {}) },
    })
  return { ...identity, ...face, admin, login }
}

test('a password gives a token with a catalogue of where the client reached us', async () => {
  const { login } = await world()
  const answer = await login('admin', ADMIN_PASSWORD, { project: { name: 'admin', domain: { name: 'Default' } } })
  assert.is(answer.status, 201)
  assert.match(answer.headers['x-subject-token'] ?? '', /^b1\./)
  const { token } = answer.body
  assert.equal(token.project, { id: 'default', name: 'admin', domain: { id: 'default', name: 'Default' } })
  assert.equal(token.catalog.map((s: { type: string }) => s.type).sort(), ['compute', 'identity', 'image', 'placement'])
  assert.is(token.catalog.find((s: { type: string }) => s.type === 'compute').endpoints[0].url, 'http://cloud.test:8774/compute/v2.1')
})

test('wrong credentials are 401 in the shape of Keystone, and too many 429', async () => {
  const { login } = await world()
  for (const password of ['no', 'x'.repeat(10_000), '\u0000', '🐦', '']) {
    const answer = await login('admin', password)
    assert.equal([answer.status, answer.body.error.code, answer.body.error.title], [401, 401, 'Unauthorized'])
  }
  const answer = await login('admin', ADMIN_PASSWORD)
  assert.equal([answer.status, answer.body.error.title, answer.headers['retry-after']], [429, 'Too Many Requests', '1'])
})

test('a user is made, gets a role, changes the password, and goes', async () => {
  const { ask, admin, login } = await world()
  const project = (await ask('POST', `${V3}/projects`, { project: { name: 'demo' } }, admin)).body.project
  const made = await ask('POST', `${V3}/users`, { user: { name: 'ann', password: 'first', email: 'a@example.org' } }, admin)
  const { user } = made.body
  assert.equal([made.status, user.name, user.domain_id, user.enabled, user.email], [201, 'ann', 'default', true, 'a@example.org'])
  assert.not.match(made.text, /first|scrypt/)
  const grant = `${V3}/projects/${project.id}/users/${user.id}/roles/member`
  assert.equal([(await ask('HEAD', grant, undefined, admin)).status, (await ask('PUT', grant, undefined, admin)).status], [404, 204])
  assert.equal(
    [(await ask('HEAD', grant, undefined, admin)).status, (await ask('DELETE', grant.replace('member', 'reader'), undefined, admin)).status],
    [204, 404],
  )
  const token = (await login('ann', 'first', { project: { id: project.id } })).headers['x-subject-token'] ?? ''
  const mine = { 'x-auth-token': token }
  assert.equal(
    (await ask('GET', `${V3}/auth/projects`, undefined, mine)).body.projects.map((p: { name: string }) => p.name),
    ['demo'],
  )
  assert.is((await ask('GET', `${V3}/users`, undefined, mine)).status, 403)
  const change = (original_password: string) =>
    ask('POST', `${V3}/users/${user.id}/password`, { user: { original_password, password: 'second' } }, mine)
  assert.equal([(await change('wrong')).status, (await change('first')).status], [401, 204])
  assert.is((await ask('GET', `${V3}/auth/projects`, undefined, mine)).status, 401, 'the old token is dead')
  assert.equal([(await login('ann', 'first')).status, (await login('ann', 'second')).status], [401, 201])
  assert.is((await ask('PATCH', `${V3}/users/${user.id}`, { user: { enabled: false } }, admin)).body.user.enabled, false)
  assert.is((await login('ann', 'second')).status, 401)
  assert.equal(
    [(await ask('DELETE', `${V3}/users/${user.id}`, undefined, admin)).status, (await ask('GET', `${V3}/users/${user.id}`, undefined, admin)).status],
    [204, 404],
  )
})

test('a token is looked at and ended by its owner, and by nobody else but an admin', async () => {
  const { ask, admin, member } = await world()
  const ann = await member('ann', 'demo', 'member')
  const eve = await member('eve', 'demo', 'member')
  const look = (method: 'GET' | 'DELETE', by: string) => ask(method, `${V3}/auth/tokens`, undefined, { 'x-auth-token': by, 'x-subject-token': ann })
  assert.equal(
    [(await look('GET', eve)).status, (await look('DELETE', eve)).status, (await look('GET', ann)).body.token.user.name],
    [403, 403, 'ann'],
  )
  assert.is((await look('GET', admin['x-auth-token'])).status, 200)
  assert.equal([(await look('DELETE', ann)).status, (await look('GET', ann)).status, (await look('GET', eve)).status], [204, 401, 404])
})

test('no token, and one that is expired, revoked, of another key, cut or nonsense: 401, which says where to get one', async () => {
  const { ask, claims, gate, member, service, pass } = await world()
  const good = await member('ann', 'demo', 'member')
  const revoked = await member('eve', 'demo', 'member')
  await service.revoke({ audit: (await claims(revoked)).audit[0] ?? '' })
  await gate.refresh()
  const forged = signToken(await claims(good), { ...newSigningKey(), id: good.split('.')[1] ?? '' })
  const bad = ['', 'x', revoked, forged, good.slice(0, -1), good.slice(0, good.length / 2), `${good}${good}`, '../../etc', 'é', 'x'.repeat(8193)]
  const statuses = async (token: string) => {
    const paths = ['/compute/v2.1/servers', '/image/v2/images', `${V3}/users`, '/baton/v1/status']
    return Promise.all(paths.map(path => ask('GET', path, undefined, { 'x-auth-token': token })))
  }
  assert.is((await ask('GET', '/compute/v2.1/servers', undefined, { 'x-auth-token': good })).status, 200)
  for (const token of bad) {
    for (const answer of await statuses(token)) {
      assert.equal([answer.status, answer.headers['www-authenticate']], [401, 'Keystone uri="http://cloud.test:8774/identity"'], token.slice(0, 40))
      if (token.length > 8) assert.not.match(answer.text, new RegExp(token.slice(0, 40).replaceAll('.', '\\.')))
    }
  }
  pass(TOKEN_MS)
  await gate.refresh()
  for (const answer of await statuses(good)) assert.is(answer.status, 401)
})

test('an application credential is made once, and its secret shown once', async () => {
  const { ask, member } = await world()
  const ann = { 'x-auth-token': await member('ann', 'demo', 'member') }
  const path = `${V3}/users/ann-id/application_credentials`
  const made = (await ask('POST', path, { application_credential: { name: 'ci', roles: [{ name: 'reader' }] } }, ann)).body.application_credential
  assert.not.match((await ask('GET', path, undefined, ann)).text, new RegExp(`${made.secret}|secret`))
  assert.is((await ask('POST', path, { application_credential: { name: 'more', roles: [{ name: 'admin' }] } }, ann)).status, 400)
  const identity = { methods: ['application_credential'], application_credential: { id: made.id, secret: made.secret } }
  const got = await ask('POST', `${V3}/auth/tokens`, { auth: { identity } })
  assert.equal([got.status, got.body.token.roles.map((r: { name: string }) => r.name), got.body.token.project.name], [201, ['reader'], 'demo'])
  const bot = { 'x-auth-token': got.headers['x-subject-token'] ?? '' }
  assert.is((await ask('POST', path, { application_credential: { name: 'another' } }, bot)).status, 403, 'a restricted one makes no others')
  await ask('DELETE', `${path}/${made.id}`, undefined, ann)
  assert.is((await ask('GET', `${V3}/auth/projects`, undefined, bot)).status, 401)
})

test('bad bodies and ids are told by name, and never with a 5xx', async () => {
  const { ask, admin } = await world()
  const tries: readonly (readonly ['GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE', string, unknown, number])[] = [
    ['POST', 'auth/tokens', { auth: {} }, 400],
    ['POST', 'auth/tokens', { auth: { identity: { methods: ['password'] } } }, 400],
    ['POST', 'auth/tokens', { auth: { identity: { methods: ['saml2'] } } }, 401],
    ['POST', 'users', {}, 400],
    ['POST', 'users', { user: [] }, 400],
    ['POST', 'users', { user: { name: 'a\u0007b' } }, 400],
    ['POST', 'users', { user: { name: '\u0000' } }, 400],
    ['POST', 'users', { user: { name: '\ud800' } }, 400],
    ['POST', 'users', { user: { name: 'x'.repeat(300) } }, 400],
    ['POST', 'users', { user: { name: 'x', password: 'p'.repeat(10_000) } }, 400],
    ['POST', 'users', { user: { name: 'x', enabled: 'yes' } }, 400],
    ['POST', 'users', { user: { name: 'x', wings: 2 } }, 400],
    ['POST', 'users', { user: { name: 'x', domain_id: 'nowhere' } }, 404],
    ['POST', 'users', { user: { name: 'admin' } }, 409],
    ['POST', 'endpoints', { endpoint: { service_id: 'nova', url: 'http://x', interface: 'secret' } }, 400],
    ['PATCH', 'domains/default', { domain: { enabled: false } }, 403],
    ['DELETE', 'roles/admin', undefined, 403],
    ['DELETE', 'regions/RegionOne', undefined, 409],
    ['GET', 'users/..%2f..%2fetc', undefined, 404],
    ['GET', `users/${'x'.repeat(400)}`, undefined, 404],
    ['PUT', 'projects/default/users/nobody/roles/member', undefined, 404],
    ['GET', 'nothing', undefined, 404],
  ]
  for (const [method, path, body, status] of tries) {
    const answer = await ask(method, `${V3}/${path}`, body, admin)
    assert.is(answer.status, status, `${method} ${path} ${JSON.stringify(body)?.slice(0, 80)}: ${answer.text}`)
    assert.is(answer.body.error.code, status)
  }
})

test.run()
