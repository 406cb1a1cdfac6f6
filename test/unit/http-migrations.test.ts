/** Nova's os-migrations, servers/:id/migrations, os-services and os-migrateLive; and Baton's own paths about hosts. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createFace, SERVERS, type TestFace } from '../support/http.ts'

const HOSTS = '/baton/v1/hosts'
const SERVICES = '/compute/v2.1/os-services'
const NOVA_HOSTS = '/compute/v2.1/os-hosts'
const at = (minor: number) => ({ 'openstack-api-version': `compute 2.${minor}` })
const LIVE = { host: null, block_migration: 'auto' }
const FIGURES = {
  ...{ memoryTotalBytes: 100, memoryProcessedBytes: 60, memoryRemainingBytes: 40 },
  ...{ diskTotalBytes: 9, diskProcessedBytes: 9, diskRemainingBytes: 0 },
}

/** A server whose live migration is at this step. */
async function migrating(face: TestFace, step: string, progress?: typeof FIGURES): Promise<string> {
  const { ask, fake, newServer } = face
  const id = await newServer()
  fake.finish(id)
  const { status, text } = await ask('POST', `${SERVERS}/${id}/action`, { 'os-migrateLive': LIVE }, at(30))
  assert.is(status, 202, text)
  const [operation] = await fake.api.listOperations({ subject: id, kinds: ['live-migrate'] })
  const [first] = operation?.steps ?? []
  if (!operation || !first) throw new Error('no operation was begun')
  const move = { from: 'c1', to: 'c2', oldFlavor: 'tiny', newFlavor: 'tiny' }
  fake.setOperation(operation.id, { steps: [{ ...first, name: step, ...(progress ? { progress } : {}) }], move })
  return id
}

const lastAct = (face: TestFace) => face.fake.calls.findLast(({ method }) => method === 'actOnInstance')?.args

test('os-migrateLive: by version, what it may say and how it is passed on', async () => {
  const face = createFace()
  const { ask, fake, newServer } = face
  const id = await newServer()
  fake.finish(id)
  const act = (body: object, minor = 37) => ask('POST', `${SERVERS}/${id}/action`, { 'os-migrateLive': body }, at(minor))
  for (const [body, minor] of [
    [{ host: null, block_migration: 'auto' }, 24],
    [{ host: null, block_migration: false, disk_over_commit: false }, 25],
    [{ host: 'c2', block_migration: 'auto', force: true }, 29],
    [{ host: null, block_migration: 'auto', force: true }, 30],
    [{ host: null, block_migration: 'perhaps' }, 30],
    [{ host: 'c2' }, 30],
    [{ host: 'c2', block_migration: true, speed: 1 }, 30],
  ] as const) {
    assert.is((await act(body, minor)).status, 400, JSON.stringify([body, minor]))
  }
  assert.is((await act({ host: 'c2', block_migration: true, disk_over_commit: false }, 1)).status, 202)
  assert.match(JSON.stringify(lastAct(face)), '"action":"live-migrate","host":"c2","blockMigration":true')
  assert.is((await act(LIVE)).status, 409, 'one at a time')
})

test('the live migration under way: listed and shown with its bytes, forced and aborted; before and after it is not found', async () => {
  const face = createFace()
  const { ask, fake } = face
  const id = await migrating(face, 'transfer', FIGURES)
  const list = await ask('GET', `${SERVERS}/${id}/migrations`, undefined, at(23))
  const [migration] = list.body.migrations
  assert.equal([migration.status, migration.source_compute, migration.dest_compute, migration.server_uuid], ['running', 'c1', 'c2', id])
  assert.equal([migration.memory_total_bytes, migration.memory_processed_bytes, migration.memory_remaining_bytes], [100, 60, 40])
  assert.equal([migration.disk_total_bytes, migration.disk_processed_bytes, migration.disk_remaining_bytes], [9, 9, 0])
  assert.ok(Number.isSafeInteger(migration.id))
  const path = `${SERVERS}/${id}/migrations/${migration.id}`
  assert.equal((await ask('GET', path, undefined, at(23))).body.migration, migration)

  for (const [method, url, minor] of [
    ['GET', `${SERVERS}/${id}/migrations`, 22],
    ['GET', path, 22],
    ['DELETE', path, 23],
    ['GET', `${SERVERS}/${id}/migrations/7`, 23],
    ['DELETE', `${SERVERS}/${id}/migrations/x`, 24],
    ['GET', `${SERVERS}/00000000-0000-4000-8000-000000000000/migrations`, 23],
  ] as const) {
    assert.is((await ask(method, url, undefined, at(minor))).status, 404, `${method} ${url} at 2.${minor}`)
  }
  assert.is((await ask('POST', `${path}/action`, { force_complete: null }, at(21))).status, 404)
  assert.is((await ask('POST', `${path}/action`, { nonsense: null }, at(22))).status, 400)
  assert.is((await ask('POST', `${path}/action`, { force_complete: null }, at(22))).status, 202)
  assert.is((await ask('DELETE', path, undefined, at(24))).status, 202)
  assert.equal(
    fake.calls.filter(({ method }) => method === 'forceOperation' || method === 'cancelOperation').map(({ method }) => method),
    ['forceOperation', 'cancelOperation'],
  )
  fake.finish(id)
  assert.equal((await ask('GET', `${SERVERS}/${id}/migrations`, undefined, at(23))).body.migrations, [])
  assert.is((await ask('DELETE', path, undefined, at(24))).status, 404, 'nothing runs any more')
})

test('what is not being sent cannot be forced', async () => {
  const face = createFace()
  const id = await migrating(face, 'prepare')
  const [{ id: number, status }] = (await face.ask('GET', `${SERVERS}/${id}/migrations`, undefined, at(23))).body.migrations
  assert.is(status, 'preparing')
  const answer = await face.ask('POST', `${SERVERS}/${id}/migrations/${number}/action`, { force_complete: null }, at(22))
  assert.is(answer.status, 400)
  assert.match(answer.body.badRequest.message, 'is preparing; only a running one can be forced')
})

test('os-migrations: every move, filtered; types and links from 2.23 on', async () => {
  const face = createFace()
  const { ask } = face
  const id = await migrating(face, 'transfer')
  const all = async (query = '', minor = 23) => (await ask('GET', `/compute/v2.1/os-migrations${query}`, undefined, at(minor))).body.migrations
  const [row] = await all()
  assert.equal(
    [row.instance_uuid, row.migration_type, row.status, row.source_compute, row.dest_compute],
    [id, 'live-migration', 'running', 'c1', 'c2'],
  )
  assert.equal(
    row.links.map((l: { rel: string }) => l.rel),
    ['self', 'bookmark'],
  )
  assert.not('migration_type' in (await all('', 22))[0])
  for (const query of ['?host=c2', '?host=c1', '?source_compute=c1', `?instance_uuid=${id}`, '?status=running', '?migration_type=live-migration'])
    assert.is((await all(query)).length, 1, query)
  for (const query of ['?host=c3', '?source_compute=c2', '?instance_uuid=x', '?status=error', '?migration_type=resize'])
    assert.is((await all(query)).length, 0, query)
})

test('os-services: enable, disable with a reason, forced down is fenced, and a service is deleted when its host is down', async () => {
  const { ask, fake } = createFace()
  const put = (how: string, more: object = {}, minor = 37) =>
    ask('PUT', `${SERVICES}/${how}`, { host: 'c1', binary: 'nova-compute', ...more }, at(minor))
  assert.equal((await put('disable')).body.service, { host: 'c1', binary: 'nova-compute', status: 'disabled' })
  const reason = { disabled_reason: 'disk' }
  assert.equal((await put('disable-log-reason', reason)).body.service, { host: 'c1', binary: 'nova-compute', status: 'disabled', ...reason })
  assert.is((await put('enable')).body.service.status, 'enabled')
  for (const [how, body, status] of [
    ['disable-log-reason', {}, 400],
    ['force-down', {}, 400],
    ['explode', {}, 404],
    ['enable', { host: 'nobody' }, 404],
    ['enable', { binary: 'nova-conductor' }, 400],
    ['enable', { colour: 'red' }, 400],
  ] as const) {
    assert.is((await put(how, body)).status, status, how)
  }
  assert.is((await put('force-down', { forced_down: true }, 10)).status, 404)
  assert.is((await put('force-down', { forced_down: false })).body.service.forced_down, false)
  assert.is((await put('force-down', { forced_down: true })).body.service.forced_down, true)
  assert.is((await put('force-down', { forced_down: false })).status, 409)
  const { services } = (await ask('GET', `${SERVICES}?host=c1`, undefined, at(11))).body
  assert.equal(
    services.map((s: { forced_down: boolean }) => s.forced_down),
    [true],
  )
  const idOf = async (query: string) => (await ask('GET', `${SERVICES}?${query}`)).body.services[0].id
  const [c2, conductor] = [await idOf('host=c2'), await idOf('binary=nova-conductor')]
  assert.is((await ask('DELETE', `${SERVICES}/${c2}`)).status, 204)
  assert.is((await ask('DELETE', `${SERVICES}/${c2}`)).status, 404)
  for (const id of [conductor, 'x']) assert.is((await ask('DELETE', `${SERVICES}/${id}`)).status, 404, id)
  assert.ok(fake.calls.some(({ method }) => method === 'deleteHost'))
})

test('os-hosts: services by zone, room by project, enabled and put into maintenance, until 2.43', async () => {
  const { ask, fake } = createFace()
  const hosts = async (query = '') => (await ask('GET', `${NOVA_HOSTS}${query}`)).body.hosts
  const all = await hosts()
  const c1 = all.find((row: { host_name: string }) => row.host_name === 'c1')
  assert.equal(c1, { host_name: 'c1', service: 'compute', zone: c1.zone })
  assert.equal((await hosts('?zone=')).length, all.length)
  assert.ok((await hosts(`?zone=${c1.zone}&service=compute`)).every((row: { service: string }) => row.service === 'compute'))
  assert.equal(await hosts('?zone=nowhere'), [])
  const { host } = (await ask('GET', `${NOVA_HOSTS}/c1`)).body
  assert.equal(
    host.slice(0, 3).map(({ resource }: { resource: { project: string } }) => resource.project),
    ['(total)', '(used_now)', '(used_max)'],
  )
  const put = (body: object, id = 'c1') => ask('PUT', `${NOVA_HOSTS}/${id}`, body)
  assert.equal((await put({ status: 'disable', maintenance_mode: null })).body, { host: 'c1', status: 'disabled' })
  assert.equal((await put({ status: 'Enable', maintenance_mode: 'enable' })).body, {
    host: 'c1',
    status: 'enabled',
    maintenance_mode: 'on_maintenance',
  })
  assert.ok(fake.calls.some(({ method }) => method === 'setHostMaintenance'))
  for (const [body, status, id] of [
    [{}, 400, 'c1'],
    [{ status: null, maintenance_mode: null }, 400, 'c1'],
    [{ status: 'invalid' }, 400, 'c1'],
    [{ status: 'enable', more: 1 }, 400, 'c1'],
    [{ status: 'enable' }, 404, 'nobody'],
  ] as const) {
    assert.is((await put(body, id)).status, status, JSON.stringify(body))
  }
  for (const action of ['startup', 'shutdown', 'reboot']) {
    assert.is((await ask('GET', `${NOVA_HOSTS}/c1/${action}`)).status, 501, action)
    assert.is((await ask('GET', `${NOVA_HOSTS}/nobody/${action}`)).status, 404, action)
  }
  assert.is((await ask('GET', NOVA_HOSTS, undefined, at(42))).status, 200)
  assert.is((await ask('GET', NOVA_HOSTS, undefined, at(43))).status, 404)
})

test('hosts: drain, evacuate, maintenance and undrain are passed on; bad input is refused', async () => {
  const { ask, fake } = createFace()
  const drained = await ask('POST', `${HOSTS}/c1/drain`, { parallel: 4, cold: true })
  assert.equal([drained.status, drained.body], [202, { operation: { id: 'c1.1' } }])
  assert.match(JSON.stringify(fake.calls.at(-1)), '"parallel":4,"cold":true,"id":"c1"')
  assert.is((await ask('POST', `${HOSTS}/c1/drain`)).status, 202, 'without a body')
  assert.is((await ask('POST', `${HOSTS}/c1/evacuate`, { parallel: 1 })).status, 202)
  assert.is((await ask('POST', `${HOSTS}/c1/maintenance`, { on: true })).status, 202)
  assert.is((await ask('POST', `${HOSTS}/c1/undrain`)).status, 200)
  for (const [path, body] of [
    ['drain', { parallel: 0 }],
    ['drain', { parallel: 1.5 }],
    ['drain', { parallel: 101 }],
    ['drain', { cold: 'yes' }],
    ['evacuate', { cold: true }],
    ['maintenance', {}],
    ['maintenance', { on: 'true' }],
  ] as const) {
    assert.is((await ask('POST', `${HOSTS}/c1/${path}`, body)).status, 400, `${path} ${JSON.stringify(body)}`)
  }
  for (const path of ['drain', 'undrain', 'evacuate']) assert.is((await ask('POST', `${HOSTS}/nobody/${path}`)).status, 404, path)
  assert.is((await ask('DELETE', `${HOSTS}/c1`)).status, 409, 'it is up')
  assert.is((await ask('DELETE', `${HOSTS}/nobody`)).status, 404)
  assert.is((await ask('DELETE', `${HOSTS}/c2`)).status, 204)
  assert.is((await ask('POST', '/baton/v1/operations/nothing.1/force-complete')).status, 404)
})

test('migrations and instance actions come in pages, and by times of change', async () => {
  const { ask, fake, newServer } = createFace()
  const id = await newServer()
  fake.finish(id)
  for (const _ of [1, 2, 3]) {
    await ask('POST', `${SERVERS}/${id}/action`, { evacuate: {} })
    fake.finish(id)
    fake.setInstance(id, { vmState: 'active' })
  }
  const at = (minor: number) => ({ 'openstack-api-version': `compute 2.${minor}` })
  const walk = async (path: string, minor: number, items: string, links: string, key: string): Promise<string[]> => {
    const seen: string[] = []
    for (let next: string | undefined = `${path}?limit=2`; next; ) {
      const { body } = await ask('GET', next, undefined, at(minor))
      seen.push(...body[items].map((item: Record<string, string>) => item[key]))
      next = body[links]?.[0]?.href.replace(/^http:..[^/]+/, '')
    }
    return seen
  }
  const migrations = '/compute/v2.1/os-migrations'
  const actions = `${SERVERS}/${id}/os-instance-actions`
  const [all, done] = [
    await walk(migrations, 59, 'migrations', 'migrations_links', 'uuid'),
    await walk(actions, 58, 'instanceActions', 'links', 'request_id'),
  ]
  assert.equal([all.length, new Set(all).size, done.length, new Set(done).size], [3, 3, 4, 4])
  assert.is((await ask('GET', `${migrations}?limit=1`, undefined, at(58))).body.migrations.length, 3, 'no pages before 2.59')
  assert.is((await ask('GET', `${actions}?limit=1`, undefined, at(57))).body.instanceActions.length, 4, 'no pages before 2.58')
  for (const [path, minor, items] of [
    [migrations, 66, 'migrations'],
    [actions, 66, 'instanceActions'],
  ] as const) {
    assert.equal((await ask('GET', `${path}?changes-since=2027-01-01T00:00:00`, undefined, at(minor))).body[items], [])
    assert.equal((await ask('GET', `${path}?changes-before=2025-01-01T00:00:00`, undefined, at(minor))).body[items], [])
    assert.is((await ask('GET', `${path}?marker=nobody`, undefined, at(minor))).status, 400, path)
    assert.is((await ask('GET', `${path}?changes-since=soon`, undefined, at(minor))).status, 400, path)
  }
  const of = async (query: string) => (await ask('GET', `${migrations}?${query}`, undefined, at(80))).body.migrations.length
  assert.equal([await of('project_id=default'), await of('project_id=other'), await of('user_id=other')], [3, 0, 0])
})

test.run()
