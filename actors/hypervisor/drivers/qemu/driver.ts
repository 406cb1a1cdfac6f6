/**
 * A driver whose guests are virtual machines: one QEMU each. Guests outlive the agent; the next one finds them by what is on disk and in the
 * kernel, and asks each over its own control socket how it stands.
 *
 *     <folder>/guests/<instance>.json  run/<instance>/ (sockets, console, disk, config drive)  disks/  images/  bases/  history.log
 */

import { chmod, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Env } from '../../../kernel/env.ts'
import { BatonError } from '../../../kernel/errors.ts'
import { type Guest, type GuestSpec, type HypervisorDriver, type Inventory, NO_DEVICES, type PowerState } from '../../driver.ts'
import type { HostLease, Permit } from '../../lease.ts'
import { checkBlobId } from '../blobs.ts'
import { probeCgroups } from '../cgroup.ts'
import { folderStore } from '../folder-store.ts'
import { type Outcome, openLedger } from '../ledger.ts'
import { checkSize, machineInventory, machineUptimeS } from '../machine.ts'
import type { Cause } from '../process/runs.ts'
import { limiter } from '../queue.ts'
import { parseWith, type QemuGuest, QemuGuestSchema } from '../records.ts'
import { checkInstanceId, type DriverMethod, noGuest, notRunning, saidOf } from '../rules.ts'
import { type FetchImage, openBases } from './bases.ts'
import { createCold } from './cold.ts'
import { assignSlots, FILES, type Root } from './command-line.ts'
import { createLife, launchedBy, NEVER_RUN, type Unlaunched } from './life.ts'
import { createLooks } from './looks.ts'
import { saveMemory } from './memory.ts'
import { createQemuMigration } from './migration.ts'
import type { MigrationLimits } from './outgoing.ts'
import { checkSocketPaths, openRuns } from './runs.ts'
import { cpuName } from './shape.ts'
import { openSharedDisks } from './shared.ts'
import { isOn } from './status.ts'
import { createStorage } from './storage.ts'
import { findTools, imgIn, type Tools, type User } from './tools.ts'
import { createDoor } from './tunnel.ts'

const SOFT_REBOOT_GRACE_MS = 10_000
const LOOKS_AT_ONCE = 32

export interface QemuOptions {
  /** Where all of it is kept; made with a mode that lets no stranger in. One agent per folder. */
  readonly folder: string
  /** Where `npm run images` puts what it builds. */
  readonly built: string
  /** Said to be there instead of what the machine has. */
  readonly capacity?: Inventory | undefined
  /** Whom guests run as; null: as the agent. */
  readonly user: User | null
  /** Uploaded images; left out, there are none. */
  readonly fetch?: FetchImage | undefined
  /** Found out by an earlier probe; default: probe now. */
  readonly tools?: Tools
  readonly lease?: Pick<HostLease, 'permit'> | undefined
  /** How guests come from other hosts: the address of this one, and how much of the line and of a guest's time a move may take. */
  readonly moves?: (MigrationLimits & { readonly address: string; readonly shared?: string | null | undefined }) | undefined
}

/** Rejects `DriverUnsupported` where there is no QEMU that it can use, `DataFolder` where guests could have no sockets. */
export async function openQemuDriver(env: Env, options: QemuOptions): Promise<HypervisorDriver> {
  const { folder, user } = options
  checkSocketPaths(folder)
  const tools = options.tools ?? (await findTools(env))
  await mkdir(join(folder, 'run'), { recursive: true, mode: 0o700 }).catch((cause: Error) => {
    throw new BatonError('DataFolder', `the qemu driver cannot use ${folder}: ${cause.message}`, { cause })
  })
  // QEMU of another user is started in its own folder and finds the others from there: it may pass, and not look.
  for (const each of [folder, join(folder, 'run')]) await chmod(each, user ? 0o711 : 0o700)
  const cgroups = await probeCgroups(env)
  const runs = await openRuns({ env, folder, user, cgroups })
  const bases = await openBases({ folder, built: options.built, user, fetch: options.fetch })
  const img = imgIn(tools, user)
  const shared = options.moves?.shared ? await openSharedDisks(options.moves.shared, user, img) : null
  const storage = createStorage({ env, folder, user, runs, bases, img, shared })
  const store = folderStore({
    folder,
    parse: parseWith(QemuGuestSchema),
    onUnreadable: file => env.log.warn({ file }, 'not the record of a guest; left alone'),
  })
  // A record is put while the processors stand still, so it is not the record that brings a guest to life.
  const ledger = openLedger({ store, nameOf: guest => guest.spec.instance, env, lease: options.lease, enlivens: () => false })
  /** Orders of destroys that wait their turn, by instance: an older stop need not be patient with its guest any more. */
  const doomed = new Map<string, number>()
  const looks = limiter(LOOKS_AT_ONCE)
  const isDoomed = (instance: string, order: number): boolean => (doomed.get(instance) ?? -1) > order
  const door = createDoor(env, options.moves?.address ?? '127.0.0.1')
  const life = createLife({ env, user, tools, runs, storage, ledger, door, isDoomed })
  const { boot, bootOnce, cutOff, end, unfreeze } = life
  const limits = options.moves ?? { bandwidthMbPerS: 0, downtimeMs: 500 }
  const migration = createQemuMigration({ env, user, tools, cpu: await cpuName(), runs, bases, storage, shared, life, ledger, door, limits })
  const cold = createCold({ env, folder, user, runs, bases, storage, ledger, door })

  function command(
    method: DriverMethod,
    instance: string,
    order: number,
    act: (guest: QemuGuest, power: PowerState, permit: Permit) => Promise<Outcome<QemuGuest>>,
  ): Promise<void> {
    return ledger.command(method, instance, order, async (guest, permit) => {
      if (!guest) throw noGuest(instance)
      return act(guest, await runs.power(guest), permit)
    })
  }

  const fresh = (spec: GuestSpec, order: number, method: DriverMethod, root: Root): Unlaunched => ({
    ...{ spec, begun: order, order: -1, method, effect: null, stopped: true, root, rescue: null, saved: false },
    slots: assignSlots({}, spec.devices ?? NO_DEVICES),
  })

  /** A guest with a new disk. */
  async function create(spec: GuestSpec, order: number, method: DriverMethod): Promise<Unlaunched> {
    return bases.use(spec.image, spec.instance, async (root, virtualBytes) => {
      const made = await storage.makeRoot(spec, root, virtualBytes)
      return { ...fresh(spec, order, method, root), ...made }
    })
  }

  /** A guest whose disk the hosts share. Rejects `DriverFault` when there is none. */
  async function fromShared(spec: GuestSpec, order: number, known: QemuGuest | undefined): Promise<QemuGuest> {
    const disk = await shared?.find(spec.instance)
    if (!disk) {
      const instead = 'storage that the hosts share would have it (driver.qemu.shared)'
      throw new BatonError('DriverFault', `the disk of guest ${spec.instance} is a file of the host that it was on, and not here; ${instead}`)
    }
    if (known) await cutOff(known)
    await runs.makeHome(spec.instance)
    const kernel = disk.kernel === null ? null : await bases.use(disk.kernel, spec.instance, async root => root.kernel)
    const guest = fresh(spec, order, 'receive', { base: null, kernel })
    return { ...guest, shared: true, effect: known?.effect ?? null, run: known?.run ?? NEVER_RUN }
  }

  const tidyBases = async (): Promise<void> =>
    bases.tidy([...(await ledger.guests()).values()].flatMap(({ root, rescue }) => (rescue ? [root, rescue] : [root])))

  /** The last line of defence: whoever asks should know that it is in use. */
  async function checkFree(instance: string, ids: readonly string[]): Promise<void> {
    for (const other of (await ledger.guests()).values()) {
      const taken = other.spec.instance === instance ? undefined : other.spec.devices?.disks.find(({ id }) => ids.includes(id))
      if (taken) throw new BatonError('DriverFault', `disk ${taken.id} is plugged into guest ${other.spec.instance}`)
    }
  }

  const driver: HypervisorDriver = {
    name: 'qemu',
    async inventory() {
      const { version, accelerator, because } = tools
      const runsAs = user ? `user ${user.uid}, sandbox` : 'sandbox; the user of the agent, who is not root or cannot give files away'
      const confined = `${runsAs}; ${cgroups ? `cgroups (${cgroups.controllers.join(', ')})` : 'no cgroups'}`
      const details = { qemu: version, accelerator, because, confined, console: 'bounded to 1 MiB', network: 'a card that reaches nobody' }
      const traits = [`CUSTOM_ACCELERATOR_${accelerator.toUpperCase()}`]
      return { traits, uptimeS: machineUptimeS(), ...(options.capacity ?? (await machineInventory(folder))), details }
    },
    async list(): Promise<Guest[]> {
      const guests = [...(await ledger.guests()).values()]
      return Promise.all(
        guests.map(guest =>
          looks(async () => {
            await runs.tidy(guest.spec.instance)
            return { instance: guest.spec.instance, power: await runs.power(guest), order: guest.begun, ...saidOf(guest.spec) }
          }),
        ),
      )
    },
    async spawn(spec, order) {
      checkSize(spec)
      return ledger.command('spawn', spec.instance, order, async (known, permit) => {
        const by: Cause = { method: 'spawn', order }
        if (known) return bootOnce(known, by, permit)
        return { guest: await boot(await create(spec, order, 'spawn'), by, permit), effect: true }
      })
    },
    async destroy(instance, order, keepDisk = false) {
      doomed.set(instance, order)
      try {
        await ledger.destroy(instance, order, async guest => {
          migration.abandon(instance)
          await cold.forget(instance)
          await runs.kill(instance)
          await runs.erase(instance, guest?.run.number)
          if (!keepDisk) await shared?.remove(instance)
        })
        await tidyBases()
      } finally {
        doomed.delete(instance)
      }
    },
    start: (instance, order) =>
      command('start', instance, order, async (guest, power, permit) => {
        if (power !== 'paused') return bootOnce(guest, { method: 'start', order }, permit)
        await unfreeze(guest, permit)
        return { guest, effect: true }
      }),
    stop: (instance, order, graceMs) =>
      command('stop', instance, order, async (guest, power) => {
        if (isOn(power)) await end(guest, order, graceMs)
        await cutOff(guest)
        return { guest: { ...guest, stopped: true, saved: false }, effect: isOn(power) || power === 'suspended' }
      }),
    reboot: (instance, order, mode) =>
      command('reboot', instance, order, async (guest, power, permit) => {
        const by: Cause = { method: 'reboot', order }
        if (launchedBy(guest, by)) return bootOnce(guest, by, permit)
        if (isOn(power)) await end(guest, order, mode === 'soft' ? SOFT_REBOOT_GRACE_MS : 0)
        await cutOff(guest)
        return { guest: await boot({ ...guest, saved: false }, by, permit), effect: true }
      }),
    pause: (instance, order) =>
      command('pause', instance, order, async (guest, power) => {
        if (!isOn(power)) throw notRunning(instance, 'pause', power)
        await (await runs.session(guest)).execute('stop')
        return { guest, effect: power === 'running' }
      }),
    unpause: (instance, order) =>
      command('unpause', instance, order, async (guest, power, permit) => {
        if (!isOn(power)) throw notRunning(instance, 'unpause', power)
        await unfreeze(guest, permit)
        return { guest, effect: power === 'paused' }
      }),
    suspend: (instance, order) =>
      command('suspend', instance, order, async (guest, power) => {
        if (guest.saved) {
          await runs.kill(instance)
          return { guest, effect: false }
        }
        if (!isOn(power) && power !== 'suspended') throw notRunning(instance, 'suspend', power)
        const qmp = await runs.session(guest)
        // Its memory went to an agent that did not live to write down that it had all of it: it goes on, to be saved again.
        if (power === 'suspended') await qmp.execute('cont')
        await saveMemory(env, qmp, runs.homeOf(instance), user).catch(async error => {
          await qmp.execute('cont').catch(() => {})
          throw error
        })
        // Written down before the machine ends, so that its end is not taken for a crash.
        const saved = { ...guest, saved: true }
        await ledger.save(instance, saved)
        await runs.kill(instance)
        await runs.say(instance, 'power: off, its memory is saved')
        return { guest: saved, effect: true }
      }),
    resume: (instance, order) =>
      command('resume', instance, order, async (guest, power, permit) => {
        if (power !== 'suspended' && power !== 'running' && power !== 'paused') throw notRunning(instance, 'resume', power)
        return bootOnce(guest, { method: 'resume', order }, permit)
      }),
    rescue: (instance, order, image) =>
      command('rescue', instance, order, async (guest, power, permit) => {
        const by: Cause = { method: 'rescue', order }
        if (guest.rescue) return launchedBy(guest, by) ? bootOnce(guest, by, permit) : { guest, effect: false }
        return bases.use(image, instance, async (rescue, virtualBytes) => {
          if (isOn(power)) await end(guest, order, SOFT_REBOOT_GRACE_MS)
          await cutOff(guest)
          await storage.makeDisk({ ...guest.spec, image }, FILES.rescue, rescue, virtualBytes)
          return { guest: await boot({ ...guest, rescue, saved: false }, by, permit), effect: true }
        })
      }),
    unrescue: (instance, order, running) =>
      command('unrescue', instance, order, async (guest, power, permit) => {
        const by: Cause = { method: 'unrescue', order }
        if (launchedBy(guest, by)) return bootOnce(guest, by, permit)
        if (!guest.rescue) return { guest, effect: false }
        if (isOn(power)) await end(guest, order, SOFT_REBOOT_GRACE_MS)
        await cutOff(guest)
        const own: QemuGuest = { ...guest, rescue: null, stopped: true, saved: false }
        const done = running ? await boot(own, by, permit) : own
        await rm(join(runs.homeOf(instance), FILES.rescue), { force: true })
        return { guest: done, effect: true }
      }),
    async rebuild(spec, order, running) {
      checkSize(spec)
      await ledger.command('rebuild', spec.instance, order, async (known, permit) => {
        const by: Cause = { method: 'rebuild', order }
        if (known && launchedBy(known, by)) return bootOnce(known, by, permit)
        if (known) await cutOff(known)
        const made = await create(spec, order, 'rebuild')
        const guest: QemuGuest = { ...made, effect: known?.effect ?? null, run: known?.run ?? NEVER_RUN }
        await runs.say(spec.instance, `rebuild: made from image ${spec.image}`)
        return { guest: running ? await boot(guest, by, permit) : guest, effect: true }
      })
      await tidyBases()
    },
    migration,
    checkMove: (spec, fetched) => cold.checkMove(spec, fetched),
    offer: (instance, order) => cold.offer(instance, order),
    fetch: (spec, order, offer, waitMs) => cold.fetch(spec, order, offer, waitMs),
    async receive(spec, order, running) {
      checkSize(spec)
      await ledger.command('receive', spec.instance, order, async (known, permit) => {
        const by: Cause = { method: 'receive', order }
        if (known && launchedBy(known, by)) return bootOnce(known, by, permit)
        const here = known?.fetched ? known : await fromShared(spec, order, known)
        await storage.grow(spec, here)
        const { fetched: _, ...guest } = { ...here, spec }
        return { guest: running ? await boot(guest, by, permit) : guest, effect: true }
      })
    },
    async setDevices(instance, order, devices) {
      for (const { id } of [...devices.disks, ...devices.interfaces]) checkBlobId(id)
      await command('setDevices', instance, order, async (guest, power) => {
        if (power === 'suspended') throw new BatonError('DriverFault', `guest ${instance} is suspended: its memory was saved with the devices it has`)
        const wanted = devices.disks.map(({ id }) => id)
        await checkFree(instance, wanted)
        const idsOf = ({ disks, interfaces } = NO_DEVICES): string[] => [...disks, ...interfaces].map(({ id }) => id)
        const [before, after] = [idsOf(guest.spec.devices), idsOf(devices)]
        const gone = before.filter(id => !after.includes(id)).map(id => `device ${id}: unplugged`)
        const come = after.filter(id => !before.includes(id)).map(id => `device ${id}: plugged in`)
        if (gone.length + come.length === 0) return { guest, effect: false }
        const slots = assignSlots(guest.slots, devices)
        await storage.makeDisks(instance, devices)
        if (isOn(power)) await storage.change(guest, devices, slots)
        for (const line of [...gone, ...come]) await runs.say(instance, line)
        return { guest: { ...guest, slots, spec: { ...guest.spec, devices } }, effect: true }
      })
    },
    async snapshot(instance, order, image) {
      checkBlobId(image)
      await command('snapshot', instance, order, async (guest, power) => {
        await storage.snapshot(guest, image, isOn(power))
        return { guest, effect: true }
      })
      const sizeBytes = await bases.sizeOf(image)
      if (sizeBytes === null) throw new BatonError('DriverFault', `image ${image} is not on this host`)
      return { sizeBytes }
    },
    async discardSnapshot(instance, order, image) {
      checkBlobId(image)
      checkInstanceId(instance)
      // Its rank stands with the guest; where there is none no snapshot of it can be made.
      if (!(await ledger.guests()).has(instance)) return bases.remove(image)
      await command('discardSnapshot', instance, order, async guest => {
        const isThere = (await bases.sizeOf(image)) !== null
        await bases.remove(image)
        return { guest, effect: isThere }
      })
    },
    async openImage(image) {
      checkBlobId(image)
      return bases.open(image)
    },
    async removeImage(image) {
      checkBlobId(image)
      await bases.remove(image)
      await tidyBases()
    },
    removeDisk: async disk => storage.removeDisk(disk),
    ...createLooks({ runs, user, guests: () => ledger.guests() }),
    async close() {
      migration.close()
      cold.close()
      door.close()
      runs.close()
    },
  }
  return driver
}
