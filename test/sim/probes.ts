/** Where a run may look on at the very moment something happens, and strike. */
import type { HypervisorDriver } from '../../actors/hypervisor/driver.ts'
import type { Append } from '../../actors/kernel/ports.ts'
import type { SimProcess } from './process.ts'

/** A command as an agent's driver was given it. */
export interface DriverCommand {
  readonly host: string
  readonly method: string
  readonly instance: string
  readonly order: number
}

/** Named points at which a run may look on and strike: each is called at the very moment, and may kill whom it likes. */
export interface Probes {
  /** A conductor is about to send this to the database. */
  appending?(entry: Append): void
  /** The database has applied an append of this actor; nobody has been told yet. */
  appended?(actor: string): void
  /** A driver is about to obey; it waits as long as this does, and what this rejects with is the driver's fault. */
  obeying?(command: DriverCommand): Promise<void>
  /** A driver has obeyed; its answer is not on its way yet. */
  obeyed?(command: DriverCommand): void
}

/** The driver with its two probes: a method that is given an instance and a rank is a command. */
export function probed(host: string, process: SimProcess, driver: HypervisorDriver, probes: Probes): HypervisorDriver {
  if (!probes.obeying && !probes.obeyed) return driver
  return new Proxy(driver, {
    get(target, key, receiver) {
      const method = Reflect.get(target, key, receiver)
      if (typeof method !== 'function') return method
      return async (...args: readonly unknown[]) => {
        const [subject, order] = args
        const instance = typeof subject === 'string' ? subject : isGuest(subject) ? subject.instance : null
        if (instance === null || typeof order !== 'number') return method.apply(target, args)
        const command = { host, method: String(key), instance, order }
        await probes.obeying?.(command)
        if (!process.alive()) return new Promise(() => {})
        const answer = await method.apply(target, args)
        if (process.alive()) probes.obeyed?.(command)
        return process.alive() ? answer : new Promise(() => {})
      }
    },
  })
}

const isGuest = (value: unknown): value is { instance: string } => typeof value === 'object' && value !== null && 'instance' in value
