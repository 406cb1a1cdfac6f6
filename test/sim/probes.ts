/** Named points of a simulated world at which a run may look on, strike, or make a driver fail. */

import type { Notification } from '../../actors/alerts/body.ts'
import type { GuestPipe } from '../../actors/guest/contract.ts'
import type { HypervisorDriver } from '../../actors/hypervisor/driver.ts'
import type { Append } from '../../actors/kernel/ports.ts'
import type { SimProcess } from './process.ts'

/** A command as an agent's driver was given it. */
export interface DriverCommand {
  readonly host: string
  readonly method: string
  readonly instance: string
  /** Below 0 for what an agent in the guest is told: that has no rank. */
  readonly order: number
}

/** Named points at which a run may look on and strike: each is called at the very moment, and may kill whom it likes. */
export interface Probes {
  /** The receiver of alerts, as this conductor finds it; without it there is none. */
  webhook?(told: Notification, conductor: string): Promise<void>
  /** This conductor is about to send this to the database. */
  appending?(entry: Append, conductor: string): void
  /** The database has applied an append of this actor; nobody has been told yet. */
  appended?(actor: string): void
  /** A driver is about to obey; it waits as long as this does, and what this rejects with is the driver's fault. */
  obeying?(command: DriverCommand): Promise<void>
  /** A driver has obeyed; its answer is not on its way yet. */
  obeyed?(command: DriverCommand): void
}

/** The driver with its two probes: a method that is given an instance and a rank is a command, also one of its parts. */
export function probed(host: string, process: SimProcess, driver: HypervisorDriver, probes: Probes): HypervisorDriver {
  if (!probes.obeying && !probes.obeyed) return driver
  /** The way to an agent: what begins a backup or a restore is a command too. */
  const told = (instance: string, pipe: GuestPipe): GuestPipe => ({
    ...pipe,
    async write(line) {
      const method = /"method":"((?:backup|restore)\.begin)"/.exec(line)?.[1]
      if (method !== undefined) await probes.obeying?.({ host, method, instance, order: -1 })
      return process.alive() ? pipe.write(line) : new Promise(() => {})
    },
  })

  const watched = <T extends object>(part: T): T =>
    new Proxy(part, {
      get(target, key, receiver) {
        const member: unknown = Reflect.get(target, key, receiver)
        if (typeof member === 'object' && member !== null) return watched(member)
        if (typeof member !== 'function') return member
        return async (...args: readonly unknown[]) => {
          const [subject, order] = args
          const instance = typeof subject === 'string' ? subject : isGuest(subject) ? subject.instance : null
          if (key === 'open' && instance !== null) return told(instance, (await member.apply(target, args)) as GuestPipe)
          if (instance === null || typeof order !== 'number') return member.apply(target, args)
          const command = { host, method: String(key), instance, order }
          await probes.obeying?.(command)
          if (!process.alive()) return new Promise(() => {})
          const answer = await member.apply(target, args)
          if (process.alive()) probes.obeyed?.(command)
          return process.alive() ? answer : new Promise(() => {})
        }
      },
    })
  return watched(driver)
}

const isGuest = (value: unknown): value is { instance: string } => typeof value === 'object' && value !== null && 'instance' in value
