/**
 * How a guest comes to life and ends. A launch goes in three steps, so that none runs that is not known: QEMU is started with its processors
 * stopped, is written down, and is then told to go on. Whoever is told the same again after the agent has died in it does what is left.
 */
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Env } from '../../../kernel/env.ts'
import { configDrive } from '../../config-drive.ts'
import { type GuestSpec, NO_DEVICES } from '../../driver.ts'
import type { Permit } from '../../lease.ts'
import type { Ledger, Outcome } from '../ledger.ts'
import type { Cause } from '../process/runs.ts'
import type { QemuGuest } from '../records.ts'
import { assignSlots, commandLine, FILES } from './command-line.ts'
import { giveTo } from './guest-files.ts'
import { isoOf } from './iso.ts'
import { loadMemory } from './memory.ts'
import type { Runs } from './runs.ts'
import { isOn } from './status.ts'
import type { Storage } from './storage.ts'
import type { Tools, User } from './tools.ts'
import type { Door } from './tunnel.ts'

/** A guest that may never have run. */
export type Unlaunched = Omit<QemuGuest, 'run'> & { readonly run?: QemuGuest['run'] }

export interface LifeParts {
  readonly env: Env
  readonly user: User | null
  readonly tools: Tools
  readonly runs: Runs
  readonly storage: Storage
  readonly ledger: Ledger<QemuGuest>
  readonly door: Pick<Door, 'dismiss'>
  /** Whether a destroy waits behind the command with this order, which need not be patient with the guest any more. */
  isDoomed(instance: string, order: number): boolean
}

export interface Life {
  /** Starts it, with its processors stopped. `waits`: for memory that is not there yet. */
  launch(guest: Unlaunched, by: Cause, how: string, waits: boolean): Promise<QemuGuest>
  /** Starts it, and has it go on when it is written down and permitted. */
  boot(guest: Unlaunched, by: Cause, permit: Permit): Promise<QemuGuest>
  /** Boots a guest that is off. One that an earlier agent launched for this very command, and died, only goes on. */
  bootOnce(guest: QemuGuest, by: Cause, permit: Permit): Promise<Outcome<QemuGuest>>
  unfreeze(guest: QemuGuest, permit: Permit): Promise<void>
  /** Asks it to end, and after `graceMs` ends it. */
  end(guest: QemuGuest, order: number, graceMs: number): Promise<void>
  /** Ends it as it is, with all that was only for this run. */
  cutOff(guest: QemuGuest): Promise<void>
}

/** Of a guest that was made to be off. */
export const NEVER_RUN: QemuGuest['run'] = { number: 0, method: 'rebuild', order: -1, bootId: '', pid: 0, startTicks: 0 }

export const launchedBy = ({ run }: QemuGuest, { method, order }: Cause): boolean => run.method === method && run.order === order

/** Without anything of a way to or from another host: what comes after it is a life of its own. */
export function settled<G extends Unlaunched>({
  outgoing: _,
  incoming: __,
  arrived: ___,
  ...guest
}: G): Omit<G, 'outgoing' | 'incoming' | 'arrived'> {
  return guest
}

export function createLife({ env, user, tools, runs, storage, ledger, door, isDoomed }: LifeParts): Life {
  async function writeConfigDrive(spec: GuestSpec, home: string): Promise<void> {
    const { label, files } = configDrive(spec)
    const path = join(home, FILES.configDrive)
    await rm(path, { force: true })
    await writeFile(path, isoOf(label, files), { mode: 0o600, flag: 'wx' })
    giveTo(path, user)
  }

  async function launch(guest: Unlaunched, by: Cause, how: string, waits: boolean): Promise<QemuGuest> {
    const { spec, root, rescue, run } = guest
    const { instance, vcpus, ramMb, image, devices = NO_DEVICES } = spec
    // Nobody fetches the disk of a guest that runs.
    door.dismiss(instance)
    const home = await runs.makeHome(instance)
    await writeConfigDrive(spec, home)
    await storage.makeDisks(instance, devices)
    const slots = assignSlots(guest.slots, devices)
    const disk = storage.pathOf(guest)
    const machine = { instance, disk, vcpus, ramMb, root, rescue, devices, slots, accelerator: tools.accelerator, configDrive: true, incoming: waits }
    await runs.say(instance, `power: on, guest ${instance} ${how} with ${vcpus} vcpus, ${ramMb} MB, image ${image}, ${tools.accelerator}`)
    const start = { qemu: tools.qemu, args: commandLine(machine) }
    return runs.launch({ ...guest, slots }, run, start, by, made => ledger.save(instance, made))
  }

  async function boot(guest: Unlaunched, by: Cause, permit: Permit): Promise<QemuGuest> {
    const how = guest.saved ? 'goes on from its saved memory' : `boots${guest.rescue ? ' in rescue' : ''}`
    return goOn(await launch(settled(guest), by, how, guest.saved), permit)
  }

  async function unfreeze(guest: QemuGuest, permit: Permit): Promise<void> {
    const qmp = await runs.session(guest)
    permit()
    await qmp.execute('cont')
  }

  /** From a launch to a guest that runs: told again after the agent has died in it, it does what is left. */
  async function goOn(guest: QemuGuest, permit: Permit): Promise<QemuGuest> {
    const { instance } = guest.spec
    const qmp = await runs.session(guest)
    try {
      if (guest.saved && (await runs.status(guest)) === 'inmigrate') await loadMemory(env, qmp, runs.homeOf(instance))
      // From now on the file is the past, and must not be gone back to.
      const lively: QemuGuest = { ...guest, saved: false }
      if (guest.saved) await ledger.save(instance, lively)
      permit()
      await qmp.execute('cont')
      await rm(join(runs.homeOf(instance), FILES.memory), { force: true })
      return lively
    } catch (error) {
      await runs.kill(instance)
      throw error
    }
  }

  async function bootOnce(guest: QemuGuest, by: Cause, permit: Permit): Promise<Outcome<QemuGuest>> {
    const status = (await runs.isAlive(guest)) ? await runs.status(guest) : null
    // Nobody but this command has touched it since: it stands still for want of the word to go on, with its saved memory loaded or without.
    if (launchedBy(guest, by) && (status === 'prelaunch' || status === 'paused')) return { guest: await goOn(guest, permit), effect: true }
    if (isOn(await runs.power(guest))) return { guest, effect: launchedBy(guest, by) }
    await runs.kill(guest.spec.instance)
    return { guest: await boot(guest, by, permit), effect: true }
  }

  async function end(guest: QemuGuest, order: number, graceMs: number): Promise<void> {
    const { instance } = guest.spec
    const isOff = await runs.terminate(guest, graceMs, () => isDoomed(instance, order))
    await runs.kill(instance)
    await runs.say(instance, `power: off${isOff ? '' : `, by force: it did not end within ${graceMs} ms`}`)
  }

  async function cutOff(guest: QemuGuest): Promise<void> {
    await runs.kill(guest.spec.instance)
    await rm(join(runs.homeOf(guest.spec.instance), FILES.memory), { force: true })
  }

  return { launch, boot, bootOnce, unfreeze, end, cutOff }
}
