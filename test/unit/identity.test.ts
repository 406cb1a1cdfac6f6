/** Who there is, how one proves to be somebody, and how tokens die. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { indexOf, isRevoked, REVOCATIONS_MAX, revoke } from '../../actors/identity/revocations.ts'
import { createGuesses } from '../../supervisors/identity/guesses.ts'
import { createPasswords } from '../../supervisors/identity/passwords.ts'
import { claimsOf, newSigningKey, publicKeys, signToken } from '../../supervisors/identity/tokens.ts'
import { ADMIN_PASSWORD, createTestIdentity, TOKEN_MS } from '../support/identity.ts'
import { rejectsWith } from './persistence-fixtures.ts'

const test = suite('identity')
const login = { scope: { type: 'default' }, source: '10.0.0.1' } as const

test('the first admin gets a token of the first project, with all that admin implies', async () => {
  const { token, claims } = await createTestIdentity()
  const { user, scope, roles } = await claims(await token('admin', ADMIN_PASSWORD))
  assert.equal([user.id, scope.type, roles.map(r => r.name)], ['admin', 'project', ['admin', 'member', 'reader']])
})

test('a user gets the roles of the project asked for, and nothing elsewhere', async () => {
  const { member, claims, token, service } = await createTestIdentity()
  const { scope, roles } = await claims(await member('ann', 'demo', 'member'))
  assert.equal(scope, { type: 'project', id: 'demo-id', name: 'demo', domain: { id: 'default', name: 'Default' } })
  assert.equal(
    roles.map(r => r.name),
    ['member', 'reader'],
  )
  await rejectsWith('Unauthorized', token('ann', 'ann-password', 'admin'))
  const unscoped = await service.login({ ...login, password: { user: { id: 'ann-id' }, password: 'ann-password' } })
  assert.is(unscoped.claims.scope.type, 'none')
  const rescoped = await service.login({ ...login, token: unscoped.token, scope: { type: 'project', ref: { id: 'demo-id' } } })
  assert.is(rescoped.claims.expiresAt, unscoped.claims.expiresAt, 'a new token of an old one ends with it')
  assert.is(rescoped.claims.audit[1], unscoped.claims.audit[0])
})

test('wrong user, wrong password, too long a password: the same 401', async () => {
  const { service } = await createTestIdentity()
  const tries = [
    { user: { name: 'nobody' }, password: 'x' },
    { user: { name: 'admin' }, password: 'x' },
    { user: { name: 'admin' }, password: '' },
    { user: { name: 'admin', domainName: 'Nowhere' }, password: ADMIN_PASSWORD },
    { user: { name: 'admin' }, password: 'x'.repeat(10_000) },
    { user: {}, password: ADMIN_PASSWORD },
  ]
  for (const [i, password] of tries.entries()) await rejectsWith('Unauthorized', service.login({ ...login, source: `10.0.0.${i}`, password }))
})

test('what a token is not: garbage, cut, changed, of another key, expired', async () => {
  const { claims, token, pass } = await createTestIdentity()
  const good = await token('admin', ADMIN_PASSWORD)
  const [, kid = '', body = ''] = good.split('.')
  const other = signToken(await claims(good), { ...newSigningKey(), id: kid })
  const bad = [
    '',
    'x',
    'b1...',
    good.slice(0, -1),
    `${good}A`,
    good.replace(body, `${body}AA`),
    other,
    good.replace('b1.', 'b2.'),
    'é'.repeat(200_000),
  ]
  for (const text of bad) await rejectsWith('Unauthorized', claims(text))
  pass(TOKEN_MS - 1)
  await claims(good)
  pass(1)
  await rejectsWith('Unauthorized', claims(good))
})

test('tokens die when their user is disabled or gets another password, and when the role, the project or the token goes', async () => {
  const identity = await createTestIdentity()
  const { service, gate, member, claims } = identity
  const ends: Record<string, (token: string) => Promise<unknown>> = {
    disabled: () => service.update({ kind: 'user', id: 'disabled-id', fields: { enabled: false } }),
    password: () => service.changeOwnPassword({ id: 'password-id', original: 'password-password', password: 'new', source: '' }),
    role: () => service.unassign({ user: 'role-id', role: 'member', target: { type: 'project', id: 'p-role-id' } }),
    project: () => service.update({ kind: 'project', id: 'p-project-id', fields: { enabled: false } }),
    gone: () => service.remove({ kind: 'project', id: 'p-gone-id' }),
    revoked: async token => service.revoke({ audit: (await claims(token)).audit[0] ?? '' }),
  }
  const tokens = new Map<string, string>()
  for (const name of Object.keys(ends)) tokens.set(name, await member(name, `p-${name}`, 'member'))
  const bystander = await member('bystander', 'p-other', 'member')
  for (const [name, end] of Object.entries(ends)) {
    const token = tokens.get(name) ?? ''
    await claims(token)
    await end(token)
    await gate.refresh()
    await rejectsWith('Unauthorized', claims(token))
    await rejectsWith('Unauthorized', service.login({ ...login, token }))
  }
  assert.is((await claims(bystander)).user.name, 'bystander')
})

test('an application credential is of its project, and dies with its user', async () => {
  const { service, member } = await createTestIdentity()
  await member('ann', 'demo', 'member')
  const attributes = { user_id: 'ann-id', project_id: 'demo-id', roles: ['reader'], expires_at: null }
  await service.create({ kind: 'application_credential', id: 'c1', fields: { name: 'ci', attributes, secret: 'hush' } })
  const credential = { id: 'c1', secret: 'hush' }
  const { claims } = await service.login({ ...login, credential })
  assert.equal([claims.scope.type, claims.roles.map(r => r.name), claims.credential], ['project', ['reader'], { id: 'c1', restricted: true }])
  await rejectsWith('Unauthorized', service.login({ ...login, credential: { id: 'c1', secret: 'wrong' } }))
  await rejectsWith('Unauthorized', service.login({ ...login, credential, scope: { type: 'project', ref: { id: 'default' } } }))
  await service.remove({ kind: 'user', id: 'ann-id' })
  await rejectsWith('NotFound', service.read({ kind: 'application_credential', id: 'c1' }))
})

test('guesses are slowed down, more with each, and a right password from elsewhere still works', () => {
  let now = 0
  const guesses = createGuesses(() => now)
  for (let i = 0; i < 5; i++) {
    guesses.check('ann', 'a')
    guesses.wrong('ann', 'a')
  }
  assert.throws(() => guesses.check('ann', 'a'), /Too many wrong passwords; try again in 1 s/)
  guesses.check('ann', 'b')
  guesses.check('ben', 'a')
  now += 1000
  guesses.check('ann', 'a')
  guesses.wrong('ann', 'a')
  assert.throws(() => guesses.check('ann', 'a'), /in 2 s/)
  now += 2000
  guesses.right('ann', 'a')
  guesses.wrong('ann', 'a')
  guesses.check('ann', 'a')
})

test('a gateway that hears nothing of conductors for long judges nobody', async () => {
  const { service, gate, token, claims, pass } = await createTestIdentity()
  await gate.refresh()
  assert.is(gate.ready(), false, 'there is no key yet, so nobody can have a token')
  const good = await token('admin', ADMIN_PASSWORD)
  assert.is(gate.ready(), true)
  Object.assign(service, { trust: () => Promise.reject(new Error('away')) })
  pass(29_000)
  await claims(good)
  pass(2000)
  await rejectsWith('Unavailable', claims(good))
  assert.is(gate.ready(), false, 'and says so to balancers')
})

test('a list of revocations forgets what is over, and coarsens rather than grows', () => {
  let rules = revoke([], { user: 'a', before: 0 }, 0, 1000)
  rules = revoke(rules, { user: 'b', before: 1000 }, 1000, 1000)
  assert.equal(rules, [{ user: 'b', before: 1000 }])
  for (let i = 0; i < REVOCATIONS_MAX + 10; i++) rules = revoke(rules, { audit: `t${i}`, before: 1001 }, 1001, 1000)
  assert.ok(rules.length <= REVOCATIONS_MAX)
  assert.equal(rules[0], { before: 1001 }, 'all tokens of that time die')
})

test('a password is kept as a verifier with its cost, and compared whole', async () => {
  const { verifier, matches } = createPasswords({ ln: 2, r: 1, p: 1 })
  const kept = await verifier('Grüße 🐦')
  assert.match(kept, /^\$scrypt\$ln=2,r=1,p=1\$/)
  assert.equal([await matches('Grüße 🐦', kept), await matches('Grüße', kept), await matches('x', null)], [true, false, false])
  assert.is.not(await verifier('Grüße 🐦'), kept, 'salted')
})

test('names are used once within a domain, and hold no control characters', async () => {
  const { service, member } = await createTestIdentity()
  await member('ann', 'demo', 'member')
  const make = (name: string) => service.create({ kind: 'user', id: 'x', fields: { name, domain: 'default' } })
  await rejectsWith('Conflict', make('ann'))
  for (const name of ['', '  ', 'a\nb', 'x'.repeat(256), '\ud800']) await rejectsWith('BadRequest', make(name))
  await rejectsWith('NotFound', service.create({ kind: 'user', id: 'x', fields: { name: 'y', domain: 'nowhere' } }))
  assert.is((await make('Ünï 🐦')).name, 'Ünï 🐦')
  await service.update({ kind: 'user', id: 'x', fields: { name: 'free' } })
  assert.is((await service.create({ kind: 'user', id: 'z', fields: { name: 'Ünï 🐦', domain: 'default' } })).id, 'z')
})

test('a key that has signed stays known as long as its tokens live', async () => {
  const key = { ...newSigningKey() }
  const { claims, token } = await createTestIdentity()
  const said = await claims(await token('admin', ADMIN_PASSWORD))
  assert.equal(claimsOf(signToken(said, key), publicKeys([key])), said)
  assert.is(isRevoked(indexOf([{ audit: said.audit[0] ?? '', before: said.issuedAt }]), said), true)
})

test.run()
