/**
 * A driver whose guests are real Linux process trees, in namespaces of their own where the machine allows it and under
 * control groups where they can be written. Guests outlive the agent; the next one finds them by what is on disk.
 */

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Env } from '../../../kernel/env.ts'
import { BatonError } from '../../../kernel/errors.ts'
import type { Guest, GuestSpec, HypervisorDriver, Inventory, MetadataDoor, PowerState } from '../../driver.ts'
import type { ImageSource } from '../../images.ts'
import type { HostLease, Permit } from '../../lease.ts'
import { folderStore } from '../folder-store.ts'
import { PROCESS_IMAGE } from '../images.ts'
import { type Outcome, openLedger } from '../ledger.ts'
import { checkSize, machineInventory, machineUptimeS } from '../machine.ts'
import { limiter } from '../queue.ts'
import { type ProcessGuest, ProcessGuestSchema, parseWith } from '../records.ts'
import { checkInstanceId, type DriverMethod, noGuest, notRunning, saidOf } from '../rules.ts'
import { listenForAgent } from './agent-channel.ts'
import { type Capabilities, probeCapabilities } from './capabilities.ts'
import { AGENT_SOCKET, createGuestDoors } from './guest-doors.ts'
import { BUILT_IN_INIT } from './launch.ts'
import { type Cause, openRuns, type Unlaunched } from './runs.ts'

const SOFT_REBOOT_GRACE_MS = 10_000
const LOOKS_AT_ONCE = 32

export interface ProcessOptions {
  /** Where records, consoles and exit statuses are kept; made with mode 0700. One agent per folder. */
  readonly folder: string
  /** Said to be there instead of what the machine has. */
  readonly capacity?: Inventory
  /** Path of the init script of each image, by image id. Default: the built-in image. */
  readonly images?: Readonly<Record<string, string>>
  /** Uploaded images; left out, they are refused. */
  readonly source?: ImageSource | undefined
  /** Found out by an earlier probe; default: probe now. */
  readonly capabilities?: Capabilities
  readonly lease?: Pick<HostLease, 'permit'> | undefined
  /** Answers guests that ask about themselves; default: nobody does. */
  readonly metadata?: MetadataDoor | undefined
  readonly leavePassword?: ((instance: string, password: string) => Promise<number>) | undefined
}

const BUILT_IN_IMAGES: Readonly<Record<string, string>> = { [PROCESS_IMAGE.id]: BUILT_IN_INIT }

/** Rejects with `DriverUnsupported` where no process guest can run. */
export async function openProcessDriver(env: Env, options: ProcessOptions): Promise<HypervisorDriver> {
  const can = options.capabilities ?? (await probeCapabilities(env))
  const images = options.images ?? BUILT_IN_IMAGES
  await mkdir(options.folder, { recursive: true, mode: 0o700 }).catch((cause: Error) => {
    throw new BatonError('DataFolder', `the process driver cannot use ${options.folder}: ${cause.message}`, { cause })
  })
  const doors = createGuestDoors({ env, door: options.metadata, leavePassword: options.leavePassword })
  const runs = await openRuns(env, can, options.folder, doors)
  const store = folderStore({
    folder: options.folder,
    parse: parseWith(ProcessGuestSchema),
    onUnreadable: file => env.log.warn({ file }, 'not the record of a guest; left alone'),
  })
  // A record is put before anything of the guest runs, so it is not the record that brings it to life.
  const ledger = openLedger({ store, nameOf: guest => guest.spec.instance, env, lease: options.lease, enlivens: () => false })
  /** Orders of destroys that wait their turn, by instance: an older stop need not be patient with its guest any more. */
  const doomed = new Map<string, number>()
  const looks = limiter(LOOKS_AT_ONCE)
  for (const guest of (await ledger.guests()).values()) await runs.reopen(guest)

  /** Launches it. The permit is shown when the supervisor waits for its word and the watchdog can find it: whatever was before, it can kill. */
  async function boot(guest: Unlaunched, by: Cause, permit: Permit): Promise<ProcessGuest> {
    const { image } = guest.spec
    const launch = (init: string) =>
      runs.launch(guest, init, by, async launched => {
        await ledger.save(guest.spec.instance, launched)
        permit()
      })
    const init = Object.hasOwn(images, image) ? images[image] : undefined
    if (init !== undefined) return launch(init)
    if (options.source) return options.source.use(image, guest.spec.instance, ({ path }) => launch(path ?? ''))
    const why = 'other images are scripts that would run with the rights of the agent: driver.process.uploaded allows that'
    throw new BatonError('DriverFault', `image ${image} is not on this host; it has ${Object.keys(images).join(', ')}; ${why}`)
  }

  /** Boots a guest that is off. One that an earlier agent launched for this very command, and died, is only waited for. */
  async function bootOnce(guest: ProcessGuest, by: Cause, permit: Permit): Promise<Outcome<ProcessGuest>> {
    await runs.settled(guest)
    if (isOn(await runs.power(guest))) return { guest, effect: launchedBy(guest, by) }
    await runs.kill(guest)
    return { guest: await boot(guest, by, permit), effect: true }
  }

  async function end(guest: ProcessGuest, order: number, graceMs: number): Promise<void> {
    await runs.freeze(guest, false)
    await runs.terminate(guest, graceMs, () => (doomed.get(guest.spec.instance) ?? -1) > order)
    await runs.kill(guest)
  }

  function command(
    method: DriverMethod,
    instance: string,
    order: number,
    act: (guest: ProcessGuest, power: PowerState, permit: Permit) => Promise<Outcome<ProcessGuest>>,
  ): Promise<void> {
    return ledger.command(method, instance, order, async (guest, permit) => {
      if (!guest) throw noGuest(instance)
      return act(guest, await runs.power(guest), permit)
    })
  }

  /** A guest from nothing, whatever was there under its name. One launched by an earlier agent for this very command is only waited for. */
  function made(method: 'rebuild' | 'receive', spec: GuestSpec, order: number, running: boolean): Promise<void> {
    checkSize(spec)
    return ledger.command(method, spec.instance, order, async (known, permit) => {
      const by: Cause = { method, order }
      if (known && launchedBy(known, by)) return bootOnce(known, by, permit)
      if (known) await runs.kill(known)
      await runs.wipe(spec.instance)
      const guest: Unlaunched = { ...known, spec, begun: order, order: -1, method, effect: known?.effect ?? null, stopped: true, paused: false }
      if (running) return { guest: await boot(guest, by, permit), effect: true }
      return { guest: { ...guest, run: known?.run ?? NEVER_RUN }, effect: true }
    })
  }

  return {
    name: 'process',
    async inventory() {
      return { uptimeS: machineUptimeS(), ...(options.capacity ?? (await machineInventory(options.folder))), details: describe(can) }
    },
    async list(): Promise<Guest[]> {
      const guests = [...(await ledger.guests()).values()]
      return Promise.all(
        guests.map(guest =>
          looks(async () => {
            return { instance: guest.spec.instance, power: await runs.power(guest), order: guest.begun, ...saidOf(guest.spec) }
          }),
        ),
      )
    },
    async spawn(spec, order) {
      checkSize(spec)
      return ledger.command('spawn', spec.instance, order, async (known, permit) => {
        if (known) return bootOnce(known, { method: 'spawn', order }, permit)
        const fresh: Unlaunched = { spec, begun: order, order: -1, method: 'spawn', effect: null, stopped: false, paused: false }
        return { guest: await boot(fresh, { method: 'spawn', order }, permit), effect: true }
      })
    },
    async destroy(instance, order) {
      doomed.set(instance, order)
      try {
        await ledger.destroy(instance, order, async guest => {
          if (guest) await runs.kill(guest)
          await runs.erase(instance)
        })
      } finally {
        doomed.delete(instance)
      }
    },
    start: (instance, order) =>
      command('start', instance, order, async (guest, power, permit) => {
        if (power !== 'paused') return bootOnce(guest, { method: 'start', order }, permit)
        await runs.freeze(guest, false)
        return { guest: { ...guest, paused: false }, effect: true }
      }),
    stop: (instance, order, graceMs) =>
      command('stop', instance, order, async (guest, power) => {
        if (isOn(power)) await end(guest, order, graceMs)
        return { guest: { ...guest, stopped: true, paused: false }, effect: isOn(power) }
      }),
    reboot: (instance, order, mode) =>
      command('reboot', instance, order, async (guest, power, permit) => {
        const by: Cause = { method: 'reboot', order }
        if (launchedBy(guest, by)) return bootOnce(guest, by, permit)
        if (isOn(power)) await end(guest, order, mode === 'soft' ? SOFT_REBOOT_GRACE_MS : 0)
        await runs.kill(guest)
        return { guest: await boot(guest, by, permit), effect: true }
      }),
    pause: (instance, order) =>
      command('pause', instance, order, async (guest, power) => {
        if (!isOn(power)) throw notRunning(instance, 'pause', power)
        await runs.freeze(guest, true)
        return { guest: { ...guest, paused: true }, effect: power === 'running' }
      }),
    unpause: (instance, order) =>
      command('unpause', instance, order, async (guest, power) => {
        if (!isOn(power)) throw notRunning(instance, 'unpause', power)
        await runs.freeze(guest, false)
        return { guest: { ...guest, paused: false }, effect: power === 'paused' }
      }),
    // A process guest has no disk of its own: made anew, on this host or another, it begins with its image.
    rebuild: (spec, order, running) => made('rebuild', spec, order, running),
    receive: (spec, order, running) => made('receive', spec, order, running),
    imagesInUse: async () => [...(await ledger.guests()).values()].map(({ spec }) => spec.image),
    agents: {
      async open(instance, listener) {
        checkInstanceId(instance)
        if (!(await ledger.guests()).has(instance)) throw noGuest(instance)
        return listenForAgent(join(runs.homeOf(instance), AGENT_SOCKET), listener)
      },
    },
    streams: ['serial'],
    async openStream(instance, kind) {
      checkInstanceId(instance)
      if (kind !== 'serial') throw new BatonError('DriverUnsupported', 'guests of the process driver have no screen')
      const guest = (await ledger.guests()).get(instance)
      if (!guest) throw noGuest(instance)
      const power = await runs.power(guest)
      if (!isOn(power)) throw new BatonError('DriverFault', `guest ${instance} is ${power}: a console is there while it is on`)
      return runs.openSerial(guest)
    },
    async consoleLog(instance, maxBytes) {
      checkInstanceId(instance)
      if (!(await ledger.guests()).has(instance)) throw noGuest(instance)
      return runs.console(instance, maxBytes)
    },
    async diagnostics(instance) {
      checkInstanceId(instance)
      const guest = (await ledger.guests()).get(instance)
      if (!guest) throw noGuest(instance)
      return runs.diagnostics(guest)
    },
    // Guests are watched by looking, not by holding on to them.
    close: () => doors.closeAll(),
  }
}

/** Of a guest that was made to be off. */
const NEVER_RUN: ProcessGuest['run'] = { number: 0, method: 'receive', order: -1, bootId: '', pid: 0, startTicks: 0 }

const launchedBy = ({ run }: ProcessGuest, { method, order }: Cause): boolean => run.method === method && run.order === order

const isOn = (power: PowerState): boolean => power === 'running' || power === 'paused'

function describe(can: Capabilities) {
  const controllers = can.cgroups?.controllers ?? []
  return {
    namespaces: can.namespaces,
    cgroups: can.cgroups?.hierarchies.map(({ version, controllers, base }) => ({ version, controllers, base })) ?? [],
    memoryLimit: controllers.includes('memory') ? 'cgroup' : 'address space of each process (ulimit -v)',
    cpuLimit: controllers.includes('cpu') ? 'cgroup' : 'none',
    processLimit: controllers.includes('pids') ? 'cgroup' : 'none',
    diskLimit: 'none',
    pause: controllers.includes('freezer') ? 'freezer' : 'SIGSTOP',
    console: 'bounded to 1 MiB by the supervisor of each guest',
  }
}
