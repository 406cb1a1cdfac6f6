/** Flavors, images, hypervisors, services, versions and Baton's own resources. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { BatonError } from '../../actors/kernel/errors.ts'
import type { Answered } from '../../transport/http/requests/answered.ts'
import { nameNumber } from '../../transport/http/requests/tokens.ts'
import { uptimeText } from '../../transport/http/views/hypervisor.ts'
import { createFace, FLAVORS, SERVERS, tiny } from '../support/http.ts'
import { host } from '../support/placement.ts'

const V21 = '/compute/v2.1'
const ids = (rows: { id: string }[]) => rows.map(({ id }) => id)

test('flavors: list, detail, show, create, delete', async () => {
  const { ask } = createFace()
  const list = await ask('GET', FLAVORS)
  assert.equal(Object.keys(list.body.flavors[0]), ['id', 'name', 'links'])
  assert.equal(ids((await ask('GET', `${FLAVORS}/detail`)).body.flavors), ['tiny', 'small'])
  const made = await ask('POST', FLAVORS, { flavor: { name: 'big', ram: 4096, vcpus: 4, disk: 40, id: 7 } })
  assert.is(made.status, 200)
  assert.equal(made.body.flavor, {
    id: '7',
    name: 'big',
    ram: 4096,
    disk: 40,
    vcpus: 4,
    swap: '',
    rxtx_factor: 1,
    'OS-FLV-EXT-DATA:ephemeral': 0,
    'OS-FLV-DISABLED:disabled': false,
    'os-flavor-access:is_public': true,
    links: [
      { rel: 'self', href: 'http://cloud.test:8774/compute/v2.1/flavors/7' },
      { rel: 'bookmark', href: 'http://cloud.test:8774/compute/flavors/7' },
    ],
  })
  assert.equal((await ask('GET', `${FLAVORS}/7`)).body, made.body)
  const again = await ask('POST', FLAVORS, { flavor: { name: 'big', ram: 1, vcpus: 1, disk: 0, id: '7' } })
  assert.is(again.status, 409)
  assert.is((await ask('DELETE', `${FLAVORS}/7`)).status, 202)
  assert.is((await ask('DELETE', `${FLAVORS}/7`)).status, 404)
  assert.is((await ask('GET', `${FLAVORS}/7`)).body.itemNotFound.code, 404)
})

test('a flavor as the openstack client sends it, and one without an id', async () => {
  const { ask } = createFace()
  const sent = {
    name: 'a',
    ram: 256,
    vcpus: 1,
    disk: 0,
    id: 'auto',
    swap: 0,
    rxtx_factor: 1.0,
    'OS-FLV-EXT-DATA:ephemeral': 0,
    'os-flavor-access:is_public': true,
  }
  for (const flavor of [sent, { ...sent, id: null }, { name: 'b', ram: 1, vcpus: 1, disk: 0 }]) {
    const answer = await ask('POST', FLAVORS, { flavor })
    assert.is(answer.status, 200)
    assert.match(answer.body.flavor.id, /^[0-9a-f-]{36}$/)
  }
})

test('the HA policy of a server: asked for at creation, set later, refused when there is no such policy', async () => {
  const { ask } = createFace()
  const created = await ask('POST', SERVERS, tiny())
  const path = `/baton/v1/instances/${created.body.server.id}/ha`
  const set = await ask('PUT', path, { policy: 'evacuate' })
  assert.equal([set.status, set.body.instance.ha], [200, 'evacuate'])
  assert.is((await ask('GET', `${SERVERS}/${created.body.server.id}`)).body.server['baton:ha_policy'], 'evacuate')
  for (const body of [{ policy: 'always' }, {}, { policy: 'none', more: 1 }]) assert.is((await ask('PUT', path, body)).status, 400)
  assert.is((await ask('PUT', '/baton/v1/instances/00000000-0000-4000-8000-000000000000/ha', { policy: 'none' })).status, 404)
})

test('bad flavors are 400 and name the field and its range', async () => {
  const { ask, fake } = createFace()
  const good = { name: 'x', ram: 64, vcpus: 1, disk: 1 }
  const bad: [object, RegExp][] = [
    [{ vcpus: 0 }, /flavor\.vcpus.*1 to 256/],
    [{ vcpus: 257 }, /flavor\.vcpus/],
    [{ vcpus: -1 }, /flavor\.vcpus/],
    [{ vcpus: 'two' }, /flavor\.vcpus/],
    [{ ram: 0 }, /flavor\.ram.*MB/],
    [{ ram: 2 ** 31 }, /flavor\.ram/],
    [{ ram: 1e300 }, /flavor\.ram/],
    [{ ram: 1.5 }, /flavor\.ram/],
    [{ disk: -1 }, /flavor\.disk.*GB/],
    [{ disk: null }, /flavor\.disk/],
    [{ disk: undefined }, /flavor\.disk is missing/],
    [{ name: 'a\u0000' }, /flavor\.name/],
    [{ id: 'a/b' }, /flavor\.id/],
    [{ id: '' }, /flavor\.id/],
    [{ id: '..' }, /flavor\.id/],
    [{ id: 'detail' }, /flavor\.id/],
    [{ swap: -1 }, /flavor\.swap/],
    [{ gpu: 1 }, /flavor\.gpu/],
  ]
  for (const [more, message] of bad) {
    const answer = await ask('POST', FLAVORS, { flavor: { ...good, ...more } })
    assert.is(answer.status, 400, JSON.stringify(more))
    assert.match(answer.body.badRequest.message, message)
  }
  assert.equal(fake.calls, [])
})

test('flavors, images and hypervisors have pages', async () => {
  const { ask } = createFace()
  const flavors = await ask('GET', `${FLAVORS}?limit=1`)
  assert.equal(flavors.body.flavors_links, [{ rel: 'next', href: 'http://cloud.test:8774/compute/v2.1/flavors?limit=1&marker=tiny' }])
  assert.equal(ids((await ask('GET', `${FLAVORS}?limit=1&marker=tiny`)).body.flavors), ['small'])
  const images = await ask('GET', '/image/v2/images?limit=1')
  assert.is(images.body.next, '/v2/images?limit=1&marker=other')
  assert.equal(ids((await ask('GET', '/image/v2/images?limit=5&marker=other')).body.images), ['fake'])
  const AT_33 = { 'openstack-api-version': 'compute 2.33' }
  assert.is((await ask('GET', `${V21}/os-hypervisors?limit=1`, undefined, AT_33)).body.hypervisors_links.length, 1)
  for (const path of [FLAVORS, `${FLAVORS}/detail`, '/image/v2/images', `${V21}/os-hypervisors`, `${V21}/os-hypervisors/detail`, '/baton/v1/hosts']) {
    assert.is((await ask('GET', `${path}?marker=nope`, undefined, AT_33)).status, 400, path)
    assert.is((await ask('GET', `${path}?limit=-1`, undefined, AT_33)).status, 400, path)
  }
})

test("images in Glance's shape", async () => {
  const { ask } = createFace()
  const list = await ask('GET', '/image/v2/images')
  assert.equal(ids(list.body.images).sort(), ['fake', 'other'])
  assert.equal([list.body.first, list.body.schema, list.body.next], ['/v2/images', '/v2/schemas/images', undefined])
  const { body } = await ask('GET', '/image/v2/images/fake')
  assert.equal([body.id, body.status, body.size, body.created_at, body.self], ['fake', 'active', 4096, '2026-01-31T12:00:00Z', '/v2/images/fake'])
  assert.is((await ask('GET', '/image/v2/images/nope')).status, 404)
})

test('for how long a hypervisor has been running, in the words of uptime; of one that is down nobody knows', async () => {
  const { ask } = createFace()
  const lean = { 'openstack-api-version': 'compute 2.88' }
  const { hypervisor } = (await ask('GET', `${V21}/os-hypervisors/c1/uptime`)).body
  assert.equal([hypervisor.hypervisor_hostname, hypervisor.uptime], ['c1', 'up 93 days, 18:25'])
  assert.is((await ask('GET', `${V21}/os-hypervisors/c1`, undefined, lean)).body.hypervisor.uptime, 'up 93 days, 18:25')
  assert.is((await ask('GET', `${V21}/os-hypervisors/c2`, undefined, lean)).body.hypervisor.uptime, null)
  assert.is((await ask('GET', `${V21}/os-hypervisors/c2/uptime`)).status, 400)
  const up = (uptimeS: number) => uptimeText(host('h1', { uptimeS }))
  assert.equal([up(0), up(59), up(3660), up(86_400), uptimeText(host('h1'))], ['up 0:00', 'up 0:00', 'up 1:01', 'up 1 day, 0:00', null])
})

test('hypervisors: list, detail and show', async () => {
  const { ask } = createFace()
  const list = await ask('GET', `${V21}/os-hypervisors`)
  assert.equal(list.body.hypervisors, [
    { id: nameNumber('hypervisor c1'), hypervisor_hostname: 'c1', state: 'up', status: 'enabled' },
    { id: nameNumber('hypervisor c2'), hypervisor_hostname: 'c2', state: 'down', status: 'disabled' },
  ])
  const { hypervisor } = (await ask('GET', `${V21}/os-hypervisors/c1`)).body
  assert.equal([hypervisor.vcpus_used, hypervisor.free_ram_mb, hypervisor.running_vms, hypervisor.cpu_info], [2, 8064, 2, ''])
  const detail = await ask('GET', `${V21}/os-hypervisors/detail`, undefined, { 'openstack-api-version': 'compute 2.28' })
  assert.equal(detail.body.hypervisors[1].service, { id: nameNumber('nova-compute c2'), host: 'c2', disabled_reason: 'disk' })
  assert.equal(detail.body.hypervisors[1].cpu_info, {})
  assert.is((await ask('GET', `${V21}/os-hypervisors/nope`)).status, 404)
})

test('services: conductors and compute hosts, in all pages of hosts', async () => {
  const { ask } = createFace({ maxPageItems: 1 })
  const { services } = (await ask('GET', `${V21}/os-services`)).body
  const short = services.map((s: Record<string, string>) => `${s.binary} ${s.host} ${s.status} ${s.state}`)
  assert.equal(short, [
    'nova-conductor n1 enabled up',
    'nova-scheduler n1 enabled up',
    'nova-conductor n2 disabled up',
    'nova-scheduler n2 disabled up',
    'nova-compute c1 enabled up',
    'nova-compute c2 disabled down',
  ])
  const one = await ask('GET', `${V21}/os-services?binary=nova-compute&host=c2`)
  assert.equal(
    one.body.services.map((s: { disabled_reason: string }) => s.disabled_reason),
    ['disk'],
  )
})

test('version documents', async () => {
  const { ask } = createFace()
  for (const path of ['/', '/compute', '/compute/']) {
    const { body } = await ask('GET', path)
    assert.equal(
      body.versions.map((v: Record<string, string>) => [v.id, v.status, v.min_version, v.version]),
      [['v2.1', 'CURRENT', '2.1', '2.90']],
      path,
    )
  }
  for (const path of [V21, `${V21}/`]) assert.is((await ask('GET', path)).body.version.links[0].href, 'http://cloud.test:8774/compute/v2.1/')
  assert.is((await ask('GET', '/image')).body.versions[0].links[0].href, 'http://cloud.test:8774/image/v2/')
})

test('microversions', async () => {
  const { ask, newServer } = createFace()
  const id = await newServer()
  const get = (version: string) => ask('GET', `${SERVERS}/${id}`, undefined, { 'openstack-api-version': version })
  const plain = await ask('GET', `${SERVERS}/${id}`)
  assert.is(plain.headers['openstack-api-version'], 'compute 2.1')
  assert.not.ok('tags' in plain.body.server)
  const latest = await get('compute latest')
  assert.is(latest.headers['openstack-api-version'], 'compute 2.90')
  assert.equal([latest.body.server.tags, latest.body.server.locked, latest.body.server.description], [[], false, null])
  assert.is((await get('identity 3, compute 2.9')).body.server.locked, false)
  assert.is((await get('volume 3.50')).headers['x-openstack-nova-api-version'], '2.1')
  assert.is((await get('compute 2.91')).status, 406)
  assert.is((await get('compute 3.1')).body.computeFault.code, 406)
  for (const bad of ['compute', 'compute 2', 'compute 2.01', 'compute x.y']) assert.is((await get(bad)).status, 400, bad)
  const since237 = { 'openstack-api-version': 'compute 2.37' }
  assert.is((await ask('POST', SERVERS, tiny({ networks: undefined }), since237)).status, 400)
  assert.is((await ask('POST', SERVERS, tiny({ networks: 'none' }), since237)).status, 202)
})

test("Baton's own: status, nodes, drain, queues, hosts", async () => {
  const { ask } = createFace()
  assert.is((await ask('GET', '/baton/v1/status')).body.status.mapVersion, 7)
  assert.equal(ids((await ask('GET', '/baton/v1/nodes')).body.nodes), ['n1', 'n2', 'g1'])
  const drained = await ask('POST', '/baton/v1/nodes/n1/drain')
  assert.equal([drained.status, drained.body], [202, { node: { id: 'n1', state: 'draining' } }])
  assert.is((await ask('POST', '/baton/v1/nodes/nope/drain')).status, 404)
  assert.is((await ask('GET', '/baton/v1/queues')).body.queues[0].queue, 'journal')
  assert.equal(ids((await ask('GET', '/baton/v1/hosts')).body.hosts), ['c1', 'c2'])
  assert.is((await ask('GET', '/baton/v1/hosts/c1')).body.host.ramMb, 8192)
  assert.is((await ask('GET', '/baton/v1/hosts/nope')).status, 404)
})

test('the doctor: a look, one host, a repair; a scope that is none is refused', async () => {
  const { ask, fake } = createFace()
  const finding = { code: 'ClaimOfNobody', severity: 'warning', subject: 'instance/i9', instance: 'i9', host: 'c2', since: 7 } as const
  fake.findings.push({ ...finding, believed: 'no such instance', seen: 'claim x', byItself: 'b', repair: 'r', command: null })
  const codes = (body: { doctor: { findings: { code: string }[] } }) => body.doctor.findings.map(f => f.code)
  assert.equal(codes((await ask('GET', '/baton/v1/doctor')).body), ['ClaimOfNobody'])
  assert.equal(codes((await ask('GET', '/baton/v1/doctor?host=c1')).body), [])
  assert.is((await ask('GET', '/baton/v1/doctor?hots=c1')).status, 400)
  assert.is((await ask('POST', '/baton/v1/doctor/repair', { instance: 7 })).status, 400)
  const repaired = await ask('POST', '/baton/v1/doctor/repair')
  assert.is(repaired.body.doctor.repairs[0].outcome, 'repaired')
  assert.equal((await ask('POST', '/baton/v1/doctor/repair', { host: 'c1' })).body.doctor.repairs, [])
  assert.equal(fake.calls.at(-1), { method: 'repair', args: { host: 'c1' } })
  fake.fail('diagnose', new BatonError('NotFound', 'there is no host c9'))
  assert.is((await ask('GET', '/baton/v1/doctor?host=c9')).status, 404)
})

test('operations: list with filters and pages, show, cancel', async () => {
  const { ask, fake, newServer } = createFace()
  const [a, b] = [await newServer(), await newServer()]
  fake.finish(a)
  const list = async (query: string) => ids((await ask('GET', `/baton/v1/operations?${query}`)).body.operations)
  assert.equal(await list(''), [`${b}.1`, `${a}.1`])
  assert.equal(await list('open=true'), [`${b}.1`])
  assert.equal(await list('open=false'), [`${a}.1`])
  assert.equal(await list(`subject=${a}`), [`${a}.1`])
  const { requestId } = (await ask('GET', `/baton/v1/operations/${a}.1`)).body.operation
  assert.equal(await list(`request_id=${requestId}`), [`${a}.1`])
  assert.equal(await list(`limit=1&marker=${b}.1`), [`${a}.1`])
  assert.is((await ask('GET', '/baton/v1/operations?open=perhaps')).status, 400)
  const cancelled = await ask('POST', `/baton/v1/operations/${b}.1/cancel`)
  assert.equal([cancelled.status, cancelled.body.operation.cancelRequested], [202, true])
  assert.is((await ask('POST', `/baton/v1/operations/${a}.1/cancel`)).status, 409)
  for (const id of ['nope', `${a}.9`, 'a.b.c']) assert.is((await ask('GET', `/baton/v1/operations/${id}`)).status, 404, id)
})

test('whoever counts is told the pattern of the route, never the URL', async () => {
  const told: Answered[] = []
  const face = createFace({}, { onAnswered: answer => told.push(answer) })
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  await face.ask('GET', `${SERVERS}/some-id`, undefined, { traceparent })
  await face.ask('GET', '/nowhere/at/all')
  assert.equal(
    told.map(({ method, route, status, trace }) => ({ method, route, status, trace })),
    [
      { method: 'GET', route: `${SERVERS}/:id`, status: 404, trace: traceparent },
      { method: 'GET', route: 'none', status: 404, trace: undefined },
    ],
  )
  assert.ok(told.every(answer => answer.seconds >= 0))
})

test('health, readiness with its reasons, metrics', async () => {
  const face = createFace()
  assert.equal((await face.ask('GET', '/healthz')).body, { status: 'ok' })
  assert.is((await face.ask('GET', '/readyz')).status, 200)
  face.readiness = { ready: false, reasons: ['no conductor answers'] }
  const answer = await face.ask('GET', '/readyz')
  assert.equal([answer.status, answer.body.reasons, answer.headers['retry-after']], [503, ['no conductor answers'], '1'])
  assert.is((await face.ask('GET', '/healthz')).status, 200)
  const metrics = await face.ask('GET', '/metrics')
  assert.is(metrics.text, 'baton_up 1\n')
  assert.match(metrics.headers['content-type'] ?? '', /^text\/plain; version=0\.0\.4/)
  const open = await face.ask('GET', '/metrics', undefined, { accept: 'application/openmetrics-text;version=1.0.0,text/plain;q=0.3' })
  assert.match(open.headers['content-type'] ?? '', /^application\/openmetrics-text; version=1\.0\.0/)
})

test.run()
