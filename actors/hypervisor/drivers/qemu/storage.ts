/** Disks of guests of QEMU, the images made of them, and what is plugged in while they run. */
import { access, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Json } from '../../../kernel/define.ts'
import { type Env, minutes } from '../../../kernel/env.ts'
import { BatonError } from '../../../kernel/errors.ts'
import type { AttachedDisk, Devices, GuestSpec } from '../../driver.ts'
import { checkBlobId } from '../blobs.ts'
import { until } from '../process/wait.ts'
import type { QemuGuest } from '../records.ts'
import type { Bases } from './bases.ts'
import { deviceOf, diskDevice, diskFile, diskNode, FILES, netOf, nicBackend, nicDevice, nodeOf, type Root, type Slots } from './command-line.ts'
import { giveTo } from './guest-files.ts'
import type { Qmp } from './qmp.ts'
import type { Runs } from './runs.ts'
import type { SharedDisks } from './shared.ts'
import type { Img, User } from './tools.ts'
import { isObject } from './wire.ts'

const GB = 1024 ** 3
const POLL_MS = 50
const BACKUP_MS = minutes(60)
/** A guest lets go of a device when it wants to; one that is not up yet does not. */
const UNPLUG_MS = 10_000
const SNAPSHOT = 'snapshot.qcow2'

export interface StorageOptions {
  readonly env: Env
  readonly folder: string
  readonly user: User | null
  readonly runs: Runs
  readonly bases: Bases
  readonly img: Img
  /** Null: the disks of guests are files of this host. */
  readonly shared: SharedDisks | null
}

export interface Storage {
  /** A new disk for a guest to boot from, in place of any that was there; answers with what it has become. */
  makeRoot(spec: GuestSpec, root: Root, virtualBytes: number): Promise<Pick<QemuGuest, 'root' | 'shared'>>
  /** Where the guest's own disk is; relative to its folder when it is a file of this host. */
  pathOf(guest: Pick<QemuGuest, 'shared'> & { readonly spec: Pick<GuestSpec, 'instance'> }): string
  /** A new disk in the guest's folder, in place of any that was there. Rejects `DriverFault` when the image is larger than the disk may be. */
  makeDisk(spec: GuestSpec, file: string, root: Root, virtualBytes: number): Promise<void>
  /** Makes the disks that are not there yet. */
  makeDisks(instance: string, devices: Devices): Promise<void>
  /** An empty disk of a guest, to be filled from elsewhere. */
  makeEmptyDisk(instance: string, bytes: number): Promise<void>
  /** Makes the guest's own disk as large as `spec` says, if it is smaller. The guest is off. Rejects `DriverFault` when it is larger. */
  grow(spec: GuestSpec, guest: QemuGuest): Promise<void>
  /** What the guest sees of its own disk. */
  diskBytesOf(guest: QemuGuest): Promise<number>
  removeDisk(disk: string): Promise<void>
  /** Plugs and unplugs what makes the difference, in a guest that runs. */
  change(guest: QemuGuest, devices: Devices, slots: Slots): Promise<void>
  /** Copies the guest's own disk into an image. Answers with its size. */
  snapshot(guest: QemuGuest, image: string, isOn: boolean): Promise<number>
}

/** Bytes of a guest's disk: what its flavor says, or as much as its image when that says nothing. Throws `DriverFault` when that does not fit. */
export function diskBytes({ diskGb, image }: Pick<GuestSpec, 'diskGb' | 'image'>, virtualBytes: number): number {
  if (diskGb === 0) return Math.max(virtualBytes, 1024 * 1024)
  if (virtualBytes > diskGb * GB) {
    const needs = Math.ceil(virtualBytes / GB)
    throw new BatonError('DriverFault', `image ${image} needs a disk of ${needs} GB and the flavor has ${diskGb} GB; take a larger flavor`)
  }
  return diskGb * GB
}

/** Throws `DriverFault` when a disk of so many bytes would have to shrink: what is at its end would be lost. */
export function checkGrows({ instance, diskGb }: Pick<GuestSpec, 'instance' | 'diskGb'>, bytes: number): void {
  if (diskGb === 0 || diskGb * GB >= bytes) return
  const hasGb = Math.ceil(bytes / GB)
  throw new BatonError('DriverFault', `the disk of guest ${instance} has ${hasGb} GB and cannot shrink to ${diskGb} GB; take a flavor with more`)
}

export function createStorage({ env, folder, user, runs, bases, img, shared }: StorageOptions): Storage {
  const fileOf = (disk: string): string => {
    checkBlobId(disk)
    return join(folder, diskFile(disk))
  }

  async function makeDisk(instance: string, file: string, args: readonly string[]): Promise<void> {
    const home = await runs.makeHome(instance)
    await rm(join(home, `${file}.part`), { force: true })
    // The size is given and the image was looked at: `-u` leaves it unopened.
    await img(home, 'create', '-q', '-u', '-f', 'qcow2', ...args.slice(0, -1), `${file}.part`, args.at(-1) ?? '0')
    await rename(join(home, `${file}.part`), join(home, file))
  }

  const makeOn = (instance: string, file: string, base: Root['base'], bytes: number): Promise<void> =>
    makeDisk(instance, file, [...(base ? ['-b', `../../${base.file}`, '-F', base.format] : []), `${bytes}`])

  async function plug(qmp: Qmp, disk: AttachedDisk, slots: Slots): Promise<void> {
    await qmp.execute('blockdev-add', diskNode(disk) as Record<string, Json>)
    try {
      await qmp.execute('device_add', diskDevice(disk, slots) as Record<string, Json>)
    } catch (error) {
      await qmp.execute('blockdev-del', { 'node-name': nodeOf(disk.id) }).catch(() => {})
      throw error
    }
  }

  /** Resolves when the guest has let go of it. Rejects `DriverFault` when it does not. */
  async function unplug(qmp: Qmp, id: string): Promise<void> {
    const device = deviceOf(id)
    let isGone = false
    const forget = qmp.onEvent(({ name, data }) => {
      if (name === 'DEVICE_DELETED' && data.device === device) isGone = true
    })
    try {
      await qmp.execute('device_del', { id: device })
      // A guest that did not hear of it is told again, as with the power button.
      const done = await until(env, UNPLUG_MS, POLL_MS, async () => isGone)
      if (!done)
        throw new BatonError('DriverFault', `the guest does not let go of ${id}: its system must be up to answer; try again, or stop it first`)
    } finally {
      forget()
    }
  }

  async function backup(qmp: Qmp, home: string, sizeBytes: number): Promise<void> {
    const node = 'snapshot'
    const failed: string[] = []
    let isDone = false
    const forget = qmp.onEvent(({ name, data }) => {
      if (data.device !== node) return
      if (name === 'BLOCK_JOB_COMPLETED' || name === 'BLOCK_JOB_CANCELLED') isDone = true
      if (name === 'BLOCK_JOB_COMPLETED' && typeof data.error === 'string') failed.push(data.error)
      if (name === 'BLOCK_JOB_CANCELLED') failed.push('it was cancelled')
    })
    try {
      await img(home, 'create', '-q', '-f', 'qcow2', SNAPSHOT, `${sizeBytes}`)
      // What an agent that died has left.
      await qmp.execute('block-job-cancel', { device: node, force: true }).catch(() => {})
      await qmp.execute('blockdev-del', { 'node-name': node }).catch(() => {})
      isDone = false
      failed.length = 0
      await qmp.execute('blockdev-add', { driver: 'qcow2', 'node-name': node, file: { driver: 'file', filename: SNAPSHOT } })
      await qmp.execute('blockdev-backup', { 'job-id': node, device: 'root', target: node, sync: 'full' })
      const ended = await until(env, BACKUP_MS, POLL_MS, async () => isDone || !qmp.isOpen())
      if (!ended || !isDone || failed.length > 0) {
        throw new BatonError('DriverFault', `the disk could not be copied: ${failed[0] ?? (ended ? 'the guest ended' : 'it took too long')}`)
      }
    } finally {
      forget()
      await qmp.execute('block-job-cancel', { device: node, force: true }).catch(() => {})
      await qmp.execute('blockdev-del', { 'node-name': node }).catch(() => {})
    }
  }

  const pathOf: Storage['pathOf'] = guest => (guest.shared && shared ? shared.pathOf(guest.spec.instance) : FILES.disk)

  async function diskBytesOf(guest: QemuGuest): Promise<number> {
    const { spec } = guest
    const info: unknown = JSON.parse(await img(runs.homeOf(spec.instance), 'info', '-U', '-f', 'qcow2', '--output=json', pathOf(guest)))
    const bytes = typeof info === 'object' && info !== null && 'virtual-size' in info ? Number(info['virtual-size']) : Number.NaN
    if (!Number.isSafeInteger(bytes)) throw new BatonError('DriverFault', `qemu-img does not say how large the disk of guest ${spec.instance} is`)
    return bytes
  }

  return {
    diskBytesOf,
    async grow(spec, guest) {
      const bytes = await diskBytesOf(guest)
      checkGrows(spec, bytes)
      if (spec.diskGb * GB > bytes) await img(runs.homeOf(spec.instance), 'resize', '-q', '-f', 'qcow2', pathOf(guest), `${spec.diskGb * GB}`)
    },
    makeEmptyDisk: (instance, bytes) => makeDisk(instance, FILES.disk, [`${bytes}`]),
    pathOf,
    async makeRoot(spec, root, virtualBytes) {
      const bytes = diskBytes(spec, virtualBytes)
      if (!shared) {
        await makeOn(spec.instance, FILES.disk, root.base, bytes)
        return { root }
      }
      await shared.make(spec.instance, await runs.makeHome(spec.instance), root, bytes)
      return { root: { base: null, kernel: root.kernel }, shared: true }
    },
    async makeDisk(spec, file, { base }, virtualBytes) {
      await makeOn(spec.instance, file, base, diskBytes(spec, virtualBytes))
    },
    async makeDisks(instance, { disks }) {
      for (const { id, sizeGb } of disks) {
        const there = await access(fileOf(id)).then(
          () => true,
          () => false,
        )
        if (there) continue
        await makeDisk(instance, 'new.qcow2', [`${sizeGb * GB}`])
        await rename(join(runs.homeOf(instance), 'new.qcow2'), fileOf(id))
        giveTo(fileOf(id), user)
      }
    },
    removeDisk: disk => rm(fileOf(disk), { force: true }),
    async change(guest, devices, slots) {
      const qmp = await runs.session(guest)
      const before = guest.spec.devices ?? { disks: [], interfaces: [] }
      const has = (list: readonly { readonly id: string }[], id: string): boolean => list.some(each => each.id === id)
      for (const { id } of before.disks.filter(d => !has(devices.disks, d.id))) {
        if (await isPlugged(qmp, id)) await unplug(qmp, id)
        await qmp.execute('blockdev-del', { 'node-name': nodeOf(id) }).catch(() => {})
      }
      for (const { id } of before.interfaces.filter(i => !has(devices.interfaces, i.id))) {
        if (await isPlugged(qmp, id)) await unplug(qmp, id)
        await qmp.execute('netdev_del', { id: netOf(id) }).catch(() => {})
      }
      // What an agent that died has plugged in already is left.
      for (const disk of devices.disks) if (!(await isPlugged(qmp, disk.id))) await plug(qmp, disk, slots)
      for (const nic of devices.interfaces) {
        if (await isPlugged(qmp, nic.id)) continue
        await qmp.execute('netdev_add', nicBackend(nic.id) as Record<string, Json>)
        await qmp.execute('device_add', nicDevice(nic, slots) as Record<string, Json>)
      }
    },
    async snapshot(guest, image, isOn) {
      const { instance } = guest.spec
      const home = runs.homeOf(instance)
      await rm(join(home, SNAPSHOT), { force: true })
      try {
        if (isOn) {
          await backup(await runs.session(guest), home, await diskBytesOf(guest))
        } else await img(home, 'convert', '-q', '-f', 'qcow2', '-O', 'qcow2', pathOf(guest), SNAPSHOT)
        return await bases.keep(image, join(home, SNAPSHOT), guest.root)
      } finally {
        await rm(join(home, SNAPSHOT), { force: true })
      }
    },
  }
}

async function isPlugged(qmp: Qmp, id: string): Promise<boolean> {
  const found = await qmp.execute('qom-list', { path: '/machine/peripheral' })
  return Array.isArray(found) && found.some(each => isObject(each) && each.name === deviceOf(id))
}
