/** What projects have used, what other services say, and what old clients ask for. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { InstanceBody } from '../../actors/api.ts'
import { hoursOf, usagesOf, wasThere } from '../../transport/http/views/usage.ts'
import { createFace } from '../support/http.ts'

const at = (minor: number) => ({ 'openstack-api-version': `compute 2.${minor}` })
const USAGE = '/compute/v2.1/os-simple-tenant-usage'
const HOUR = 3_600_000
const UNKNOWN = '00000000-0000-4000-8000-000000000000'

const lived = (launchedAt: number | null, deletedAt: number | null): InstanceBody =>
  ({ launchedAt, deletedAt, project: 'p', flavor: { name: 'f', vcpus: 2, ramMb: 512, diskGb: 10 }, vmState: 'active' }) as InstanceBody

test('hours count from launch to end, within the period', () => {
  const period = { start: 10 * HOUR, stop: 20 * HOUR }
  const cases: [launched: number | null, deleted: number | null, hours: number, there: boolean][] = [
    [0, null, 10, true],
    [15, null, 5, true],
    [0, 12, 2, true],
    [12, 13, 1, true],
    [0, 9, 0, false],
    [21, null, 0, false],
    [null, null, 0, false],
  ]
  for (const [launched, deleted, hours, there] of cases) {
    const instance = lived(launched === null ? null : launched * HOUR, deleted === null ? null : deleted * HOUR)
    assert.is(hoursOf(instance, period), hours, `${launched} to ${deleted}`)
    assert.is(wasThere(instance, period), there, `${launched} to ${deleted}`)
  }
  const [sum] = usagesOf([lived(0, 12 * HOUR), lived(15 * HOUR, null)], period, 21 * HOUR, true)
  assert.equal([sum?.total_hours, sum?.total_vcpus_usage, sum?.total_memory_mb_usage, sum?.total_local_gb_usage], [7, 14, 3584, 70])
  assert.equal(
    sum?.server_usages?.map(({ state, uptime }) => [state, uptime]),
    [
      ['terminated', 12 * 3600],
      ['active', 6 * 3600],
    ],
  )
})

test('tenant usage: of all, of one, in pages from 2.40 on', async () => {
  const { ask, fake, newServer } = createFace()
  const ids = [await newServer(), await newServer(), await newServer({}, { 'x-project-id': 'other' })]
  for (const id of ids) fake.finish(id)
  const period = 'start=2026-01-01T00:00:00&end=2026-02-02T00:00:00'
  const all = await ask('GET', `${USAGE}?${period}`)
  assert.equal(all.body.tenant_usages.map((u: { tenant_id: string }) => u.tenant_id).sort(), ['default', 'other'])
  assert.is(all.body.tenant_usages[0].server_usages, undefined)
  assert.is(all.body.tenant_usages[0].start, '2026-01-01T00:00:00.000000')
  const detailed = await ask('GET', `${USAGE}?${period}&detailed=1`)
  assert.is(detailed.body.tenant_usages.flatMap((u: { server_usages: unknown[] }) => u.server_usages).length, 3)
  const one = await ask('GET', `${USAGE}/default?${period}`)
  assert.is(one.body.tenant_usage.server_usages.length, 2)
  assert.equal((await ask('GET', `${USAGE}/nobody?${period}`)).body, { tenant_usage: {} })
  const first = await ask('GET', `${USAGE}/default?${period}&limit=1`, undefined, at(40))
  assert.is(first.body.tenant_usage.server_usages.length, 1)
  const [{ href }] = first.body.tenant_usage_links
  const second = await ask('GET', href.slice(href.indexOf('/compute')), undefined, at(40))
  assert.is.not(second.body.tenant_usage.server_usages[0].instance_id, first.body.tenant_usage.server_usages[0].instance_id)
  assert.is((await ask('GET', `${USAGE}?${period}&limit=1`)).body.tenant_usages_links, undefined)
  assert.is((await ask('GET', `${USAGE}?${period}&odd=1`, undefined, at(75))).status, 400)
})

test('a period that is none is refused', async () => {
  const { ask } = createFace()
  for (const query of ['', '?start=2026-02-01T00:00:00&end=2026-01-01T00:00:00', '?start=yesterday']) {
    assert.is((await ask('GET', USAGE + query)).status, 400, query)
  }
})

test('the audit log says that no host has run an audit', async () => {
  const { ask } = createFace()
  const path = '/compute/v2.1/os-instance_usage_audit_log'
  const { instance_usage_audit_log: log } = (await ask('GET', `${path}/2026-03-15 10:00:00`)).body
  assert.equal([log.period_beginning, log.period_ending], ['2026-02-01 00:00:00', '2026-03-01 00:00:00'])
  assert.equal([log.num_hosts, log.num_hosts_not_run, log.hosts_not_run, log.log], [2, 2, ['c1', 'c2'], {}])
  assert.is((await ask('GET', path)).body.instance_usage_audit_logs.overall_status, '0 of 2 hosts done. 0 errors.')
  assert.is((await ask('GET', `${path}/soon`)).status, 400)
})

test('external events: each is answered for itself', async () => {
  const { ask, fake, newServer } = createFace()
  const path = '/compute/v2.1/os-server-external-events'
  const [on, off] = [await newServer(), await newServer()]
  fake.finish(on)
  const send = (events: unknown, minor = 1) => ask('POST', path, { events }, at(minor))
  const good = await send([{ name: 'network-changed', server_uuid: on, tag: 'p' }])
  assert.equal([good.status, good.body.events], [200, [{ name: 'network-changed', server_uuid: on, tag: 'p', status: 'completed', code: 200 }]])
  const mixed = await send(
    [on, off, UNKNOWN].map(server_uuid => ({ name: 'network-vif-plugged', server_uuid })).concat([{ name: 'volume-extended', server_uuid: on }]),
    51,
  )
  assert.is(mixed.status, 207)
  assert.equal(
    mixed.body.events.map((event: { code: number }) => event.code),
    [200, 422, 404, 400],
  )
  assert.match((await send([{ name: 'volume-extended', server_uuid: on }], 50)).body.badRequest.message, '2.51')
  for (const events of [[], [{ name: 'rain', server_uuid: on }], [{ name: 'network-changed', server_uuid: 'x' }], 'x']) {
    assert.is((await send(events)).status, 400, JSON.stringify(events))
  }
})

test('snapshots of volumes are refused as where there are none', async () => {
  const { ask } = createFace()
  const path = '/compute/v2.1/os-assisted-volume-snapshots'
  const snapshot = { volume_id: 'v', create_info: { snapshot_id: 's', type: 'qcow2', new_file: 'f' } }
  assert.match((await ask('POST', path, { snapshot })).body.badRequest.message, 'No server has the volume v')
  assert.is((await ask('DELETE', `${path}/s`)).status, 400)
  assert.is((await ask('DELETE', `${path}/s?delete_info=${encodeURIComponent('{"volume_id":"v"}')}`)).status, 404)
})

test('extensions are listed and found by alias', async () => {
  const { ask } = createFace()
  const { extensions } = (await ask('GET', '/compute/v2.1/extensions')).body
  assert.ok(extensions.length > 30)
  assert.is((await ask('GET', '/compute/v2.1/extensions/os-keypairs')).body.extension.name, 'Keypairs')
  assert.is((await ask('GET', '/compute/v2.1/extensions/os-cells')).status, 404)
})

test('images for an aggregate: known ones, each once, from 2.81 on', async () => {
  const { ask } = createFace()
  const { id } = (await ask('POST', '/compute/v2.1/os-aggregates', { aggregate: { name: 'a' } })).body.aggregate
  const cache = (ids: string[], minor = 81) =>
    ask('POST', `/compute/v2.1/os-aggregates/${id}/images`, { cache: ids.map(image => ({ id: image })) }, at(minor))
  assert.is((await cache(['fake'], 80)).status, 404)
  assert.is((await cache(['fake', 'other'])).status, 202)
  assert.is((await cache(['fake', 'fake'])).status, 400)
  assert.is((await cache(['nope'])).status, 400)
  assert.is((await cache([])).status, 400)
})

test.run()
