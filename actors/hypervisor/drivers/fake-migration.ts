/**
 * Live migration of fake guests. Both hosts' records say where a guest stands: on the source `outgoing`, which ends with what was
 * `handed` over; on the destination `incoming`, and then `arrived`. Memory and disk themselves travel in the answer to
 * `handOver`, for fake hosts share no wire.
 *
 * Whether the hosts share its disk a guest says in its metadata: `fake:disk=local` for one that must be copied.
 */
import { Value } from 'typebox/value'
import type { Json } from '../../kernel/define.ts'
import type { Env } from '../../kernel/env.ts'
import { BatonError } from '../../kernel/errors.ts'
import type { GuestSpec, PowerState } from '../driver.ts'
import type { MigrationDriver } from '../migration.ts'
import { beginTransfer, downtimeMs, frozen, progressOf, type TransferRates, thawed, ticksAt } from './fake-transfer.ts'
import type { Ledger } from './ledger.ts'
import { type FakeGuest, type FakeHanded, FakeHandedSchema, type FakeMemory, type FakeOutgoing } from './records.ts'
import { type DriverMethod, noGuest, notRunning } from './rules.ts'

export interface FakeMigrationParts {
  readonly env: Env
  /** The time that guests live in. */
  guestMs(): number
  readonly ledger: Ledger<FakeGuest>
  readonly rates: TransferRates
  /** Waits and fails as told. */
  endure(method: DriverMethod, metadata: GuestSpec['metadata']): Promise<void>
  /** The guest with this power and these lines on its console. */
  written(guest: FakeGuest, power: PowerState, ...lines: string[]): FakeGuest
  fresh(spec: GuestSpec, order: number, method: DriverMethod): FakeGuest
}

type Migrating = FakeGuest & { readonly outgoing: FakeOutgoing }
type Alive = FakeGuest & { readonly memory: FakeMemory }

export function createFakeMigration({ env, guestMs, ledger, rates, endure, written, fresh }: FakeMigrationParts): MigrationDriver {
  const pause = (ms: number): Promise<void> => new Promise(resolve => env.setTimer(ms, resolve))

  async function known(instance: string): Promise<FakeGuest> {
    const guest = (await ledger.guests()).get(instance)
    if (!guest) throw noGuest(instance)
    return guest
  }

  /** A guest that is on. Records of before there was a memory get one that begins now. */
  function alive(guest: FakeGuest | undefined, instance: string): Alive {
    if (!guest) throw noGuest(instance)
    if (guest.power !== 'running' && guest.power !== 'paused') throw notRunning(instance, 'migrateOut', guest.power)
    return { ...guest, memory: guest.memory ?? { boot: guest.begun, ticks: 0, sinceMs: guest.power === 'running' ? guestMs() : null } }
  }

  function migrating(guest: FakeGuest | undefined, instance: string): Migrating {
    if (!guest) throw noGuest(instance)
    const { outgoing } = guest
    if (!outgoing) throw new BatonError('DriverFault', `guest ${instance} is not being sent anywhere: it is ${guest.power}`)
    return { ...guest, outgoing }
  }

  const without = ({ outgoing: _, ...guest }: FakeGuest): FakeGuest => guest

  return {
    async check(instance, blockMigration) {
      const { spec } = alive(await known(instance), instance)
      const shared = spec.metadata['fake:disk'] !== 'local'
      if (blockMigration === true && shared) throw wrongStorage(instance, 'is on storage that the hosts share; do not copy it')
      if (blockMigration === false && !shared) throw wrongStorage(instance, 'is on storage of its host; it must be copied (block migration)')
      return { copyDisk: blockMigration === 'auto' ? !shared : blockMigration }
    },

    async prepareIncoming(spec, order) {
      await ledger.command('prepareIncoming', spec.instance, order, async before => {
        if (before && (before.power === 'running' || before.power === 'paused'))
          throw new BatonError('DriverFault', `guest ${spec.instance} is ${before.power} on this host already`)
        await endure('prepareIncoming', spec.metadata)
        const waiting = { ...fresh(spec, order, 'prepareIncoming'), incoming: true }
        return { guest: written(waiting, 'shutdown', 'migration: waits to be carried here'), effect: true }
      })
      return { fake: order }
    },

    migrateOut: (instance, order, _to, copyDisk) =>
      ledger.command('migrateOut', instance, order, async before => {
        if (before?.outgoing) return { guest: before, effect: false }
        const guest = alive(before, instance)
        await endure('migrateOut', guest.spec.metadata)
        const outgoing = beginTransfer(guest, copyDisk, rates, guestMs())
        return { guest: { ...written(guest, guest.power, 'migration: being sent'), outgoing }, effect: true }
      }),

    async progress(instance, waitMs) {
      const { outgoing } = migrating(await known(instance), instance)
      const { convergesInMs } = progressOf(outgoing, guestMs())
      if (convergesInMs > 0) await pause(Math.min(waitMs, convergesInMs))
      const { convergesInMs: _, ...progress } = progressOf(migrating(await known(instance), instance).outgoing, guestMs())
      return progress
    },

    forceOutgoing: (instance, order) =>
      ledger.command('forceOutgoing', instance, order, async before => {
        const guest = migrating(before, instance)
        const { outgoing } = guest
        if (outgoing.forcedMs !== null || outgoing.handed) return { guest, effect: false }
        const paused = written(guest, 'paused', 'migration: paused, so that it comes to an end')
        return { guest: { ...paused, outgoing: { ...outgoing, forcedMs: guestMs() } }, effect: true }
      }),

    async handOver(instance, order) {
      await ledger.command('handOver', instance, order, async before => {
        const sending = migrating(before, instance)
        if (sending.outgoing.handed) return { guest: sending, effect: false }
        const { outgoing } = sending
        const guest = alive(sending, instance)
        if (!progressOf(outgoing, guestMs()).converged)
          throw new BatonError('DriverFault', `too much of guest ${instance} is left to be sent; it goes on here`)
        await endure('handOver', guest.spec.metadata)
        await pause(downtimeMs(outgoing, guestMs()))
        const handed: FakeHanded = { order, power: outgoing.power, memory: frozen(guest.memory, guestMs()), disk: guest.disk ?? [] }
        const off = written(guest, 'shutdown', `migration: handed over at tick ${handed.memory.ticks} of boot ${handed.memory.boot}`)
        return { guest: { ...off, outgoing: { ...outgoing, handed } }, effect: true }
      })
      return migrating(await known(instance), instance).outgoing.handed
    },

    async finishIncoming(instance, order, answer) {
      const handed = handedOf(answer)
      await ledger.command('finishIncoming', instance, order, async before => {
        if (before?.arrived === handed.order) return { guest: before, effect: false }
        if (!before?.incoming) throw new BatonError('DriverFault', `guest ${instance} does not wait here to be carried to this host`)
        const { incoming: _, ...waiting } = before
        await endure('finishIncoming', waiting.spec.metadata)
        const nowMs = guestMs()
        const memory = handed.power === 'running' ? thawed(handed.memory, nowMs) : handed.memory
        const on = written(
          { ...waiting, memory, disk: handed.disk },
          handed.power,
          `migration: goes on at tick ${ticksAt(memory, nowMs)} of boot ${memory.boot}`,
        )
        return { guest: { ...on, arrived: handed.order }, effect: true }
      })
    },

    async cancelOutgoing(instance, order) {
      if (!(await ledger.guests()).has(instance)) return
      await ledger.command('cancelOutgoing', instance, order, async before => {
        if (!before) throw noGuest(instance)
        const { outgoing } = before
        if (!outgoing) return { guest: before, effect: false }
        const memory = outgoing.handed?.memory ?? before.memory
        const guest = written({ ...before, ...(memory ? { memory } : {}) }, outgoing.power, 'migration: given up, goes on here')
        return { guest: without(guest), effect: true }
      })
    },
  }
}

const wrongStorage = (instance: string, what: string): BatonError => new BatonError('DriverFault', `the disk of guest ${instance} ${what}`)

function handedOf(answer: Json): FakeHanded {
  if (!Value.Check(FakeHandedSchema, answer)) throw new BatonError('DriverFault', 'what the source handed over is not what a fake guest needs')
  return answer
}
