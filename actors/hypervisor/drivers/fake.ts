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
}

export interface FakeDriver extends HypervisorDriver {
  /** The guest ends by itself, as when its kernel panics. Rejects with `DriverFault` when there is none. */
  crash(instance: string): Promise<void>
}

/** What each command makes of a guest's power; absent where it cannot be done. */
const TURNS: Readonly<Record<Exclude<DriverMethod, 'spawn' | 'destroy'>, Readonly<Partial<Record<PowerState, PowerState>>>>> = {
  start: { running: 'running', paused: 'running', shutdown: 'running', crashed: 'running' },
  stop: { running: 'shutdown', paused: 'shutdown', shutdown: 'shutdown', crashed: 'shutdown' },
  reboot: { running: 'running', paused: 'running', shutdown: 'running', crashed: 'running' },
  pause: { running: 'paused', paused: 'paused' },
  unpause: { running: 'running', paused: 'running' },
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
    return { ...guest, power, console: [...guest.console, ...lines.map(line)].slice(-CONSOLE_LINES) }
  }

  const booted = (guest: FakeGuest): FakeGuest =>
    written(guest, 'running', `fake guest ${guest.spec.instance} boots with ${guest.spec.vcpus} vcpus, ${guest.spec.ramMb} MB`, 'login:')

  function turn(method: keyof typeof TURNS, instance: string, order: number, how: string): Promise<void> {
    return ledger.command(method, instance, order, async guest => {
      if (!guest) throw noGuest(instance)
      const power = TURNS[method][guest.power]
      if (!power) throw notRunning(instance, method, guest.power)
      if (power === guest.power && method !== 'reboot') return { guest, effect: false }
      await endure(method, guest.spec.metadata)
      const told = written(guest, power, `power: ${how}`)
      const boots = method === 'reboot' || (method === 'start' && guest.power !== 'paused')
      return { guest: boots ? booted(told) : told, effect: true }
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
        const fresh: FakeGuest = { spec, power: 'shutdown', console: [], begun: order, order, method: 'spawn', effect: null }
        return { guest: booted(known ?? fresh), effect: true }
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
