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
import { createFakeMigration } from './fake-migration.ts'
import { bootedMemory, DEFAULT_RATES, frozen, type TransferRates, thawed } from './fake-transfer.ts'
import { openLedger } from './ledger.ts'
import type { FakeGuest } from './records.ts'
import { checkInstanceId, DRIVER_METHODS, type DriverMethod, noGuest, notRunning } from './rules.ts'
import type { GuestStore } from './store.ts'

const CONSOLE_LINES = 100

export interface FakeOptions {
  readonly capacity: Inventory
  /** How long a method takes: drawn evenly between the two, in ms. */
  readonly latencyMs?: Readonly<Partial<Record<DriverMethod, readonly [min: number, max: number]>>>
  /** Probability, 0 to 1, with which a method fails with `DriverFault` and does nothing. */
  readonly failure?: Readonly<Partial<Record<DriverMethod, number>>>
  /** Of live migrations. */
  readonly rates?: TransferRates
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
  const ledger = openLedger(store, guest => guest.spec.instance, env)

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

  const line = (text: string): string => `[${new Date(env.wallMs()).toISOString()}] ${text}`

  function written(guest: FakeGuest, power: PowerState, ...lines: string[]): FakeGuest {
    return { ...withMemory(guest, power), power, console: [...guest.console, ...lines.map(line)].slice(-CONSOLE_LINES) }
  }

  /** Memory goes on with a guest that runs, stands still with one that is paused or saved, and is gone with one that is off. */
  function withMemory({ memory, outgoing, ...guest }: FakeGuest, power: PowerState): FakeGuest {
    if (!memory || power === 'shutdown' || power === 'crashed') return guest
    const nowMs = env.wallMs()
    return { ...guest, memory: power === 'running' ? thawed(memory, nowMs) : frozen(memory, nowMs), ...(outgoing ? { outgoing } : {}) }
  }

  function booted(guest: FakeGuest, order: number): FakeGuest {
    const { incoming: _, arrived: __, ...off } = withMemory(guest, 'shutdown')
    const { instance, vcpus, ramMb } = guest.spec
    const on = written(off, 'running', `fake guest ${instance} boots with ${vcpus} vcpus, ${ramMb} MB`, 'login:')
    return { ...on, memory: bootedMemory(order, env.wallMs()) }
  }

  const fresh = (spec: GuestSpec, order: number, method: DriverMethod): FakeGuest => ({
    spec,
    power: 'shutdown',
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
      const guest = written({ ...fresh(spec, order, method), console: known?.console ?? [] }, 'shutdown', `${method}: made from image ${spec.image}`)
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
      return { ...options.capacity, details: { guests: 'records only', methods: DRIVER_METHODS } }
    },
    async list(): Promise<Guest[]> {
      return [...(await ledger.guests()).values()].map(({ spec, power, begun }) => ({ instance: spec.instance, power, order: begun }))
    },
    spawn: (spec, order) =>
      ledger.command('spawn', spec.instance, order, async known => {
        if (known?.power === 'running' || known?.power === 'paused') return { guest: known, effect: false }
        await endure('spawn', spec.metadata)
        return { guest: booted(known ?? fresh(spec, order, 'spawn'), order), effect: true }
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
    migration: createFakeMigration({ env, ledger, endure, written, fresh, rates: options.rates ?? DEFAULT_RATES }),
    async consoleLog(instance, maxBytes) {
      checkInstanceId(instance)
      const guest = (await ledger.guests()).get(instance)
      if (!guest) throw noGuest(instance)
      const text = new TextEncoder().encode(guest.console.map(each => `${each}\n`).join(''))
      return new TextDecoder().decode(text.subarray(Math.max(0, text.length - Math.max(0, maxBytes))))
    },
    async close() {},
    async crash(instance) {
      const guest = (await ledger.guests()).get(instance)
      if (!guest) throw noGuest(instance)
      await ledger.save(instance, written(guest, 'crashed', 'panic: not syncing'))
    },
  }
}
