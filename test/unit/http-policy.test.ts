/**
 * The policy as it is in force: every path, method and action, asked for by everybody, against test/golden/policy.txt, which people have
 * read. `BATON_GOLDEN=write` writes it anew, to be read again.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ACTION_RULES, ROUTE_RULES } from '../../transport/http/policy/routes.ts'
import { RULES, rulesWith } from '../../transport/http/policy/rules.ts'
import { HttpRefusal } from '../../transport/http/requests/errors.ts'
import { routesOf } from '../../transport/http/requests/not-found.ts'
import { createFace, SERVERS, tiny } from '../support/http.ts'
import { ADMIN_PASSWORD, createTestIdentity } from '../support/identity.ts'

const test = suite('http-policy')
const GOLDEN = new URL('../golden/policy.txt', import.meta.url)
const PASSED = 418
const SUBJECTS = ['none', 'reader', 'member', 'other', 'admin'] as const

interface Question {
  readonly name: string
  readonly method: string
  readonly url: string
  readonly body?: unknown
}

async function world(rules: readonly string[] = []) {
  const identity = await createTestIdentity()
  const face = createFace({}, { identity: { gate: identity.gate, rules } })
  // Whatever the guard lets pass ends here: a preValidation hook behind the guard's own.
  let catching = false
  face.app.addHook('preValidation', async () => {
    if (catching) throw new HttpRefusal(PASSED, 'passed')
  })
  const catchAll = (): void => {
    catching = true
  }
  const tokens: Record<(typeof SUBJECTS)[number], string> = {
    none: '',
    reader: await identity.member('rea', 'demo', 'reader'),
    member: await identity.member('ann', 'demo', 'member'),
    other: await identity.member('eve', 'elsewhere', 'member'),
    admin: await identity.token('admin', ADMIN_PASSWORD),
  }
  const as = (subject: (typeof SUBJECTS)[number]): Record<string, string> => (tokens[subject] === '' ? {} : { 'x-auth-token': tokens[subject] })
  return { identity, face, as, tokens, catchAll }
}

type World = Awaited<ReturnType<typeof world>>

/** Every question there is, about things of the project demo and the user ann. */
async function questions({ face, as }: World): Promise<Question[]> {
  const instance = await face.newServer({}, as('member'))
  const group = (await face.ask('POST', '/baton/v1/groups', { name: 'g', policy: 'affinity' }, as('member'))).body.group.id
  face.fake.finish(instance)
  const [operation = ''] = (await face.fake.api.listOperations({ subject: instance })).map(o => o.id)
  const idFor: Record<string, string> = { instance, operation, group, project: 'demo-id', user: 'ann-id' }
  const rows = [...routesOf(face.app)].flatMap(([url, methods]) => [...methods].filter(m => m !== 'HEAD').map(method => `${method} ${url}`))
  const fill = (row: string) => (row.split(' ')[1] ?? '').replace(':id', idFor[ROUTE_RULES[row]?.about ?? ''] ?? 'x').replace(/:[a-zA-Z]+/g, 'x')
  const paths = rows.map((row): Question => ({ name: row, method: row.split(' ')[0] ?? '', url: fill(row) }))
  const own = ['operations?subject', 'disks?instance'].map(q => ({ name: `GET /baton/v1/${q}`, method: 'GET', url: `/baton/v1/${q}=${instance}` }))
  const all = ['servers', 'servers/detail'].map(q => ({ name: `GET ${q}?all_tenants`, method: 'GET', url: `/compute/v2.1/${q}?all_tenants=1` }))
  const actions = Object.keys(ACTION_RULES).map(action => {
    return { name: `POST action ${action}`, method: 'POST', url: `${SERVERS}/${instance}/action`, body: { [action]: null } }
  })
  const limits = { name: 'GET limits?tenant_id', method: 'GET', url: '/compute/v2.1/limits?tenant_id=demo-id' }
  const usages = { name: 'GET placement/usages?project_id', method: 'GET', url: '/placement/usages?project_id=demo-id' }
  const forced = { name: 'POST servers zone:host', method: 'POST', url: SERVERS, body: tiny({ availability_zone: 'nova:h1' }) }
  const onHost = { name: 'POST servers host', method: 'POST', url: SERVERS, body: tiny({ host: 'h1' }) }
  return [
    onHost,
    ...paths,
    ...own,
    ...all,
    ...actions,
    limits,
    usages,
    forced,
    { name: 'POST action unheard-of', method: 'POST', url: `${SERVERS}/${instance}/action`, body: { foo: 1 } },
  ]
}

const NEWER: readonly (readonly [string, number])[] = [
  ['PUT /compute/v2.1/flavors/:id', 55],
  ['/topology', 78],
  ['/os-aggregates/:id/images', 81],
]

const OLDER = /v2\.1\/(?:images|os-hosts)(?:\/|$)/

/** A version in which there is such a path. */
function versionFor(name: string) {
  const minor = OLDER.test(name) ? 35 : (NEWER.find(([path]) => name.endsWith(path))?.[1] ?? 52)
  return { 'openstack-api-version': `compute 2.${minor}, placement latest` }
}

/** One line for each question: what everybody gets. */
async function matrix(rules: readonly string[] = []): Promise<string[]> {
  const here = await world(rules)
  const asked = await questions(here)
  here.catchAll()
  const lines: string[] = []
  for (const { name, method, url, body } of asked.filter(q => !/healthz|readyz|metrics/.test(q.name))) {
    const answers: string[] = []
    for (const subject of SUBJECTS) {
      const { status } = await here.face.ask(method as 'GET', url, body, { ...here.as(subject), ...versionFor(name) })
      answers.push(`${subject} ${status === PASSED ? 'yes' : status}`)
    }
    lines.push(`${name}: ${answers.join(', ')}`)
  }
  return lines.sort()
}

test('everybody gets exactly what the table says, on every path and for every action', async () => {
  const found = await matrix()
  if (process.env.BATON_GOLDEN === 'write') writeFileSync(GOLDEN, `${found.join('\n')}\n`)
  assert.equal(found, readFileSync(GOLDEN, 'utf8').trimEnd().split('\n'))
})

test('a rule planted wrong is seen', async () => {
  const golden = readFileSync(GOLDEN, 'utf8').trimEnd().split('\n')
  const planted = await matrix(['os_compute_api:servers:delete = @'])
  assert.equal(
    planted.filter(line => !golden.includes(line)),
    ['DELETE /compute/v2.1/servers/:id: none 401, reader yes, member yes, other yes, admin yes'],
  )
})

test('every path has a rule, every rule of a path exists, and no rule is left over', async () => {
  const { face } = await world()
  const rows = [...routesOf(face.app)].flatMap(([url, methods]) => [...methods].map(method => `${method === 'HEAD' ? 'GET' : method} ${url}`))
  assert.equal(
    rows.filter(row => !ROUTE_RULES[row]),
    [],
    'paths without a rule',
  )
  assert.equal(
    Object.keys(ROUTE_RULES).filter(row => !rows.includes(row)),
    [],
    'rules without a path',
  )
  const named = [...Object.values(ROUTE_RULES).flatMap(r => [r.rule, r.otherwise, r.list?.all]), ...Object.values(ACTION_RULES)]
  assert.equal(
    named.filter(name => name !== undefined && name !== 'public' && !RULES[name]),
    [],
  )
})

test('lists show what is of the project, and to an admin who asks for all, all', async () => {
  const { face, as } = await world()
  const id = await face.newServer({}, as('member'))
  await face.newServer({}, as('other'))
  const list = async (subject: 'reader' | 'other' | 'admin', query = '') =>
    (await face.ask('GET', `${SERVERS}${query}`, undefined, as(subject))).body.servers.map((s: { id: string }) => s.id)
  assert.equal(await list('reader'), [id])
  assert.equal(await list('reader', '?project_id=elsewhere-id'), [id], 'the query cannot say otherwise')
  assert.equal((await list('admin')).length, 0)
  assert.equal((await list('admin', '?all_tenants=True')).length, 2)
  assert.equal(await list('admin', '?all_tenants=1&project_id=demo-id'), [id])
})

test('a flavor that is not public is there for the projects it is shared with, and for admins', async () => {
  const { face, as } = await world()
  const flavors = '/compute/v2.1/flavors'
  const flavor = { name: 'p', id: 'p', ram: 64, vcpus: 1, disk: 1, 'os-flavor-access:is_public': false }
  await face.ask('POST', flavors, { flavor }, as('admin'))
  await face.ask('POST', `${flavors}/p/action`, { addTenantAccess: { tenant: 'demo-id' } }, as('admin'))
  for (const [subject, sees] of [
    ['member', true],
    ['other', false],
    ['admin', true],
  ] as const) {
    // An admin, too, is shown public ones alone unless all are asked for.
    const list = (await face.ask('GET', `${flavors}?is_public=None`, undefined, as(subject))).body.flavors
    assert.is(
      list.some((f: { id: string }) => f.id === 'p'),
      sees,
      subject,
    )
    assert.is((await face.ask('GET', `${flavors}/p`, undefined, as(subject))).status, sees ? 200 : 404, subject)
    assert.is((await face.ask('POST', SERVERS, tiny({ flavorRef: 'p' }), as(subject))).status, sees ? 202 : 400, subject)
  }
  const id = await face.newServer({}, as('other'))
  face.fake.finish(id)
  assert.is((await face.ask('POST', `${SERVERS}/${id}/action`, { resize: { flavorRef: 'p' } }, as('other'))).status, 400)
})

test('what a body names must be of the project: images, groups, instances and disks', async () => {
  const { face, as } = await world()
  const id = await face.newServer({}, as('member'))
  face.fake.finish(id)
  const made = await face.ask(
    'POST',
    `${SERVERS}/${id}/action`,
    { createImage: { name: 'secret' } },
    { ...as('member'), 'openstack-api-version': 'compute 2.45' },
  )
  face.fake.finish(id)
  const group = (await face.ask('POST', '/baton/v1/groups', { name: 'g', policy: 'affinity' }, as('member'))).body.group.id
  const image = made.body.image_id
  face.fake.setImage(image, { project: 'demo-id' })
  const create = (subject: 'member' | 'other' | 'admin', more: object, hints: object = {}) =>
    face.ask('POST', SERVERS, { ...tiny(more), 'os:scheduler_hints': hints }, as(subject))
  const theirs = await face.newServer({}, as('other'))
  face.fake.finish(theirs)
  for (const [subject, status] of [
    ['member', 202],
    ['other', 400],
    ['admin', 202],
  ] as const) {
    assert.is((await create(subject, { imageRef: image })).status, status, subject)
    assert.is((await create(subject, {}, { group })).status, status, subject)
    assert.is((await create(subject, {}, { same_host: id })).status, status, subject)
    assert.is((await create(subject, {}, { different_host: [id] })).status, status, subject)
  }
  const rebuilt = await face.ask('POST', `${SERVERS}/${theirs}/action`, { rebuild: { imageRef: image } }, as('other'))
  assert.is(rebuilt.status, 400)
  assert.match(rebuilt.body.badRequest.message, `Image ${image} could not be found`)
})

test('a server and its actions say whose they are', async () => {
  const { face, as } = await world()
  const id = await face.newServer({}, as('member'))
  const { server } = (await face.ask('GET', `${SERVERS}/${id}`, undefined, as('member'))).body
  assert.equal([server.user_id, server.tenant_id], ['ann-id', 'demo-id'])
  const [asked] = face.fake.calls.flatMap(({ method, args }) => (method === 'createInstances' ? [(args as { by?: object }).by] : []))
  assert.equal(asked, { user: 'ann-id' })
  face.fake.setOperation(`${id}.1`, { by: { user: 'ann-id' }, project: 'demo-id' })
  const [action] = (await face.ask('GET', `${SERVERS}/${id}/os-instance-actions`, undefined, as('member'))).body.instanceActions
  assert.equal([action.user_id, action.project_id], ['ann-id', 'demo-id'])
  const named = async (user: string) => (await face.ask('GET', `${SERVERS}?user_id=${user}`, undefined, as('member'))).body.servers.length
  assert.equal([await named('ann-id'), await named('eve-id')], [1, 0])
})

test('key pairs are those of who asks; of others only for an admin', async () => {
  const { face, as } = await world()
  const keys = '/compute/v2.1/os-keypairs'
  const at = { 'openstack-api-version': 'compute 2.10' }
  const pair = { name: 'k', public_key: `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA${'A'.repeat(42)}` }
  const made = await face.ask('POST', keys, { keypair: pair }, as('member'))
  assert.is(made.status, 200)
  assert.is((await face.ask('GET', `${keys}/k`, undefined, as('other'))).status, 404)
  const query = `${keys}/k?user_id=${made.body.keypair.user_id}`
  assert.is((await face.ask('GET', query, undefined, { ...as('other'), ...at })).status, 403)
  assert.is((await face.ask('DELETE', query, undefined, { ...as('other'), ...at })).status, 403)
  assert.is((await face.ask('POST', keys, { keypair: { ...pair, user_id: 'x' } }, { ...as('other'), ...at })).status, 403)
  assert.is((await face.ask('GET', query, undefined, { ...as('admin'), ...at })).status, 200)
})

test('what is of another project is answered as what does not exist', async () => {
  const { face, as } = await world()
  const id = await face.newServer({}, as('member'))
  const ofOther = await face.ask('GET', `${SERVERS}/${id}`, undefined, as('other'))
  const ofNobody = await face.ask('GET', `${SERVERS}/${id.replace(/.$/, id.endsWith('0') ? '1' : '0')}`, undefined, as('other'))
  assert.equal([ofOther.status, ofNobody.status], [404, 404])
  assert.is(ofOther.text.replaceAll(id, 'ID'), ofNobody.text.replace(/[0-9a-f-]{36}/g, 'ID'))
  assert.is((await face.ask('GET', `${SERVERS}/${id}`, undefined, { 'x-auth-token': 'b1.x.y.z', 'x-project-id': 'demo-id' })).status, 401)
})

test('wrong rules in the configuration are refused by name', () => {
  assert.throws(() => rulesWith(['nothing = @']), /there is no rule "nothing"/)
  assert.throws(() => rulesWith(['os_compute_api:flavors = role:king']), /there is no check "role:king"/)
})

test.run()
