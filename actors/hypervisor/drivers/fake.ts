/**
 * A driver without guests: each is only a record that goes through the motions. It takes as long and fails as often
 * as it is told to, by options or by the instance's own metadata:
 *
 *     fake:fail=spawn,stop    these methods always fail for this instance
 *     fake:spawn_ms=200       this method takes so long, whatever the options say
 *
 * Time and chance come from `Env`, storage is a port, so that the simulator runs this very code.
 */
import type { Env } from '../../kernel/env.ts'
import { BatonError } from '../../kernel/errors.ts'
import type { Guest, GuestSpec, HypervisorDriver, Inventory, PowerState } from '../driver.ts'
import type { ImageSource } from '../images.ts'
import type { HostLease } from '../lease.ts'
import { type BlobStore, memoryBlobs } from './blobs.ts'
import { fakeAgents } from './fake-agent.ts'
import { createFakeMigration } from './fake-migration.ts'
import { createFakeMoves } from './fake-moves.ts'
import { fakeStorage } from './fake-storage.ts'
import { bootedMemory, DEFAULT_RATES, frozen, type TransferRates, thawed, withoutPower } from './fake-transfer.ts'
import { openLedger } from './ledger.ts'
import type { FakeGuest } from './records.ts'
import { checkInstanceId, DRIVER_METHODS, type DriverMethod, noGuest, notRunning, saidOf } from './rules.ts'
import type { GuestStore } from './store.ts'

const CONSOLE_LINES = 100

export interface FakeOptions {
  readonly capacity: Inventory
  /** How long a method takes: drawn evenly between the two, in ms. */
  readonly latencyMs?: Readonly<Partial<Record<DriverMethod, readonly [min: number, max: number]>>>
  /** Probability, 0 to 1, with which a method fails with `DriverFault` and does nothing. */
  readonly failure?: Readonly<Partial<Record<DriverMethod, number>>>
  /** Where images and disks are kept; default: in memory. */
  readonly blobs?: BlobStore
  /** Uploaded images; left out, there are none. */
  readonly images?: ImageSource | undefined
  readonly lease?: Pick<HostLease, 'permit'> | undefined
  /** Of live migrations. */
  readonly rates?: TransferRates
  /**
   * The time that guests live in, ms: it goes on while no agent runs, and nobody sets it. Default: this machine's wall clock, which
   * somebody may set; then the memory of fake guests jumps.
   */
  readonly guestMs?: () => number
}

export interface FakeDriver extends HypervisorDriver {
  /** The guest ends by itself, as when its kernel panics. Rejects with `DriverFault` when there is none. */
  crash(instance: string): Promise<void>
}

type Turn = 'start' | 'stop' | 'reboot' | 'pause' | 'unpause' | 'suspend' | 'resume'

/** What each command makes of a guest's power; absent where it cannot be done. */
const TURNS: Readonly<Record<Turn, Readonly<Partial<Record<PowerState, PowerState>>>>> = {
  start: { running: 'running', paused: 'running', suspended: 'running', shutdown: 'running', crashed: 'running' },
  stop: { running: 'shutdown', paused: 'shutdown', suspended: 'shutdown', shutdown: 'shutdown', crashed: 'shutdown' },
  reboot: { running: 'running', paused: 'running', suspended: 'running', shutdown: 'running', crashed: 'running' },
  pause: { running: 'paused', paused: 'paused' },
  unpause: { running: 'running', paused: 'running' },
  suspend: { running: 'suspended', suspended: 'suspended' },
  resume: { running: 'running', suspended: 'running' },
}

export function createFakeDriver(env: Env, store: GuestStore<FakeGuest>, options: FakeOptions): FakeDriver {
  const enlivens = (guest: FakeGuest): boolean => guest.power === 'running' || guest.power === 'paused'
  const ledger = openLedger({ store, nameOf: guest => guest.spec.instance, env, lease: options.lease, enlivens })

  /** Waits and fails as told, before anything is done. */
  async function endure(method: DriverMethod, metadata: GuestSpec['metadata']): Promise<void> {
    const delayMs = latency(method, metadata)
    if (delayMs > 0) await new Promise<void>(resolve => env.setTimer(delayMs, resolve))
    const told = (metadata['fake:fail'] ?? '').split(',').includes(method)
    const chance = options.failure?.[method] ?? 0
    if (told || (chance > 0 && env.random() < chance)) throw new BatonError('DriverFault', `the fake driver failed to ${method}, as it was told to`)
  }

  function latency(method: DriverMethod, metadata: GuestSpec['metadata']): number {
    const told = Number(metadata[`fake:${method}_ms`] ?? Number.NaN)
    if (Number.isFinite(told)) return told
    const [min, max] = options.latencyMs?.[method] ?? [0, 0]
    return max > 0 ? min + env.random() * (max - min) : 0
  }

  const guestMs = options.guestMs ?? (() => env.wallMs())
  const startedMs = guestMs()
  const line = (text: string): string => `[${new Date(env.wallMs()).toISOString()}] ${text}`

  function written(guest: FakeGuest, power: PowerState, ...lines: string[]): FakeGuest {
    return { ...withMemory(guest, power), power, console: [...guest.console, ...lines.map(line)].slice(-CONSOLE_LINES) }
  }

  const storage = fakeStorage({
    ledger,
    blobs: options.blobs ?? memoryBlobs(),
    images: options.images,
    endure,
    noted: (guest, ...lines) => written(guest, guest.power, ...lines),
  })

  /** Memory goes on with a guest that runs, stands still with one that is paused or saved, and is gone with one that is off. */
  function withMemory({ memory, outgoing, ...guest }: FakeGuest, power: PowerState): FakeGuest {
    if (!memory || power === 'shutdown' || power === 'crashed') return guest
    const nowMs = guestMs()
    return { ...guest, memory: power === 'running' ? thawed(memory, nowMs) : frozen(memory, nowMs), ...(outgoing ? { outgoing } : {}) }
  }

  function booted(guest: FakeGuest, order: number): FakeGuest {
    const { incoming: _, arrived: __, ...off } = withMemory(guest, 'shutdown')
    const { instance, vcpus, ramMb } = guest.spec
    const disk = `disk: ${(guest.disk ?? []).join(' > ')}`
    const on = written(off, 'running', `fake guest ${instance} boots with ${vcpus} vcpus, ${ramMb} MB`, disk, 'login:')
    return { ...on, memory: bootedMemory(order, guestMs()) }
  }

  const fresh = (spec: GuestSpec, order: number, method: DriverMethod, disk: readonly string[]): FakeGuest => ({
    spec,
    power: 'shutdown',
    disk: [...disk],
    console: [],
    begun: order,
    order,
    method,
    effect: null,
  })

  /** A guest from nothing, whatever was there under its name; what the console said is kept. */
  function made(method: 'rebuild' | 'receive', spec: GuestSpec, order: number, running: boolean): Promise<void> {
    return ledger.command(method, spec.instance, order, async known => {
      await endure(method, spec.metadata)
      // What is received has its disk already, where every host can reach it.
      const disk =
        method === 'receive'
          ? known?.fetching && known.disk
            ? known.disk
            : [`disk of ${spec.instance}`]
          : await storage.diskFrom(spec.image, spec.instance)
      const anew = { ...fresh(spec, order, method, disk), console: known?.console ?? [] }
      const guest = written(anew, 'shutdown', `${method}: made from image ${spec.image}`)
      return { guest: running ? booted(guest, order) : guest, effect: true }
    })
  }

  function turn(method: Turn, instance: string, order: number, how: string): Promise<void> {
    return ledger.command(method, instance, order, async guest => {
      if (!guest) throw noGuest(instance)
      const power = TURNS[method][guest.power]
      if (!power) throw notRunning(instance, method, guest.power)
      if (power === guest.power && method !== 'reboot') return { guest, effect: false }
      await endure(method, guest.spec.metadata)
      const told = written(guest, power, `power: ${how}`)
      const boots = method === 'reboot' || (method === 'start' && guest.power !== 'paused' && guest.power !== 'suspended')
      return { guest: boots ? booted(told, order) : told, effect: true }
    })
  }

  return {
    name: 'fake',
    async inventory() {
      // A host of records has been running for as long as they are kept here.
      const uptimeS = Math.max(0, Math.floor((guestMs() - startedMs) / 1000))
      return { ...options.capacity, uptimeS, details: { guests: 'records only', methods: DRIVER_METHODS } }
    },
    async list(): Promise<Guest[]> {
      return [...(await ledger.guests()).values()].map(({ spec, power, begun }) => ({
        instance: spec.instance,
        power,
        order: begun,
        ...saidOf(spec),
      }))
    },
    spawn: (spec, order) =>
      ledger.command('spawn', spec.instance, order, async known => {
        if (known?.power === 'running' || known?.power === 'paused') return { guest: known, effect: false }
        await endure('spawn', spec.metadata)
        const guest = known ?? fresh(spec, order, 'spawn', await storage.diskFrom(spec.image, spec.instance))
        return { guest: booted(guest, order), effect: true }
      }),
    destroy: (instance, order) =>
      ledger.destroy(instance, order, async guest => {
        if (guest) await endure('destroy', guest.spec.metadata)
      }),
    start: (instance, order) => turn('start', instance, order, 'on'),
    stop: (instance, order, graceMs) => turn('stop', instance, order, `off within ${graceMs} ms`),
    reboot: (instance, order, mode) => turn('reboot', instance, order, `${mode} reboot`),
    pause: (instance, order) => turn('pause', instance, order, 'paused'),
    unpause: (instance, order) => turn('unpause', instance, order, 'goes on'),
    suspend: (instance, order) => turn('suspend', instance, order, 'saved to disk'),
    resume: (instance, order) => turn('resume', instance, order, 'goes on from disk'),
    rescue: (instance, order, image) =>
      ledger.command('rescue', instance, order, async guest => {
        if (!guest) throw noGuest(instance)
        if (guest.rescued) return { guest, effect: false }
        await endure('rescue', guest.spec.metadata)
        await storage.diskFrom(image, instance)
        return { guest: booted({ ...written(guest, 'running', `rescue: boots from image ${image}`), rescued: true }, order), effect: true }
      }),
    unrescue: (instance, order, running) =>
      ledger.command('unrescue', instance, order, async guest => {
        if (!guest) throw noGuest(instance)
        if (!guest.rescued) return { guest, effect: false }
        await endure('unrescue', guest.spec.metadata)
        const own = { ...written(guest, 'shutdown', 'rescue: over'), rescued: false }
        return { guest: running ? booted(own, order) : own, effect: true }
      }),
    rebuild: (spec, order, running) => made('rebuild', spec, order, running),
    receive: (spec, order, running) => made('receive', spec, order, running),
    ...createFakeMoves({ env, guestMs, ledger, endure, fresh, rates: options.rates ?? DEFAULT_RATES }),
    ...storage.port,
    migration: createFakeMigration({
      env,
      guestMs,
      ledger,
      endure,
      written,
      fresh: (spec, order, method) => fresh(spec, order, method, []),
      rates: options.rates ?? DEFAULT_RATES,
    }),
    agents: fakeAgents(env, async instance => (await ledger.guests()).get(instance)),
    async consoleLog(instance, maxBytes) {
      checkInstanceId(instance)
      const guest = (await ledger.guests()).get(instance)
      if (!guest) throw noGuest(instance)
      const text = new TextEncoder().encode(guest.console.map(each => `${each}\n`).join(''))
      return new TextDecoder().decode(text.subarray(Math.max(0, text.length - Math.max(0, maxBytes))))
    },
    // A fake guest uses nothing, so nothing is known but how it is.
    async diagnostics(instance) {
      checkInstanceId(instance)
      const guest = (await ledger.guests()).get(instance)
      if (!guest) throw noGuest(instance)
      return { state: guest.power, uptimeS: null, cpuTimeNs: null, memoryUsedMb: null }
    },
    async crashDump(instance) {
      checkInstanceId(instance)
      const guest = (await ledger.guests()).get(instance)
      if (!guest) throw noGuest(instance)
      if (!enlivens(guest)) throw new BatonError('DriverFault', `guest ${instance} is ${guest.power}: it has nothing to dump`)
      await ledger.save(instance, written(guest, guest.power, 'panic: told to write a crash dump'))
    },
    async lapsed(instance) {
      const guest = (await ledger.guests()).get(instance)
      if (guest && enlivens(guest)) await ledger.save(instance, lapsedFakeGuest(guest))
    },
    async close() {},
    async crash(instance) {
      const guest = (await ledger.guests()).get(instance)
      if (!guest) throw noGuest(instance)
      await ledger.save(instance, written(guest, 'crashed', 'panic: not syncing'))
    },
  }
}

/** The record of a guest that was stopped because the lease of its host had run out. */
export const lapsedFakeGuest = (guest: FakeGuest): FakeGuest => ({
  ...withoutPower(guest),
  power: 'shutdown',
  console: [...guest.console, 'power: off, the lease of this host has run out'].slice(-CONSOLE_LINES),
})
