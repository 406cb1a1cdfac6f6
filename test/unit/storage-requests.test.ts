/** Images, disks and backups as conductors serve them: what the views say, what actors are told, and what is refused. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ActOnInstance, DiskBody, ImageBody, InstanceBody } from '../../actors/api.ts'
import { FAKE_IMAGE, PROCESS_IMAGE } from '../../actors/hypervisor/drivers/images.ts'
import type { ViewRow, ViewTable } from '../../actors/kernel/define.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import type { Views } from '../../actors/kernel/ports.ts'
import { createImages } from '../../supervisors/images/requests.ts'
import { diskRequests } from '../../supervisors/requests/disk-requests.ts'
import { instanceRequests } from '../../supervisors/requests/instance-requests.ts'
import { createStorage } from '../../supervisors/requests/storage.ts'
import { instanceIn } from '../support/instance.ts'
import { rejectsWith } from './persistence-fixtures.ts'

type Rows = Partial<Record<ViewTable, readonly (Pick<ViewRow, 'id' | 'body'> & { readonly columns?: ViewRow['columns'] })[]>>

/** Views of these rows, newest first; every call to an actor is noted. */
function cluster(rows: Rows) {
  const calls: string[] = []
  const full = (table: ViewTable): ViewRow[] => (rows[table] ?? []).map(row => ({ table, columns: {}, ...row }))
  const views: Views = {
    get: async (table, id) => full(table).find(r => r.id === id) ?? null,
    async list(table, { where = {}, limit = 1000, marker }) {
      const matching = full(table).filter(r => Object.entries(where).every(([name, value]) => (r.columns[name] ?? null) === value))
      const at = marker === undefined ? 0 : matching.findIndex(r => r.id === marker) + 1
      if (marker !== undefined && at === 0) throw new BatonError('BadRequest', `there is no ${table} ${marker}`)
      return matching.slice(at, at + limit)
    },
    count: async () => 0,
    countBy: async () => new Map(),
  }
  const call = async (kind: string, id: string, method: string, args: unknown) => {
    calls.push(`${kind}/${id} ${method} ${JSON.stringify(args)}`)
    return { operation: 'i1.9' }
  }
  const quotas = { take: async () => ({ number: 1, confirm: () => {}, doubt: () => {} }) }
  const images = createImages({ views, call, quotas, builtIn: () => [FAKE_IMAGE, PROCESS_IMAGE] })
  const requests = instanceRequests({
    quotas,
    views,
    call,
    bootable: images.bootable,
    async get<T>(table: ViewTable, id: string, what: string) {
      const row = await views.get(table, id)
      if (!row) throw new BatonError('NotFound', `there is no ${what} ${id}`)
      return row.body as T
    },
  })
  return { views, call, calls, images, requests, storage: createStorage({ views, call }), disks: diskRequests({ views, call }) }
}

const imageRow = (id: string, more: Partial<ImageBody> = {}) => {
  const body: ImageBody = { ...FAKE_IMAGE, id, name: id, project: 'p', hosts: ['h1'], instance: 'i1', ...more }
  const { status, instance, backupType } = body
  return { id, body, columns: { deleted: status === 'deleted', status, instance, backup_type: backupType } }
}

const diskRow = (id: string, more: Partial<DiskBody> = {}) => {
  const body: DiskBody = { id, sizeGb: 3, host: 'h1', status: 'available', instance: null, createdAt: 1, updatedAt: 1, ...more }
  return { id, body, columns: { deleted: body.status === 'deleted', instance: body.instance } }
}

const HOST = { id: 'h1', body: { id: 'h1', driver: 'fake' } }
const INSTANCE = { id: 'i1', body: instanceIn('active').body() ?? {} }

const ids = (images: readonly ImageBody[]): string[] => images.map(i => i.id)

test('the list: those made here, then those that come with Baton, over any pages; deleted ones are not shown', async () => {
  const { images } = cluster({ image: [imageRow('b'), imageRow('gone', { status: 'deleted' }), imageRow('a')] })
  const all = ['b', 'a', FAKE_IMAGE.id, PROCESS_IMAGE.id]
  assert.equal(ids(await images.requests.listImages({})), all)
  for (const limit of [1, 2, 3]) {
    const found: string[] = []
    for (let page = await images.requests.listImages({ limit }); page.length > 0; ) {
      found.push(...ids(page))
      page = await images.requests.listImages({ limit, marker: page.at(-1)?.id ?? '' })
    }
    assert.equal(found, all, `pages of ${limit}`)
  }
  await rejectsWith('NotFound', images.requests.getImage({ id: 'gone' }))
  await rejectsWith('BadRequest', images.requests.listImages({ marker: 'nope' }))
})

test('an image is deleted by its actor; one that comes with Baton is not; one that is not there is not found', async () => {
  const { images, calls } = cluster({ image: [imageRow('a')] })
  await images.requests.deleteImage({ id: 'a' })
  assert.equal(calls, ['image/a delete {}'])
  await rejectsWith('Forbidden', images.requests.deleteImage({ id: FAKE_IMAGE.id }))
  await rejectsWith('NotFound', images.requests.deleteImage({ id: 'nope' }))
})

test('only what is active can be booted', async () => {
  const failed = { code: 'DriverFault', message: 'the disk was full' } as const
  const { images } = cluster({ image: [imageRow('a'), imageRow('q', { status: 'queued' }), imageRow('e', { status: 'error', fault: failed })] })
  assert.is((await images.bootable('a')).id, 'a')
  await rejectsWith('Conflict', images.bootable('q'))
  await rejectsWith('Conflict', images.bootable('e'))
  await rejectsWith('NotFound', images.bootable('nope'))
})

test('rotation deletes the oldest of the series beyond those to keep, and nothing else', async () => {
  const daily = { backupType: 'daily' }
  const rows = [
    ...['d4', 'd3', 'd2', 'd1'].map(id => imageRow(id, daily)),
    imageRow('weekly', { backupType: 'weekly' }),
    imageRow('other', { ...daily, instance: 'i2' }),
    imageRow('half', { ...daily, status: 'queued' }),
  ]
  for (const [keep, deleted] of [
    [2, ['d1', 'd2']],
    [4, []],
    [0, ['d1', 'd2', 'd3', 'd4']],
  ] as const) {
    const { storage, calls } = cluster({ image: rows })
    assert.equal(await storage('rotate', { instance: 'i1', backupType: 'daily', keep }), { deleted: deleted.length })
    assert.equal(
      calls,
      deleted.map(id => `image/${id} delete {}`),
    )
  }
})

test('all disks of an instance are given back; bad requests to storage are refused', async () => {
  const { storage, calls } = cluster({ disk: [diskRow('a', { instance: 'i1' }), diskRow('b', { instance: 'i2' })] })
  assert.equal(await storage('releaseDisks', { instance: 'i1', order: 5 }), { released: 1 })
  assert.equal(calls, ['disk/a release {"instance":"i1","order":5}'])
  await rejectsWith('BadRequest', storage('rotate', { instance: 'i1', backupType: 'daily', keep: -1 }))
  await rejectsWith('UnknownMethod', storage('format', {}))
})

const act = (more: Partial<ActOnInstance>): ActOnInstance => ({ id: 'i1', action: 'attach-disk', requestId: 'r', ...more })

test('a disk that is there is attached with its own size, and refused at once when it cannot be', async () => {
  const rows = {
    host: [HOST],
    instance: [INSTANCE],
    disk: [diskRow('free'), diskRow('taken', { instance: 'i2' }), diskRow('far', { host: 'h2' }), diskRow('gone', { status: 'deleted' })],
  }
  const { requests, calls } = cluster(rows)
  await requests.actOnInstance(act({ disk: { id: 'free' } }))
  assert.match(calls.at(-1) ?? '', '"disk":{"id":"free","sizeGb":3}')
  await requests.actOnInstance(act({ disk: { id: 'new', sizeGb: 8 } }))
  assert.match(calls.at(-1) ?? '', '"disk":{"id":"new","sizeGb":8}')
  for (const disk of [{ id: 'taken' }, { id: 'far' }, { id: 'free', sizeGb: 4 }]) {
    const before = calls.length
    await rejectsWith('Conflict', requests.actOnInstance(act({ disk })))
    assert.match(calls.slice(before).join('\n'), /^instance\/i1 decline [^\n]*$/, 'its instance hears that it was refused, and nobody else of it')
  }
})

test('what an action says beside its name must belong to it, and what it needs must be said', async () => {
  const { requests, calls } = cluster({ host: [HOST], instance: [INSTANCE] })
  const snapshot = { image: 'm1', name: 's', properties: {} }
  const bad: Partial<ActOnInstance>[] = [
    { action: 'attach-disk' },
    { action: 'detach-interface' },
    { action: 'snapshot' },
    { action: 'resize' },
    { action: 'stop', disk: { id: 'd' } },
    { action: 'stop', flavor: 'tiny' },
    { action: 'stop', image: FAKE_IMAGE.id },
    { action: 'stop', host: 'h1' },
    { action: 'backup', snapshot },
    { action: 'snapshot', snapshot: { ...snapshot, backupType: 'daily', rotation: 1 } },
  ]
  for (const more of bad) await rejectsWith('BadRequest', requests.actOnInstance(act(more)))
  assert.equal(calls, [])
})

test('a snapshot says what it is of, beside what its owner says, and its image is told of before the request is answered', async () => {
  const { requests, calls } = cluster({ host: [HOST], instance: [INSTANCE] })
  const properties = { os: 'linux', instance_uuid: 'a lie' }
  const snapshot = { image: 'm1', name: 's', properties, backupType: 'daily', rotation: 3 }
  await requests.actOnInstance(act({ action: 'backup', snapshot }))
  const sent = JSON.parse((calls.at(-2) ?? '').replace('instance/i1 act ', ''))
  assert.is(sent.change.snapshot.driver, 'fake')
  const about = { image_type: 'backup', instance_uuid: 'i1', base_image_ref: 'img', backup_type: 'daily' }
  assert.equal(sent.change.snapshot.properties, { os: 'linux', ...about })
  const told = JSON.parse((calls.at(-1) ?? '').replace('image/m1 create ', ''))
  const { project, host } = INSTANCE.body as InstanceBody
  const whose = { project, host, instance: 'i1', operation: 'i1.9' }
  assert.equal(told, { name: 's', driver: 'fake', backupType: 'daily', properties: { os: 'linux', ...about }, ...whose })
  const before = calls.length
  await requests.actOnInstance(act({ action: 'backup', snapshot: { ...snapshot, rotation: 0 } }))
  assert.is(calls.length, before + 1, 'a backup of which none are kept has no image')
})

test('an image boots only where it is and where its driver runs', async () => {
  const rows = { host: [HOST], instance: [INSTANCE], image: [imageRow('here'), imageRow('far', { hosts: ['h2'] })] }
  const { requests, calls } = cluster(rows)
  await requests.actOnInstance(act({ action: 'rescue', image: 'here' }))
  await requests.actOnInstance(act({ action: 'rebuild', image: 'here' }))
  assert.is(calls.length, 2)
  await rejectsWith('Conflict', requests.actOnInstance(act({ action: 'rebuild', image: 'far' })))
  await rejectsWith('BadRequest', requests.actOnInstance(act({ action: 'rebuild', image: PROCESS_IMAGE.id })))
  await rejectsWith('NotFound', requests.actOnInstance(act({ action: 'rescue', image: 'nope' })))
})

test('disks are listed, shown and deleted', async () => {
  const { disks, calls } = cluster({ disk: [diskRow('a', { instance: 'i1' }), diskRow('b'), diskRow('gone', { status: 'deleted' })] })
  assert.equal(
    (await disks.listDisks({})).map(d => d.id),
    ['a', 'b'],
  )
  assert.equal(
    (await disks.listDisks({ instance: 'i1' })).map(d => d.id),
    ['a'],
  )
  await rejectsWith('NotFound', disks.getDisk({ id: 'gone' }))
  await disks.deleteDisk({ id: 'b' })
  assert.equal(calls, ['disk/b delete {}'])
})

test('disks that go with their instance are removed with it, the others are given back', async () => {
  const { storage, calls } = cluster({ disk: [diskRow('d1', { instance: 'i1' }), diskRow('d2', { instance: 'i1' })] })
  assert.equal(await storage('releaseDisks', { instance: 'i1', order: 7, remove: ['d2'] }), { released: 2 })
  assert.equal(calls, ['disk/d1 release {"instance":"i1","order":7}', 'disk/d2 release {"instance":"i1","order":7,"remove":true}'])
})

test('a disk of another project is not there for an attach', async () => {
  const { requests } = cluster({
    disk: [diskRow('d1', { project: 'q' })],
    instance: [{ id: 'i1', body: instanceIn('active').body() ?? {} }],
  })
  const attach = requests.actOnInstance({ id: 'i1', action: 'attach-disk', disk: { id: 'd1' }, requestId: 'req-1' })
  await rejectsWith('NotFound', attach)
})

test.run()
