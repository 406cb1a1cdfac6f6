/** Which driver a host gets, and the images that come with each. */
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { chooseDriver, FAKE_CAPACITY } from '../../actors/hypervisor/drivers/choose.ts'
import { BUILT_IN_IMAGES, PROCESS_IMAGE } from '../../actors/hypervisor/drivers/images.ts'
import { BUILT_IN_INIT } from '../../actors/hypervisor/drivers/process/launch.ts'
import { findTools } from '../../actors/hypervisor/drivers/qemu/tools.ts'
import { realEnv, rejects } from '../support/driver-contract.ts'
import { canRunProcesses } from '../support/driver-process-bench.ts'

async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'baton-choose-'))
  try {
    await use(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Runs as if on a system where the process driver does not work. */
async function elsewhere(use: () => Promise<void>): Promise<void> {
  const platform = Object.getOwnPropertyDescriptor(process, 'platform')
  if (!platform) throw new Error('no platform')
  Object.defineProperty(process, 'platform', { ...platform, value: 'sunos' })
  try {
    await use()
  } finally {
    Object.defineProperty(process, 'platform', platform)
  }
}

test('auto takes the process driver where it works, and says what it found', () =>
  inFolder(async folder => {
    if (!(await canRunProcesses())) return
    const { driver, because } = await chooseDriver('auto', realEnv, { folder })
    assert.is(driver.name, 'process')
    assert.match(because, /^process: the best that works here, with (no )?namespaces/)
    const { vcpus, ramMb, diskGb, details } = await driver.inventory()
    assert.ok(Number.isInteger(vcpus) && Number.isInteger(ramMb) && Number.isInteger(diskGb) && vcpus > 0 && ramMb > 100)
    assert.ok(Array.isArray(details.namespaces) && details.pause && details.memoryLimit)
    assert.equal(await driver.list(), [])
    assert.equal(await readdir(folder), ['process'])
  }))

test('auto falls back to the fake one and says why; process then is refused', () =>
  inFolder(folder =>
    elsewhere(async () => {
      const { driver, because } = await chooseDriver('auto', realEnv, { folder })
      assert.is(driver.name, 'fake')
      assert.is(because, 'fake: the process driver needs Linux; this is sunos')
      await rejects('DriverUnsupported', chooseDriver('process', realEnv, { folder }), /needs Linux/)
    }),
  ))

test('qemu when asked for: with a word on the processor, or refused with what to install', () =>
  inFolder(async folder => {
    const found = await findTools(realEnv).catch(() => null)
    if (!found) return rejects('DriverUnsupported', chooseDriver('qemu', realEnv, { folder }), /apt install qemu-system-x86 qemu-utils|or newer/)
    const { driver, because } = await chooseDriver('qemu', realEnv, { folder })
    assert.is(driver.name, 'qemu')
    assert.match(because, /^qemu: asked for, QEMU \d+\.\d+ with (TCG|KVM): /)
    await rejects('DriverUnsupported', findTools(realEnv, folder), /needs qemu-system-x86_64, which is not here; on Debian: apt install/)
    await driver.close()
  }))

test('the fake driver when asked for, with the capacity it is given or plenty', () =>
  inFolder(async folder => {
    const plenty = await chooseDriver('fake', realEnv, { folder })
    assert.is(plenty.because, 'fake: asked for')
    assert.is((await plenty.driver.inventory()).vcpus, FAKE_CAPACITY.vcpus)
    const { driver } = await chooseDriver('fake', realEnv, { folder, capacity: { vcpus: 3, ramMb: 4, diskGb: 5 } })
    const { vcpus, ramMb, diskGb } = await driver.inventory()
    assert.equal({ vcpus, ramMb, diskGb }, { vcpus: 3, ramMb: 4, diskGb: 5 })
  }))

test('one image per driver, of the size it really has', async () => {
  assert.equal(
    BUILT_IN_IMAGES.map(({ name, driver }) => `${name} for ${driver}`),
    ['fake-image for fake', 'process-image for process', 'qemu-image for qemu'],
  )
  assert.is(new Set(BUILT_IN_IMAGES.map(image => image.id)).size, 3)
  assert.is(PROCESS_IMAGE.sizeBytes, (await stat(BUILT_IN_INIT)).size)
})

test.run()
