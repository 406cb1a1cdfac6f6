import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createFace, SERVERS, tiny } from '../support/http.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const UNKNOWN = '00000000-0000-4000-8000-000000000000'

test('a create answers 202 with id, links and Location, and every answer names its request', async () => {
  const { ask, fake } = createFace()
  const answer = await ask('POST', SERVERS, tiny({ metadata: { role: 'web' } }))
  assert.is(answer.status, 202)
  const { server } = answer.body
  assert.match(server.id, UUID)
  assert.equal(server.links, [
    { rel: 'self', href: `http://cloud.test:8774/compute/v2.1/servers/${server.id}` },
    { rel: 'bookmark', href: `http://cloud.test:8774/compute/servers/${server.id}` },
  ])
  assert.is(server['OS-DCF:diskConfig'], 'MANUAL')
  assert.is(answer.headers.location, `http://cloud.test:8774/compute/v2.1/servers/${server.id}`)
  assert.match(answer.headers['x-openstack-request-id'] ?? '', /^req-[0-9a-f-]{36}$/)
  assert.is(answer.headers['x-compute-request-id'], answer.headers['x-openstack-request-id'])
  assert.equal(
    fake.calls.map(({ method }) => method),
    // Metadata have a quota.
    ['getQuota', 'createInstances'],
  )
  const instance = await fake.api.getInstance({ id: server.id })
  assert.equal(instance.metadata, { role: 'web' })
  const [operation] = await fake.api.listOperations({ subject: server.id })
  assert.is(operation?.requestId, answer.headers['x-openstack-request-id'])
})

test('a create is answered only after it is committed', async () => {
  const { ask, fake } = createFace({ apiTimeoutMs: 50 })
  fake.hang('createInstances')
  const answer = await ask('POST', SERVERS, tiny())
  assert.is(answer.status, 503)
  assert.is(answer.headers['retry-after'], '1')
})

test('min_count and max_count make several, with one reservation', async () => {
  const { ask } = createFace()
  const made = await ask('POST', SERVERS, tiny({ min_count: 1, max_count: 3, return_reservation_id: true }))
  assert.is(made.status, 202)
  const { reservation_id: reservation } = made.body
  assert.match(reservation, /^r-[0-9a-z]{8}$/)
  const list = await ask('GET', `${SERVERS}?reservation_id=${reservation}`)
  assert.equal(
    list.body.servers.map(({ name }: { name: string }) => name),
    ['vm-3', 'vm-2', 'vm-1'],
  )
  const other = await ask('GET', `${SERVERS}?reservation_id=r-00000000`)
  assert.equal(other.body.servers, [])
})

test('the same client token gives the same server again; another token or none gives another', async () => {
  const { ask, fake, newServer } = createFace()
  const first = await newServer({}, { 'x-client-token': 'once' })
  fake.finish(first)
  assert.is(await newServer({}, { 'x-client-token': 'once' }), first)
  assert.is(await newServer({ client_token: 'once' }), first)
  const others = [await newServer({}, { 'x-client-token': 'twice' }), await newServer(), await newServer()]
  assert.is(new Set([first, ...others]).size, 4)
  const list = await ask('GET', SERVERS)
  assert.is(list.body.servers.length, 4)
})

test('a client token of several servers names all of them again', async () => {
  const { ask } = createFace()
  const several = tiny({ max_count: 3, client_token: 't', return_reservation_id: true })
  const first = await ask('POST', SERVERS, several)
  const again = await ask('POST', SERVERS, several)
  assert.is(again.status, 202)
  assert.equal(again.body, first.body)
  assert.is((await ask('GET', SERVERS)).body.servers.length, 3)
})

test('a client token that was used for another request is a conflict and creates nothing', async () => {
  const { ask } = createFace()
  await ask('POST', SERVERS, tiny({ client_token: 't' }))
  for (const other of [{ name: 'else' }, { flavorRef: 'small' }, { metadata: { a: 'b' } }, { max_count: 3 }]) {
    const answer = await ask('POST', SERVERS, tiny({ client_token: 't', ...other }))
    assert.is(answer.status, 409, JSON.stringify(other))
    assert.match(answer.body.conflictingRequest.message, 'client token')
  }
  assert.is((await ask('GET', SERVERS)).body.servers.length, 1)
  const differ = await ask('POST', SERVERS, tiny({ client_token: 'a' }), { 'x-client-token': 'b' })
  assert.is(differ.status, 400)
  assert.is((await ask('POST', SERVERS, tiny(), { 'x-client-token': 'a b' })).status, 400)
})

test('an unknown flavor or image is a 400 that says which, as in Nova', async () => {
  const { ask } = createFace()
  const flavor = await ask('POST', SERVERS, tiny({ flavorRef: 'nope' }))
  assert.is(flavor.status, 400)
  assert.match(flavor.body.badRequest.message, 'Flavor nope could not be found')
  const image = await ask('POST', SERVERS, tiny({ imageRef: 'nope' }))
  assert.is(image.status, 400)
  assert.match(image.body.badRequest.message, 'Image nope could not be found')
})

const BAD_CREATES: readonly [string, object, RegExp][] = [
  ['empty name', { name: '' }, /server\.name/],
  ['long name', { name: 'x'.repeat(256) }, /server\.name/],
  ['control character', { name: 'a\u0007b' }, /server\.name/],
  ['escape sequence', { name: '\u001b[31mred' }, /server\.name/],
  ['line separator', { name: 'a\u2028b' }, /server\.name/],
  ['lone surrogate', { name: 'a\ud800' }, /server\.name/],
  ['space in front', { name: ' a' }, /server\.name/],
  ['space behind', { name: 'a ' }, /server\.name/],
  ['name is a number', { name: 7 }, /server\.name/],
  ['no flavor', { flavorRef: undefined }, /server\.flavorRef is missing/],
  ['flavor is an object', { flavorRef: {} }, /server\.flavorRef/],
  ['flavor link without id', { flavorRef: 'http://x/flavors/' }, /server\.flavorRef/],
  ['no image', { imageRef: undefined }, /server\.imageRef is missing/],
  ['empty image', { imageRef: '' }, /server\.imageRef/],
  ['a network', { networks: [{ uuid: UNKNOWN }] }, /server\.networks.*'none'/],
  ['zero', { min_count: 0 }, /server\.min_count/],
  ['negative', { max_count: -3 }, /server\.max_count/],
  ['not whole', { max_count: 1.5 }, /server\.max_count/],
  ['huge', { max_count: 1e300 }, /server\.max_count/],
  ['count as text', { max_count: '2' }, /server\.max_count/],
  ['min over max', { min_count: 3, max_count: 2 }, /server\.min_count.*3 > 2/],
  ['long name of several', { name: 'x'.repeat(255), max_count: 2 }, /server\.name/],
  ['unknown key', { colour: 'red' }, /server\.colour.*unknown, or not supported/],
  ['user data', { user_data: 'no base64' }, /server\.user_data.*base64/],
  ['much user data', { user_data: 'eA=='.repeat(20_000) }, /server\.user_data/],
  ['description of a later version', { description: 'x' }, /server\.description.*2\.19/],
  ['files without a path', { personality: [{ contents: '' }] }, /server\.personality/],
  ['a file of no base64', { personality: [{ path: '/x', contents: 'no!' }] }, /contents.*base64/],
  ['a large file', { personality: [{ path: '/x', contents: 'eHh4'.repeat(3_415) }] }, /contents.*10240/],
  ['many files', { personality: Array.from({ length: 6 }, () => ({ path: '/x', contents: '' })) }, /at most 5/],
  ['a volume', { block_device_mapping_v2: [{ source_type: 'volume', uuid: 'x' }] }, /source_type.*attached later/],
  ['another image', { block_device_mapping_v2: [{ source_type: 'image', uuid: 'other' }] }, /another image/],
  ['metadata is a list', { metadata: [] }, /server\.metadata/],
  ['metadata key', { metadata: { 'a\nb': 'x' } }, /server\.metadata/],
  ['metadata value', { metadata: { a: 'x'.repeat(256) } }, /server\.metadata\.a/],
  ['metadata value NUL', { metadata: { a: '\u0000' } }, /server\.metadata\.a/],
  ['metadata number', { metadata: { a: 1 } }, /server\.metadata\.a/],
]

test('more metadata than a server may have is 403, as a quota', async () => {
  const { ask } = createFace()
  const metadata = Object.fromEntries(Array.from({ length: 129 }, (_, i) => [`k${i}`, 'v']))
  const answer = await ask('POST', SERVERS, tiny({ metadata }))
  assert.is(answer.status, 403)
  assert.match(answer.body.forbidden.message, /metadata_items: 129 of at most 128/)
})

test('bad creates are 400, name the field, and reach no conductor', async () => {
  const { ask, fake } = createFace()
  for (const [what, more, message] of BAD_CREATES) {
    const answer = await ask('POST', SERVERS, tiny(more))
    assert.is(answer.status, 400, what)
    assert.is(answer.body.badRequest.code, 400, what)
    assert.match(answer.body.badRequest.message, message, what)
  }
  assert.equal(fake.calls, [])
})

test('the edges of what is allowed are allowed', async () => {
  const { ask } = createFace()
  const good = [
    { name: 'x'.repeat(255) },
    { name: 'Ünïcödé 名前 👩‍🚀' },
    { networks: 'auto' },
    { networks: undefined },
    { metadata: Object.fromEntries(Array.from({ length: 128 }, (_, i) => [`k${i}`, 'v'.repeat(255)])) },
    { flavorRef: 'http://cloud.test/compute/v2.1/flavors/tiny' },
    { security_groups: [{ name: 'default' }], 'OS-DCF:diskConfig': 'AUTO', config_drive: false, availability_zone: 'nova' },
    { imageRef: undefined, block_device_mapping_v2: [{ source_type: 'image', uuid: 'fake', boot_index: 0, destination_type: 'local' }] },
    { user_data: 'eA==', config_drive: true, key_name: null, personality: [], networks: [] },
  ]
  for (const more of good) assert.is((await ask('POST', SERVERS, tiny(more))).status, 202, JSON.stringify(more).slice(0, 80))
})

test('more than a request may create is forbidden as a quota', async () => {
  const { ask, fake } = createFace({ maxInstancesPerRequest: 5 })
  const answer = await ask('POST', SERVERS, tiny({ min_count: 6, max_count: 6 }))
  assert.is(answer.status, 403)
  assert.match(answer.body.forbidden.message, /^Quota exceeded.*6.*5/)
  assert.equal(fake.calls, [])
  assert.is((await ask('POST', SERVERS, tiny({ max_count: 5 }))).status, 202)
})

test('a server in all its fields', async () => {
  const { ask, fake, newServer } = createFace()
  const id = await newServer()
  const building = (await ask('GET', `${SERVERS}/${id}`)).body.server
  assert.is(building.status, 'BUILD')
  assert.is(building['OS-EXT-STS:power_state'], 0)
  assert.is(building.hostId, '')
  fake.finish(id)
  const { server } = (await ask('GET', `${SERVERS}/${id}`)).body
  const { hostId, links, image, flavor, ...rest } = server
  assert.match(hostId, /^[0-9a-f]{56}$/)
  assert.is(links[0].href, `http://cloud.test:8774/compute/v2.1/servers/${id}`)
  assert.equal([image.id, flavor.id], ['fake', 'tiny'])
  assert.equal(rest, {
    id,
    name: 'vm',
    status: 'ACTIVE',
    tenant_id: 'default',
    user_id: 'default',
    metadata: {},
    created: '2026-01-31T12:00:01Z',
    updated: '2026-01-31T12:00:03Z',
    addresses: {},
    accessIPv4: '',
    accessIPv6: '',
    config_drive: '',
    key_name: null,
    progress: 0,
    security_groups: [{ name: 'default' }],
    'OS-DCF:diskConfig': 'MANUAL',
    'OS-EXT-AZ:availability_zone': 'nova',
    'OS-SRV-USG:launched_at': '2026-01-31T12:00:03.123000',
    'OS-SRV-USG:terminated_at': null,
    'OS-EXT-SRV-ATTR:host': 'c1',
    'OS-EXT-SRV-ATTR:instance_name': `instance-${id.slice(0, 8)}`,
    'OS-EXT-SRV-ATTR:hypervisor_hostname': 'c1',
    'OS-EXT-STS:task_state': null,
    'OS-EXT-STS:vm_state': 'active',
    'OS-EXT-STS:power_state': 1,
    'os-extended-volumes:volumes_attached': [],
  })
})

test('a failed build shows its fault', async () => {
  const { ask, fake, newServer } = createFace()
  const id = await newServer()
  fake.finish(id, { code: 'NoValidHost', message: 'No host passed: 2 of 2 lack memory.' })
  const { server } = (await ask('GET', `${SERVERS}/${id}`)).body
  assert.is(server.status, 'ERROR')
  assert.equal(server.fault, { code: 409, message: 'No host passed: 2 of 2 lack memory.', created: '2026-01-31T12:00:03Z' })
  assert.not.ok('progress' in server)
})

test('lists have pages, links to the next, and filters', async () => {
  const { ask, fake, newServer } = createFace()
  const ids: string[] = []
  for (let i = 0; i < 5; i++) ids.unshift(await newServer({ name: `vm${i}` }))
  const first = await ask('GET', `${SERVERS}?limit=2&name=`)
  assert.is(first.status, 400)
  const seen: string[] = []
  let url: string | null = `${SERVERS}?limit=2`
  let pages = 0
  while (url !== null && pages++ < 10) {
    const { body } = await ask('GET', url)
    seen.push(...body.servers.map(({ id }: { id: string }) => id))
    const next: string | undefined = body.servers_links?.[0].href
    assert.ok(next === undefined || next.startsWith('http://cloud.test:8774/compute/v2.1/servers?limit=2&marker='))
    url = next === undefined ? null : next.slice('http://cloud.test:8774'.length)
  }
  assert.equal(seen, ids)
  assert.is(pages, 3)
  fake.finish(ids[0] ?? '')
  fake.setInstance(ids[0] ?? '', { taskState: 'rebooting_hard' })
  const names = async (query: string) => (await ask('GET', `${SERVERS}/detail?${query}`)).body.servers.map(({ name }: { name: string }) => name)
  assert.equal(await names('status=active'), ['vm4'])
  assert.equal(await names('status=HARD_REBOOT'), ['vm4'])
  assert.equal(await names('status=REBOOT'), [])
  assert.equal(await names('status=BUILD&limit=1'), ['vm3'])
  assert.equal(await names('status=SUSPENDED'), [])
  assert.equal(await names('name=vm2'), ['vm2'])
  assert.equal(await names('host=c1'), ['vm4'])
  assert.equal(await names('flavor=small'), [])
  assert.equal(await names('changes-since=2000-01-01T00:00:00Z&limit=0'), [])
})

test('a status that is none finds nothing, and is 400 from 2.38 on', async () => {
  const { ask } = createFace()
  const at = (minor: number) => ask('GET', `${SERVERS}?status=ACTVE`, undefined, { 'openstack-api-version': `compute 2.${minor}` })
  assert.equal((await at(37)).body.servers, [])
  assert.is((await at(38)).status, 400)
})

test('bad list queries are 400', async () => {
  const { ask, newServer } = createFace()
  await newServer()
  const queries = [
    'limit=-1',
    'limit=x',
    'limit=1.5',
    'limit=99999999999999999999',
    'limit=1&limit=2',
    `marker=${UNKNOWN}`,
    'marker=%00',
    'deleted=maybe',
  ]
  for (const query of queries) {
    const answer = await ask('GET', `${SERVERS}?${query}`)
    assert.is(answer.status, 400, query)
    assert.ok(answer.body.badRequest.message.length > 0, query)
  }
})

test('a filter the cluster does not know goes on over its pages', async () => {
  const { ask, newServer, fake } = createFace({ maxPageItems: 2 })
  const wanted = await newServer({ flavorRef: 'small' })
  for (let i = 0; i < 30; i++) await newServer()
  const first = await ask('GET', `${SERVERS}?flavor=small`)
  assert.equal(first.body.servers, [])
  const next: string = first.body.servers_links[0].href
  const second = await ask('GET', next.slice('http://cloud.test:8774'.length))
  assert.equal(
    second.body.servers.map(({ id }: { id: string }) => id),
    [wanted],
  )
  assert.is(second.body.servers_links, undefined)
  assert.is(fake.calls.filter(({ method }) => method === 'listInstances').length, 16)
})

test.run()
