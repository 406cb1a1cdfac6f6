/** What an image says that it needs is asked before an instance is made of it, made anew or given another size. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ActOnInstance, ImageBody } from '../../actors/api.ts'
import { FAKE_IMAGE, QEMU_IMAGE } from '../../actors/hypervisor/drivers/images.ts'
import type { ViewTable } from '../../actors/kernel/define.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import type { Views } from '../../actors/kernel/ports.ts'
import { checkFits } from '../../supervisors/images/fits.ts'
import { createImages } from '../../supervisors/images/requests.ts'
import { instanceCreation } from '../../supervisors/requests/instance-creation.ts'
import { instanceRequests } from '../../supervisors/requests/instance-requests.ts'
import { instanceIn } from '../support/instance.ts'
import { rejectsWith } from './persistence-fixtures.ts'

const flavor = (name: string, ramMb: number, diskGb: number) => ({ id: name, name, vcpus: 1, ramMb, diskGb })
const BIG: ImageBody = { ...FAKE_IMAGE, id: 'big', name: 'big', minRamMb: 1024, minDiskGb: 10 }

/** One active instance of `image`; every command to an actor is noted. */
function cluster(image: string, images: readonly ImageBody[] = [BIG]) {
  const told: string[] = []
  const args: unknown[] = []
  const abouts: unknown[] = []
  const flavors = [flavor('tiny', 64, 1), flavor('large', 1024, 10)]
  const rows: Record<string, object> = Object.fromEntries(images.map(body => [`image/${body.id}`, body]))
  rows['instance/i1'] = { ...instanceIn('active').body(), image, host: null }
  const views: Views = {
    get: async (table, id) => (rows[`${table}/${id}`] ? { table, id, columns: {}, body: rows[`${table}/${id}`] ?? {} } : null),
    list: async () => [],
    count: async () => 0,
    countBy: async () => new Map(),
  }
  const call = async (kind: string, id: string, method: string, given: unknown) => {
    if (kind === 'flavor') return flavors.find(each => each.id === id)
    const { about, change } = given as { about?: unknown; change?: { about?: unknown } }
    abouts.push(about ?? change?.about)
    told.push(`${kind}/${id} ${method}`)
    args.push(given)
    return { operation: 'i1.9' }
  }
  const quotas = { take: async () => ({ number: 1, confirm: () => {}, doubt: () => {} }) }
  const { bootable } = createImages({ views, call, quotas, builtIn: () => [FAKE_IMAGE] })
  async function get<T>(table: ViewTable, id: string, what: string) {
    const row = await views.get(table, id)
    if (!row) throw new BatonError('NotFound', `there is no ${what} ${id}`)
    return row.body as T
  }
  const create = instanceCreation({ call, bootable, checkPlacement: async () => {}, quotas })
  const common = { name: 'n', project: 'p', metadata: {}, reservation: 'r', requestId: 'req', repeatable: true }
  return {
    told,
    args,
    abouts,
    create: (of: string, as: string) => create({ ...common, ids: ['i2'], image: of, flavor: as }),
    act: (asked: Partial<ActOnInstance> & Pick<ActOnInstance, 'action'>) =>
      instanceRequests({ call, bootable, views, get, quotas }).actOnInstance({ id: 'i1', requestId: 'req', ...asked }),
  }
}

test('exactly enough is enough, and a flavor of 0 GB promises nothing about the disk', () => {
  checkFits(BIG, flavor('enough', 1024, 10))
  checkFits(BIG, flavor('no disk of its own', 1024, 0))
  checkFits({ id: 'asks nothing' }, flavor('tiny', 64, 1))
  assert.throws(() => checkFits(BIG, flavor('a', 1023, 10)), /flavor a has 1023 MB of memory, and image big needs 1024/)
  assert.throws(() => checkFits(BIG, flavor('b', 1024, 9)), /flavor b has a disk of 9 GB, and image big needs 10/)
})

test('a create, a rebuild and a rescue with too small a flavor are refused, and nothing but that is written', async () => {
  const { told, create, act } = cluster(FAKE_IMAGE.id)
  await rejectsWith('BadRequest', create('big', 'tiny'))
  await rejectsWith('BadRequest', act({ action: 'rebuild', image: 'big' }))
  await rejectsWith('BadRequest', act({ action: 'rescue', image: 'big' }))
  assert.equal(told, ['instance/i1 decline', 'instance/i1 decline'])
  await create('big', 'large')
  await act({ action: 'rebuild', image: FAKE_IMAGE.id })
  assert.equal(told.slice(2), ['instance/i2 create', 'instance/i1 act'])
})

test('how a guest learns who it is goes with its image, at its creation and when it is made anew', async () => {
  const seeded: ImageBody = { ...FAKE_IMAGE, id: 'seeded', properties: { baton_config_drive: 'nocloud' } }
  const { abouts, create, act } = cluster(FAKE_IMAGE.id, [seeded, { ...seeded, id: 'odd', properties: { baton_config_drive: 'tape' } }])
  await create('seeded', 'tiny')
  await act({ action: 'rebuild', image: 'seeded', about: { hostname: 'h' } })
  await act({ action: 'rebuild', image: FAKE_IMAGE.id })
  assert.equal(abouts, [{ drive: 'nocloud' }, { hostname: 'h', drive: 'nocloud' }, undefined])
  await rejectsWith('BadRequest', create('odd', 'tiny'))
})

test('a resize below what the image needs is refused, unless the image is gone', async () => {
  const { told, act } = cluster('big')
  await rejectsWith('BadRequest', act({ action: 'resize', flavor: 'tiny' }))
  assert.equal(told, ['instance/i1 decline'])
  await act({ action: 'resize', flavor: 'large' })
  await cluster('big', [{ ...BIG, status: 'deleted' }]).act({ action: 'resize', flavor: 'tiny' })
  await cluster('big', []).act({ action: 'resize', flavor: 'tiny' })
  await rejectsWith('BadRequest', cluster(QEMU_IMAGE.id, []).act({ action: 'resize', flavor: 'tiny' }))
})

test('a snapshot is started by the kernel of its image, and waited for as that is', async () => {
  const { act, args } = cluster(QEMU_IMAGE.id)
  await act({ action: 'snapshot', snapshot: { image: 's1', name: 's', properties: { own: 'yes', baton_agent_timeout_s: '9' } } })
  const { properties } = (args[0] as { change: { snapshot: { properties: Record<string, string> } } }).change.snapshot
  const { baton_agent, baton_agent_timeout_s, kernel_id, base_image_ref, own } = properties
  assert.equal([baton_agent, baton_agent_timeout_s, kernel_id, base_image_ref, own], ['required', '9', QEMU_IMAGE.id, QEMU_IMAGE.id, 'yes'])
})

test.run()
