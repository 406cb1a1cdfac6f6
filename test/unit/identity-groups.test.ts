/** Groups of users, roles that are inherited or implied, and what comes of them in a token. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Target } from '../../actors/identity/api.ts'
import { effective, type Surroundings } from '../../actors/identity/effective.ts'
import { createFace } from '../support/http.ts'
import { ADMIN_PASSWORD, createTestIdentity } from '../support/identity.ts'

const test = suite('identity-groups')

const project = (id: string): Target => ({ type: 'project', id })
const DOMAIN: Target = { type: 'domain', id: 'd' }

/** Projects p > q > r in domain d, p2 beside; group g of ann and bob; a implies b implies c, and own of the domain implies c. */
const AROUND: Surroundings = {
  membersOf: () => ['ann', 'bob'],
  above: id => ({ p: [DOMAIN], q: [project('p'), DOMAIN], r: [project('q'), project('p'), DOMAIN] })[id] ?? [DOMAIN],
  below: target => (target.type === 'domain' ? ['p', 'q', 'r', 'p2'] : target.type === 'project' && target.id === 'p' ? ['q', 'r'] : []),
  implies: role => ({ a: ['b'], b: ['c'], own: ['c'] })[role] ?? [],
  isDomains: role => role === 'own',
}

const told = (list: Parameters<typeof effective>[0], wanted: Parameters<typeof effective>[2] = {}): string[] =>
  (effective(list, AROUND, wanted) ?? []).map(({ user, role, target }) => `${user} ${role} ${target.type === 'system' ? 'system' : target.id}`).sort()

test('what comes of assignments: by group, from above, by implication, never a role that is of a domain', () => {
  assert.equal(told([{ user: 'ann', role: 'a', target: project('p') }]), ['ann a p', 'ann b p', 'ann c p'])
  assert.equal(told([{ group: 'g', role: 'c', target: DOMAIN }]), ['ann c d', 'bob c d'])
  assert.equal(told([{ group: 'g', role: 'c', target: DOMAIN }], { user: 'bob' }), ['bob c d'])
  assert.equal(told([{ user: 'ann', role: 'own', target: project('p') }]), ['ann c p'])
  assert.equal(told([{ user: 'ann', role: 'c', target: project('p'), inherited: true }]), ['ann c q', 'ann c r'])
  assert.equal(told([{ user: 'ann', role: 'c', target: DOMAIN, inherited: true }]), ['ann c p', 'ann c p2', 'ann c q', 'ann c r'])
  for (const [place, expected] of [
    [project('p'), []],
    [project('r'), ['ann c r']],
    [DOMAIN, []],
  ] as const) {
    assert.equal(told([{ user: 'ann', role: 'c', target: project('p'), inherited: true }], { target: place }), expected)
  }
  assert.equal(told([{ user: 'ann', role: 'c', target: { type: 'system' } }], { target: project('p') }), [])
})

test('more than can be told is not told in part', () => {
  const many = Array.from({ length: 30_000 }, (_, i) => ({ user: `u${i}`, role: 'c', target: DOMAIN, inherited: true }) as const)
  assert.is(effective(many, AROUND, {}), null)
  assert.is(effective(many, AROUND, { target: project('q') })?.length, 30_000)
})

const V3 = '/identity/v3'

async function world() {
  const identity = await createTestIdentity()
  const { ask } = createFace({}, { identity: { gate: identity.gate, rules: [] } })
  const admin = await identity.token('admin', ADMIN_PASSWORD)
  const as = async (method: 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE' | 'HEAD', path: string, body?: unknown) =>
    ask(method, `${V3}/${path}`, body, { 'x-auth-token': admin })
  const make = async (path: string, one: string, fields: object): Promise<string> => (await as('POST', path, { [one]: fields })).body[one].id
  const login = async (scope: string) => {
    // A token dies that is as old as what ended it.
    identity.pass(1000)
    const user = { name: 'ann', password: 'secret', domain: { id: 'default' } }
    const auth = { identity: { methods: ['password'], password: { user } }, scope: { project: { id: scope } } }
    const answer = await ask('POST', `${V3}/auth/tokens`, { auth })
    return { status: answer.status, token: answer.headers['x-subject-token'] ?? '', roles: rolesIn(answer.body) }
  }
  const seenAs = async (token: string) => (await ask('GET', `${V3}/auth/projects`, undefined, { 'x-auth-token': token })).status
  const user = await make('users', 'user', { name: 'ann', password: 'secret' })
  const group = await make('groups', 'group', { name: 'staff', description: 'all' })
  const parent = await make('projects', 'project', { name: 'parent' })
  const child = await make('projects', 'project', { name: 'child', parent_id: parent })
  return { as, make, login, seenAs, user, group, parent, child }
}

const rolesIn = (body: { token?: { roles: { name: string }[] } }): string[] => (body.token?.roles ?? []).map(({ name }) => name).sort()

test('members of a group have its roles as long as they are members; their tokens end with that', async () => {
  const { as, login, seenAs, user, group, parent } = await world()
  assert.is((await as('PUT', `projects/${parent}/groups/${group}/roles/member`)).status, 204)
  assert.is((await login(parent)).status, 401)
  assert.is((await as('HEAD', `groups/${group}/users/${user}`)).status, 404)
  for (const _ of [1, 2]) assert.is((await as('PUT', `groups/${group}/users/${user}`)).status, 204)
  assert.is((await as('HEAD', `groups/${group}/users/${user}`)).status, 204)
  assert.equal(
    (await as('GET', `groups/${group}/users`)).body.users.map((u: { id: string }) => u.id),
    [user],
  )
  assert.equal((await as('GET', `users/${user}/groups`)).body.groups, [(await as('GET', `groups/${group}`)).body.group])
  const first = await login(parent)
  assert.equal([first.status, first.roles], [201, ['member', 'reader']])
  assert.is(await seenAs(first.token), 200)
  assert.is((await as('DELETE', `groups/${group}/users/${user}`)).status, 204)
  assert.is(await seenAs(first.token), 401)
  assert.is((await as('DELETE', `groups/${group}/users/${user}`)).status, 404)
  // The group itself goes, and with it what its members had.
  await as('PUT', `groups/${group}/users/${user}`)
  const second = await login(parent)
  assert.is(await seenAs(second.token), 200)
  assert.is((await as('DELETE', `groups/${group}`)).status, 204)
  assert.equal([await seenAs(second.token), (await login(parent)).status], [401, 401])
  assert.equal((await as('GET', `users/${user}/groups`)).body.groups, [])
  assert.equal((await as('GET', `role_assignments?scope.project.id=${parent}`)).body.role_assignments, [])
})

test('a role on what is above is inherited, and taken away again', async () => {
  const { as, login, seenAs, user, parent, child } = await world()
  const path = `OS-INHERIT/projects/${parent}/users/${user}/roles`
  assert.is((await as('PUT', `${path}/reader/inherited_to_projects`)).status, 204)
  assert.equal([(await login(parent)).status, (await login(child)).roles], [401, ['reader']])
  assert.equal(
    (await as('GET', `${path}/inherited_to_projects`)).body.roles.map((r: { id: string }) => r.id),
    ['reader'],
  )
  const [one] = (await as('GET', `role_assignments?user.id=${user}`)).body.role_assignments
  assert.equal([one.scope['OS-INHERIT:inherited_to'], one.links.assignment.includes(path)], ['projects', true])
  const [came] = (await as('GET', `role_assignments?user.id=${user}&effective`)).body.role_assignments
  assert.equal(came.scope, { project: { id: child } })
  const { token } = await login(child)
  assert.is(await seenAs(token), 200)
  assert.is((await as('DELETE', `${path}/reader/inherited_to_projects`)).status, 204)
  assert.equal([await seenAs(token), (await login(child)).status], [401, 401])
  assert.is((await as('HEAD', `${path}/reader/inherited_to_projects`)).status, 404)
})

test('operators say which roles imply others, but for admin', async () => {
  const { as, make, login, seenAs, user, parent } = await world()
  const [chief, helper] = [await make('roles', 'role', { name: 'chief' }), await make('roles', 'role', { name: 'helper' })]
  await as('PUT', `projects/${parent}/users/${user}/roles/${chief}`)
  const made = await as('PUT', `roles/${chief}/implies/${helper}`)
  assert.equal([made.status, made.body.role_inference.implies.name], [201, 'helper'])
  assert.equal((await login(parent)).roles, ['chief', 'helper'])
  assert.is((await as('HEAD', `roles/${chief}/implies/${helper}`)).status, 204)
  assert.is((await as('GET', `roles/${chief}/implies`)).body.role_inference.implies.length, 1)
  const priors = (await as('GET', 'role_inferences')).body.role_inferences.map((r: { prior_role: { name: string } }) => r.prior_role.name)
  assert.equal(priors.sort(), ['admin', 'chief', 'member'])
  const { token } = await login(parent)
  assert.is(await seenAs(token), 200)
  assert.is((await as('DELETE', `roles/${chief}/implies/${helper}`)).status, 204)
  assert.equal([await seenAs(token), (await login(parent)).roles], [401, ['chief']])
  assert.is((await as('GET', `roles/${chief}/implies/${helper}`)).status, 404)
  assert.is((await as('PUT', `roles/${chief}/implies/admin`)).status, 403)
  assert.is((await as('DELETE', 'roles/admin/implies/member')).status, 403)
  assert.is((await as('PUT', `roles/${chief}/implies/nothing`)).status, 404)
})

test("a domain's own roles are in its list and in no token; what is in a domain goes with it", async () => {
  const { as, make, login, user, parent } = await world()
  const domain = await make('domains', 'domain', { name: 'east' })
  const [own, other] = [await make('roles', 'role', { name: 'own', domain_id: domain }), await make('roles', 'role', { name: 'other' })]
  const listed = async (query: string) => (await as('GET', `roles${query}`)).body.roles.map((r: { id: string }) => r.id)
  assert.equal([(await listed('')).includes(own), await listed(`?domain_id=${domain}`)], [false, [own]])
  assert.is((await as('PUT', `roles/${other}/implies/${own}`)).status, 403)
  await as('PUT', `projects/${parent}/users/${user}/roles/${own}`)
  assert.is((await login(parent)).status, 401)
  await as('PUT', `roles/${own}/implies/${other}`)
  assert.equal((await login(parent)).roles, ['other'])
  const inside = { domain_id: domain }
  const things = {
    users: await make('users', 'user', { name: 'bob', ...inside }),
    groups: await make('groups', 'group', { name: 'staff', ...inside }),
    projects: await make('projects', 'project', { name: 'p', ...inside }),
    roles: own,
  }
  assert.is((await as('DELETE', `domains/${domain}`)).status, 403)
  await as('PATCH', `domains/${domain}`, { domain: { enabled: false } })
  assert.is((await as('DELETE', `domains/${domain}`)).status, 204)
  for (const [path, id] of Object.entries(things)) assert.is((await as('GET', `${path}/${id}`)).status, 404, path)
})

test('what cannot be is said', async () => {
  const { as, group, user, parent } = await world()
  assert.is((await as('PUT', `groups/nobody/users/${user}`)).status, 404)
  assert.is((await as('PUT', `groups/${group}/users/nobody`)).status, 404)
  assert.is((await as('PUT', `projects/${parent}/groups/nobody/roles/reader`)).status, 404)
  assert.is((await as('POST', 'groups', { group: { name: 'staff' } })).status, 409)
  assert.is((await as('POST', 'groups', { group: {} })).status, 400)
  assert.is((await as('GET', `role_assignments?group.id=${group}&effective`)).status, 400)
  assert.is((await as('GET', `role_assignments?group.id=${group}&user.id=${user}`)).status, 400)
})

test.run()
