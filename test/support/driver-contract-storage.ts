/** The part of the drivers' contract about images and devices, for those drivers that have them. */
import * as assert from 'uvu/assert'
import type { Devices, HypervisorDriver } from '../../actors/hypervisor/driver.ts'
import { type Check, type DriverBench, guestIn, rejects, specOf } from './driver-contract.ts'

const A = 'aaaaaaaa-0000-4000-8000-000000000001'
const B = 'bbbbbbbb-0000-4000-8000-000000000002'
const IMAGE = '11111111-0000-4000-8000-000000000001'

const withDisk = (id: string): Devices => ({ disks: [{ id, sizeGb: 2, device: '/dev/vdb' }], interfaces: [] })
const PORT: Devices = { disks: [], interfaces: [{ id: 'p1', network: 'local', mac: '02:00:00:00:00:01' }] }
const NONE: Devices = { disks: [], interfaces: [] }

const effects = async (bench: DriverBench) => (await bench.history()).map(({ method, order }) => `${method} ${order}`)

/** Calls an optional method that a test has looked for before. */
const setDevices = (driver: HypervisorDriver, instance: string, order: number, devices: Devices) =>
  driver.setDevices?.(instance, order, devices) ?? Promise.reject(new Error('not there'))
const snapshot = (driver: HypervisorDriver, order: number, image = IMAGE) =>
  driver.snapshot?.(A, order, image) ?? Promise.reject(new Error('not there'))

export function registerStorage(check: Check): void {
  check('copies a disk once per order; what is built from the copy has what was on it', async (driver, bench) => {
    if (!(await bench.open()).snapshot) return
    await driver.spawn(specOf(A, bench.image), 1)
    const first = await snapshot(driver, 2)
    assert.ok(first.sizeBytes > 0)
    assert.equal(await snapshot(driver, 2), first, 'told twice, it answers the same')
    assert.equal(await guestIn(driver, A), { instance: A, power: 'running', order: 2 })
    await driver.spawn(specOf(B, IMAGE), 1)
    const console = await driver.consoleLog(B, 10_000)
    if (!bench.leaves?.includes('lineage')) assert.match(console, new RegExp(`${A}.*${B}`), 'the disk says whose it was before')
    assert.equal(await effects(bench), ['spawn 1', 'snapshot 2', 'spawn 1'])
    await rejects('DriverFault', driver.snapshot?.('cc', 1, IMAGE) ?? Promise.resolve(), /no guest/)
  })

  check('a snapshot outlives its guest, boots a rescue and a rebuild, and goes when it is removed', async (driver, bench) => {
    if (!(await bench.open()).snapshot) return
    await driver.spawn(specOf(A, bench.image), 1)
    await snapshot(driver, 2)
    await driver.destroy(A, 3)
    await driver.spawn(specOf(B, bench.image), 1)
    await driver.rescue?.(B, 2, IMAGE)
    await driver.unrescue?.(B, 3, true)
    await driver.rebuild?.(specOf(B, IMAGE), 4, true)
    if (!bench.leaves?.includes('lineage')) assert.match(await driver.consoleLog(B, 10_000), new RegExp(`disk: .*${A} > .*${B}`))
    for (const _ of [1, 2]) await driver.removeImage?.(IMAGE)
    await rejects('DriverFault', driver.rebuild?.(specOf(B, IMAGE), 5, true) ?? Promise.resolve(), /not on this host/)
    await rejects('DriverFault', driver.spawn(specOf(A, IMAGE), 6), /not on this host/)
    await rejects('DriverFault', driver.rescue?.(B, 7, IMAGE) ?? Promise.resolve(), /not on this host/)
  })

  check('a snapshot taken back does not come again when an older command comes late', async (driver, bench) => {
    if (!(await bench.open()).discardSnapshot) return
    await driver.spawn(specOf(A, bench.image), 1)
    await snapshot(driver, 2)
    for (const _ of [1, 2]) await driver.discardSnapshot?.(A, 3, IMAGE)
    await rejects('StaleCommand', snapshot(driver, 2))
    await rejects('DriverFault', driver.spawn(specOf(B, IMAGE), 1), /not on this host/)
    await driver.discardSnapshot?.(B, 9, IMAGE)
    await snapshot(driver, 4)
    await driver.spawn(specOf(B, IMAGE), 1)
  })

  check('plugs and unplugs what it is told, once per order, running or not', async (driver, bench) => {
    if (!(await bench.open()).setDevices) return
    await driver.spawn(specOf(A, bench.image), 1)
    for (const _ of [1, 2]) await setDevices(driver, A, 2, withDisk('d1'))
    await driver.stop(A, 3, 100)
    await setDevices(driver, A, 4, PORT)
    await setDevices(driver, A, 5, PORT)
    assert.equal(await guestIn(driver, A), { instance: A, power: 'shutdown', order: 5 })
    assert.equal(await effects(bench), ['spawn 1', 'setDevices 2', 'stop 3', 'setDevices 4'])
    const console = await driver.consoleLog(A, 10_000)
    for (const line of ['d1: plugged in', 'd1: unplugged', 'p1: plugged in']) assert.match(console, line)
    await rejects('StaleCommand', setDevices(driver, A, 2, withDisk('d1')))
    await rejects('DriverFault', setDevices(driver, B, 1, PORT), /no guest/)
  })

  check('a disk is in one guest at a time, and stays when its guest goes', async (driver, bench) => {
    if (!(await bench.open()).setDevices) return
    await driver.spawn(specOf(A, bench.image), 1)
    await driver.spawn(specOf(B, bench.image), 1)
    await setDevices(driver, A, 2, withDisk('d1'))
    await rejects('DriverFault', setDevices(driver, B, 2, withDisk('d1')), /plugged into guest a/)
    await driver.rebuild?.(specOf(A, bench.image, { devices: withDisk('d1') }), 3, true)
    await rejects('DriverFault', setDevices(driver, B, 2, withDisk('d1')), /plugged into guest a/)
    await driver.destroy(A, 4)
    await setDevices(driver, B, 2, withDisk('d1'))
    await setDevices(driver, B, 3, NONE)
    for (const _ of [1, 2]) await driver.removeDisk?.('d1')
  })

  check('refuses ids of images and disks that could be paths', async (driver, bench) => {
    const probe = await bench.open()
    if (!probe.removeImage || !probe.setDevices) return
    await driver.spawn(specOf(A, bench.image), 1)
    for (const id of ['', '.', '..', '../x', 'a/b', '-rf', 'a'.repeat(65), 'a\n', 'a\0']) {
      await rejects('DriverFault', driver.removeImage?.(id) ?? Promise.resolve(), /no id/)
      await rejects('DriverFault', driver.removeDisk?.(id) ?? Promise.resolve(), /no id/)
      await rejects('DriverFault', snapshot(driver, 2, id), /no id/)
      await rejects('DriverFault', setDevices(driver, A, 2, withDisk(id)), /no id/)
    }
    assert.equal(await effects(bench), ['spawn 1'])
  })
}
