/** How the hypervisor actor serves live migration: what it checks, what it refuses, and that a look at a transfer holds nobody up. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createFakeDriver } from '../../actors/hypervisor/drivers/fake.ts'
import { FAKE_IMAGE } from '../../actors/hypervisor/drivers/images.ts'
import type { FakeGuest } from '../../actors/hypervisor/drivers/records.ts'
import { memoryStore } from '../../actors/hypervisor/drivers/store.ts'
import { createHypervisor } from '../../actors/hypervisor/hypervisor.ts'
import { realEnv, rejects, specOf } from '../support/driver-contract.ts'

const A = 'aaaaaaaa-0000-4000-8000-000000000001'
const CAPACITY = { vcpus: 8, ramMb: 8192, diskGb: 100 }

async function hypervisor(options: { migrates?: boolean; metadata?: Record<string, string> } = {}) {
  const { migration, ...rest } = createFakeDriver(realEnv, memoryStore<FakeGuest>(), { capacity: CAPACITY })
  const driver = options.migrates === false || !migration ? rest : { ...rest, migration }
  let tail: Promise<unknown> = Promise.resolve()
  const served = createHypervisor({
    env: realEnv,
    driver,
    perGuest(_, task) {
      const mine = tail.then(task)
      tail = mine.catch(() => {})
      return mine
    },
  })
  let order = 10
  const serve = (method: string, more: object = {}) => served.serve(method, { instance: A, order: ++order, ...more })
  await serve('spawn', { spec: specOf(A, FAKE_IMAGE.id, { metadata: options.metadata ?? {} }) })
  return { serve, served }
}

test('a driver that cannot says so, and what to do instead; there is nothing to take back', async () => {
  const { serve } = await hypervisor({ migrates: false })
  const cannot = /cannot live-migrate a guest; migrate it cold instead: `baton instance migrate`/
  await rejects('DriverUnsupported', serve('checkMigration', { blockMigration: 'auto' }), cannot)
  await rejects('DriverUnsupported', serve('migrationProgress', { waitMs: 10, force: false }))
  assert.is(await serve('cancelOutgoing'), null)
})

test('it answers with its driver, and takes no guest of another', async () => {
  const { serve } = await hypervisor()
  assert.equal(await serve('checkMigration', { blockMigration: 'auto' }), { driver: 'fake', copyDisk: false })
  const spec = specOf(A, FAKE_IMAGE.id)
  await rejects('DriverUnsupported', serve('prepareIncoming', { spec, driver: 'process', copyDisk: false }), /guest of the process driver/)
})

test('arguments are checked at the door', async () => {
  const { serve } = await hypervisor()
  for (const [method, args] of [
    ['checkMigration', { blockMigration: 'perhaps' }],
    ['prepareIncoming', { driver: 'fake', copyDisk: false }],
    ['prepareIncoming', { spec: specOf(A, FAKE_IMAGE.id), driver: 'fake' }],
    ['migrateOut', { copyDisk: 1 }],
    ['migrationProgress', { waitMs: 60_000, force: false }],
    ['migrationProgress', { waitMs: 10 }],
  ] as const) {
    await rejects('BadRequest', serve(method, args))
  }
})

test('a look at a transfer that never ends holds no command up; a cancel ends it', async () => {
  const { serve, served } = await hypervisor({ metadata: { 'fake:migrate_bytes_per_s': '1000', 'fake:dirty_bytes_per_s': '1000' } })
  await serve('migrateOut', { to: null, copyDisk: false })
  const look = serve('migrationProgress', { waitMs: 500, force: false })
  await serve('cancelOutgoing')
  assert.is(served.stats().waiting, 0)
  await rejects('DriverFault', serve('migrationProgress', { waitMs: 10, force: false }), /not being sent/)
  look.catch(() => {})
})

test('forced, a look pauses the guest first; told twice, it does so once', async () => {
  const { serve, served } = await hypervisor({ metadata: { 'fake:dirty_bytes_per_s': String(2 ** 40) } })
  await serve('migrateOut', { to: null, copyDisk: false })
  const look = { waitMs: 10, force: true }
  await serve('migrationProgress', look)
  assert.is((await served.report())[0]?.power, 'paused')
  const { converged } = (await serve('migrationProgress', { waitMs: 5000, force: true })) as { converged: boolean }
  assert.ok(converged)
})

test.run()
