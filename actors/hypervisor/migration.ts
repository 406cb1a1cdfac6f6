/**
 * The part of the driver port by which a running guest is carried to another host, and how the hypervisor actor serves it. What the two
 * drivers say to each other beside it (a stream of memory, a mirror of the disk) is their own business; who may run the guest
 * is not: see `operation/catalogue/live-migrate.ts`.
 */
import type { BlockMigration } from '../api.ts'
import { type Check, checkObject, flag, integer, text } from '../kernel/check.ts'
import type { Json } from '../kernel/define.ts'
import { BatonError } from '../kernel/errors.ts'
import type { GuestSpec, HypervisorDriver } from './driver.ts'

/** How far a transfer is, in bytes. What was sent again counts as processed again. */
export interface TransferProgress {
  /** So little is left that `handOver` is short. */
  readonly converged: boolean
  readonly memoryTotalBytes: number
  readonly memoryProcessedBytes: number
  readonly memoryRemainingBytes: number
  readonly diskTotalBytes: number
  readonly diskProcessedBytes: number
  readonly diskRemainingBytes: number
}

/** Commands are idempotent and ranked like all others of the driver. What is durable here outlives the agent. */
export interface MigrationDriver {
  /**
   * On the source: whether the guest can be sent at all, and with its disk or without. `shape` is what the
   * destination must know of the machine. Rejects `DriverFault` when not so.
   */
  check(instance: string, blockMigration: BlockMigration): Promise<{ copyDisk: boolean; shape?: Json }>
  /** On the destination: makes a guest that waits and does not run. Answers where the source is to connect. */
  prepareIncoming(spec: GuestSpec, order: number, copyDisk: boolean, shape?: Json): Promise<Json>
  /** On the source: begins to send, and resolves at once. The guest goes on. */
  migrateOut(instance: string, order: number, to: Json, copyDisk: boolean): Promise<void>
  /** Resolves when it has converged, or after `waitMs`. Rejects `DriverFault` when nothing is being sent. */
  progress(instance: string, waitMs: number): Promise<TransferProgress>
  /** Pauses the guest, so that it converges. */
  forceOutgoing(instance: string, order: number): Promise<void>
  /**
   * Sends the rest and stops the guest here for good; durable before it resolves. Answers with what the destination needs beside that.
   * Rejects when the guest goes on here.
   */
  handOver(instance: string, order: number): Promise<Json>
  /** On the destination: the guest goes on, running or paused as it was. Rejects only when it has not and never will; else it is done. */
  finishIncoming(instance: string, order: number, handed: Json): Promise<void>
  /** On the source: sends no more; the guest goes on here, also when it was handed over. Without a transfer nothing is done. */
  cancelOutgoing(instance: string, order: number): Promise<void>
}

interface MigrationCommand {
  readonly instance: string
  readonly order: number
  readonly spec: GuestSpec | undefined
  readonly [more: string]: unknown
}

const METHODS = ['checkMigration', 'prepareIncoming', 'migrateOut', 'forceOutgoing', 'handOver', 'finishIncoming', 'cancelOutgoing'] as const
type MigrationMethod = (typeof METHODS)[number]

export const isMigrationMethod = (method: string): method is MigrationMethod => METHODS.some(known => known === method)

const blockMigration: Check = value => (value === 'auto' ? null : flag(value))

/** Longest time a look at a transfer may take, ms. */
const MAX_WAIT_MS = 10_000

export const MIGRATION_CHECKS = (common: Readonly<Record<string, Check>>, guestSpec: Check): Record<string, Check> => ({
  checkMigration: checkObject({ ...common, blockMigration }),
  prepareIncoming: checkObject({ ...common, spec: guestSpec, driver: text(64), copyDisk: flag }),
  migrateOut: checkObject({ ...common, copyDisk: flag }),
  migrationProgress: checkObject({ ...common, waitMs: integer(0, MAX_WAIT_MS), force: flag }),
  handOver: checkObject(common),
  finishIncoming: checkObject(common),
  cancelOutgoing: checkObject(common),
})

const refusal = (message: string): BatonError => new BatonError('DriverUnsupported', message)

/** What a command asks of a driver comes from the step before it, on the other host; it is passed on as it is. */
const passedOn = (value: unknown): Json => (value ?? null) as Json

export async function performMigration(
  { name, migration, receive }: HypervisorDriver,
  method: MigrationMethod,
  c: MigrationCommand,
): Promise<unknown> {
  const { instance, order } = c
  if (!migration) {
    // Without a transfer there is nothing to take back.
    if (method === 'cancelOutgoing') return null
    const instead = receive ? '; migrate it cold instead: `baton instance migrate`' : ': its disks are files of its host'
    throw refusal(`the ${name} driver cannot live-migrate a guest${instead}`)
  }
  switch (method) {
    case 'checkMigration':
      return { driver: name, ...(await migration.check(instance, c.blockMigration === 'auto' ? 'auto' : c.blockMigration === true)) }
    case 'prepareIncoming':
      if (c.driver !== name) throw refusal(`the ${name} driver cannot take over a guest of the ${c.driver} driver`)
      if (!c.spec) throw new BatonError('BadRequest', 'prepareIncoming: spec must be an object')
      return { to: await migration.prepareIncoming(c.spec, order, c.copyDisk === true, passedOn(c.shape)) }
    case 'migrateOut':
      return migration.migrateOut(instance, order, passedOn(c.to), c.copyDisk === true)
    case 'forceOutgoing':
      return migration.forceOutgoing(instance, order)
    case 'handOver':
      return { handed: await migration.handOver(instance, order) }
    case 'finishIncoming':
      return migration.finishIncoming(instance, order, passedOn(c.handed))
    case 'cancelOutgoing':
      return migration.cancelOutgoing(instance, order)
  }
}
