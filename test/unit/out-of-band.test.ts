/** How the watchdog stops a guest of the fake driver while its agent stands still anywhere in a command. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createFakeDriver } from '../../actors/hypervisor/drivers/fake.ts'
import { folderStore } from '../../actors/hypervisor/drivers/folder-store.ts'
import { FAKE_IMAGE } from '../../actors/hypervisor/drivers/images.ts'
import { openOutOfBand } from '../../actors/hypervisor/drivers/out-of-band.ts'
import { type FakeGuest, FakeGuestSchema, parseWith } from '../../actors/hypervisor/drivers/records.ts'
import type { Permit } from '../../actors/hypervisor/lease.ts'
import { realEnv } from '../../supervisors/real-env.ts'

const env = realEnv('test', 'silent')
const ID = 'b104b84f-91d6-45a4-9efd-cb15543faf45'
const SPEC = { instance: ID, name: 'vm', vcpus: 1, ramMb: 64, diskGb: 1, image: FAKE_IMAGE.id, metadata: {} }

async function withHost(
  body: (host: { agent(permit?: Permit): ReturnType<typeof createFakeDriver>; power(): Promise<string>; stop(): Promise<boolean> }) => Promise<void>,
) {
  const folder = mkdtempSync(join(tmpdir(), 'baton-oob-'))
  const store = () => folderStore<FakeGuest>({ folder: join(folder, 'fake'), parse: parseWith(FakeGuestSchema), onUnreadable: () => {} })
  const stop = await openOutOfBand(env, { driver: 'fake', folder, hierarchies: [] })
  try {
    await body({
      agent: (permit = () => {}) => createFakeDriver(env, store(), { capacity: { vcpus: 1, ramMb: 64, diskGb: 1 }, lease: { permit: () => permit } }),
      power: async () => (await store().load()).guests[0]?.power ?? 'gone',
      stop: () => stop(ID),
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test('a running guest is stopped once; one that is off or not there is left alone', () =>
  withHost(async ({ agent, power, stop }) => {
    assert.not(await stop())
    await agent().spawn(SPEC, 1)
    assert.is(await power(), 'running')
    assert.ok(await stop())
    assert.is(await power(), 'shutdown')
    assert.not(await stop())
  }))

test('an agent that slept behind its permit starts nothing: what it had begun is gone', () =>
  withHost(async ({ agent, power, stop }) => {
    await agent().spawn(SPEC, 1)
    // All that the watchdog does happens while the agent stands at its permit.
    let asleep: Promise<boolean> | null = null
    const sleeper = agent(() => {
      asleep ??= stop()
    })
    const fault = await sleeper.reboot(ID, 2, 'hard').then(
      () => 'it was started',
      error => String(error.code ?? error),
    )
    assert.is(fault, 'LeaseExpired')
    assert.ok(await asleep)
    assert.is(await power(), 'shutdown')
    await agent().reboot(ID, 3, 'hard')
    assert.is(await power(), 'running', 'the next command may')
  }))

test('what an agent still remembers as running it learns to be off', () =>
  withHost(async ({ agent, stop }) => {
    const driver = agent()
    await driver.spawn(SPEC, 1)
    await stop()
    assert.is((await driver.list())[0]?.power, 'running', 'it has not looked')
    await driver.lapsed?.(ID)
    assert.is((await driver.list())[0]?.power, 'shutdown')
  }))

test.run()
