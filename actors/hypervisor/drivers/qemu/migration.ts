/**
 * Live migration of guests of QEMU: the driver's half of what `operation/catalogue/live-migrate.ts` says, by the method of QEMU's manual
 * (mirror the disk over NBD, then precopy of the memory with a pause before the switchover).
 *
 * Where a guest stands is in the records of both hosts and in the two QEMUs; nothing of it is only in an agent:
 *
 *     source       outgoing, not handed   it runs here, or stands still for the moment of the switchover; `cancelOutgoing` has it go on
 *                  outgoing, handed       it is off here for good, unless `cancelOutgoing` says otherwise; its QEMU keeps its memory till then
 *     destination  incoming, not begun    it waits, and has never run here
 *                  incoming, begun        it may have run here: `finishIncoming` never refuses any more
 *
 * The destination opens no disk before it goes on (`late-block-activate`), and the source lets go of its own when it has sent all, so with a
 * shared disk only one of them has it.
 */

import { join } from 'node:path'
import { Value } from 'typebox/value'
import type { Json } from '../../../kernel/define.ts'
import type { Env } from '../../../kernel/env.ts'
import { BatonError, toFault } from '../../../kernel/errors.ts'
import { type GuestSpec, NO_DEVICES } from '../../driver.ts'
import type { Permit } from '../../lease.ts'
import type { MigrationDriver } from '../../migration.ts'
import type { Ledger } from '../ledger.ts'
import { until } from '../process/wait.ts'
import { type QemuGuest, type QemuHanded, QemuHandedSchema, type QemuOutgoing } from '../records.ts'
import { noGuest, notRunning } from '../rules.ts'
import type { Bases } from './bases.ts'
import { assignSlots, type Root } from './command-line.ts'
import { connectPlain } from './guest-files.ts'
import { type Life, NEVER_RUN, settled, type Unlaunched } from './life.ts'
import { beginOutgoing, DISK, endMirror, MEMORY, type MigrationLimits, type Outgoing, queryMemory, queryMirror, takeBack } from './outgoing.ts'
import type { Qmp } from './qmp.ts'
import type { Runs } from './runs.ts'
import { parseShape, type Shape, shapeOf, whyNotHere } from './shape.ts'
import type { SharedDisks } from './shared.ts'
import { isOn } from './status.ts'
import type { Storage } from './storage.ts'
import type { Tools, User } from './tools.ts'
import { type MemoryTransfer, progressOf } from './transfer.ts'
import { carry, type Door, type Invitation, InvitationSchema } from './tunnel.ts'

const POLL_MS = 50
/** In the moment in which the guest stands still every ms counts. */
const QUICK_POLL_MS = 2
/** What is left is to be sent in; a guest that changes too much meanwhile goes on at the source. */
const SWITCH_MS = 15_000
/** Of a machine whose memory is elsewhere. */
const ENDED: ReadonlySet<string> = new Set(['finish-migrate', 'postmigrate'])
/** The destination has it all a moment after the source has sent it. */
const ARRIVE_MS = 10_000

export interface QemuMigrationParts {
  readonly env: Env
  readonly user: User | null
  readonly tools: Tools
  readonly cpu: string
  readonly runs: Runs
  readonly bases: Bases
  readonly storage: Storage
  readonly shared: SharedDisks | null
  readonly life: Life
  readonly ledger: Ledger<QemuGuest>
  readonly door: Door
  readonly limits: MigrationLimits
}

export interface QemuMigration extends MigrationDriver {
  /** Ends what this agent does for the guest: its tunnels, here and from there. */
  abandon(instance: string): void
  /** Ends all of it; what is being sent goes on where it is. */
  close(): void
}

export function createQemuMigration(parts: QemuMigrationParts): QemuMigration {
  const { env, user, tools, cpu, runs, bases, storage, shared, life, ledger, door, limits } = parts
  const sending = new Map<string, Outgoing>()

  async function known(instance: string): Promise<QemuGuest> {
    const guest = (await ledger.guests()).get(instance)
    if (!guest) throw noGuest(instance)
    return guest
  }

  function abandon(instance: string): void {
    sending.get(instance)?.close()
    sending.delete(instance)
    door.dismiss(instance)
  }

  function sent(guest: QemuGuest | undefined, instance: string): QemuOutgoing {
    if (!guest) throw noGuest(instance)
    if (!guest.outgoing) throw new BatonError('DriverFault', `guest ${instance} is not being sent anywhere`)
    return guest.outgoing
  }

  /** What came over from the source: to its QEMU, whichever socket that is. */
  const welcome = (instance: string) => async (channel: string, stream: Parameters<typeof carry>[0]) => {
    if (channel !== MEMORY && channel !== DISK) throw new Error(`a guest has no channel ${channel.slice(0, 20)}`)
    await carry(stream, await connectPlain(join(runs.homeOf(instance), channel), user))
  }

  /** A QEMU that waits for the memory, and takes the disk. */
  async function waits(spec: GuestSpec, order: number, copyDisk: boolean, shape: Shape, known: QemuGuest | undefined): Promise<QemuGuest> {
    const { instance } = spec
    const make = async (root: Root): Promise<QemuGuest> => {
      if (copyDisk) await storage.makeEmptyDisk(instance, shape.diskBytes)
      const off = { spec, begun: order, order: -1, method: 'prepareIncoming', stopped: true, root, rescue: null, saved: false } as const
      const { effect = null, run = NEVER_RUN } = known ?? {}
      const slots = assignSlots(shape.slots, spec.devices ?? NO_DEVICES)
      const guest: Unlaunched = { ...off, effect, run, slots, ...(copyDisk ? {} : { shared: true }), incoming: { copyDisk, begun: false } }
      const made = await life.launch(guest, { method: 'prepareIncoming', order }, 'waits to be carried here', true)
      try {
        await listen(await runs.session(made), copyDisk, shape.paused)
      } catch (error) {
        await runs.kill(instance)
        throw error
      }
      return made
    }
    if (shape.kernel === null) return make({ base: null, kernel: null })
    return bases.use(shape.kernel, instance, ({ kernel }) => make({ base: null, kernel }))
  }

  async function listen(qmp: Qmp, copyDisk: boolean, paused: boolean): Promise<void> {
    // A disk opened by `cont` would never be opened for a guest that stays paused; such a one is opened here, and writes nothing.
    const late = paused ? [] : ['late-block-activate']
    const capabilities = ['events', ...late].map(capability => ({ capability, state: true }))
    await qmp.execute('migrate-set-capabilities', { capabilities })
    if (copyDisk) {
      await qmp.execute('nbd-server-start', { addr: { type: 'unix', data: { path: DISK } }, 'max-connections': 1 })
      await qmp.execute('block-export-add', { type: 'nbd', id: DISK, 'node-name': 'root', name: 'root', writable: true })
    }
    await qmp.execute('migrate-incoming', { uri: `unix:${MEMORY}` })
  }

  /** Resolves when a guest that waits has its memory. */
  async function came(qmp: Qmp): Promise<void> {
    let now = await queryMemory(qmp)
    await until(env, ARRIVE_MS, QUICK_POLL_MS, async () => {
      now = await queryMemory(qmp)
      return now.state !== 'active' && now.state !== 'none'
    })
    if (now.state !== 'sent') throw new BatonError('DriverFault', `its memory did not come: ${now.reason}`)
  }

  /**
   * How far its memory is sent. QEMU goes on telling of what was before: of the failure of an earlier try, or that the guest has come here.
   */
  async function sentMemory(guest: QemuGuest, qmp: Qmp): Promise<MemoryTransfer> {
    const memory = await queryMemory(qmp)
    const isOld =
      memory.state === 'sent' ? !ENDED.has((await runs.status(guest)) ?? '') : memory.state === 'failed' && !sending.get(guest.spec.instance)?.begun()
    return isOld ? { ...memory, state: 'none' } : memory
  }

  /** Sends the rest, with the guest standing still. Rejects when it could not; whether the guest goes on must then be looked at. */
  async function switchOver(guest: QemuGuest, qmp: Qmp, { copyDisk }: QemuOutgoing): Promise<void> {
    const reached = async (goal: 'waits' | 'sent'): Promise<void> => {
      let now = await sentMemory(guest, qmp)
      const inTime = await until(env, SWITCH_MS, QUICK_POLL_MS, async () => {
        now = await sentMemory(guest, qmp)
        return now.state !== 'active' && (now.state !== 'waits' || goal === 'waits')
      })
      if (inTime && now.state === goal) return
      throw new BatonError('DriverFault', `the rest of the memory could not be sent: ${inTime ? now.reason : `not within ${SWITCH_MS} ms`}`)
    }
    if ((await sentMemory(guest, qmp)).state === 'sent') return
    await qmp.execute('migrate-set-parameters', { 'downtime-limit': limits.downtimeMs })
    await reached('waits')
    if (copyDisk) {
      if (!(await queryMirror(qmp))?.ready) throw new BatonError('DriverFault', 'the copy of its disk is not complete')
      await endMirror(env, qmp, false)
    }
    await qmp.execute('migrate-continue', { state: 'pre-switchover' })
    await reached('sent')
  }

  /** Has it go on where it is, whatever was under way. */
  async function goesOn(guest: QemuGuest, { power }: QemuOutgoing, permit: Permit): Promise<void> {
    if (!(await runs.isAlive(guest))) return
    await takeBack(env, await runs.session(guest))
    if (power === 'running') await life.unfreeze(guest, permit)
  }

  return {
    abandon,
    close() {
      for (const instance of [...sending.keys()]) abandon(instance)
    },
    async check(instance, blockMigration) {
      const guest = await known(instance)
      const power = await runs.power(guest)
      if (!isOn(power)) throw notRunning(instance, 'migrateOut', power)
      const isShared = guest.shared === true
      if (blockMigration === true && isShared) throw wrongStorage(instance, 'is on storage that the hosts share; do not copy it')
      if (blockMigration === false && !isShared)
        throw wrongStorage(instance, 'is a file of its host; it must be copied (block migration), or the hosts share storage (driver.qemu.shared)')
      return { copyDisk: !isShared, shape: shapeOf(guest, tools, { cpu, diskBytes: await storage.diskBytesOf(guest), paused: power === 'paused' }) }
    },

    async prepareIncoming(spec, order, copyDisk, about = null) {
      const { instance } = spec
      const shape = parseShape(about)
      await ledger.command('prepareIncoming', instance, order, async before => {
        if (before && isOn(await runs.power(before))) throw new BatonError('DriverFault', `guest ${instance} runs on this host already`)
        if (!copyDisk && !(await shared?.find(instance)))
          throw new BatonError('DriverFault', `the disk of guest ${instance} is shared, and not in reach of this host; see driver.qemu.shared`)
        const why = whyNotHere(shape, tools, cpu)
        if (why) throw new BatonError('DriverFault', `guest ${instance} cannot be carried to this host: ${why}`)
        abandon(instance)
        return { guest: await waits(spec, order, copyDisk, shape, before && settled(before)), effect: true }
      })
      return { ...(await door.invite(instance, welcome(instance))) }
    },

    migrateOut: (instance, order, to, copyDisk) =>
      ledger.command('migrateOut', instance, order, async before => {
        if (!before) throw noGuest(instance)
        if (before.outgoing && sending.has(instance)) return { guest: before, effect: false }
        const power = before.outgoing?.power ?? (await runs.power(before))
        if (power !== 'running' && power !== 'paused') throw notRunning(instance, 'migrateOut', power)
        abandon(instance)
        const outgoing: QemuOutgoing = { copyDisk, power, handed: null }
        const guest = { ...before, outgoing }
        // Written down first: whoever finds it under way knows what it was.
        await ledger.save(instance, guest)
        const qmp = await runs.session(guest)
        sending.set(instance, await beginOutgoing({ env, home: runs.homeOf(instance), user, qmp, to: invitationOf(to), copyDisk, limits }))
        await runs.say(instance, `migration: being sent, ${copyDisk ? 'with its disk' : 'its disk is shared'}`)
        return { guest, effect: true }
      }),

    async progress(instance, waitMs) {
      const guest = await known(instance)
      const { copyDisk, handed } = sent(guest, instance)
      const qmp = await runs.session(guest)
      const look = async () =>
        progressOf(await sentMemory(guest, qmp), await queryMirror(qmp), guest.spec.ramMb * 2 ** 20, copyDisk, limits.downtimeMs)
      if (handed !== null) return { ...(await look()), converged: true }
      let broken: string | null = null
      await until(env, waitMs, POLL_MS, async () => {
        const memory = await sentMemory(guest, qmp)
        broken = sending.get(instance)?.failed() ?? (memory.state === 'failed' ? memory.reason : null)
        if (!sending.has(instance) && memory.state !== 'sent') broken ??= 'the agent of this host was restarted'
        return broken !== null || (await look()).converged
      })
      if (broken !== null) throw new BatonError('DriverFault', `guest ${instance} could not be sent, and goes on here: ${broken}`)
      return look()
    },

    forceOutgoing: (instance, order) =>
      ledger.command('forceOutgoing', instance, order, async before => {
        const outgoing = sent(before, instance)
        if (!before || outgoing.handed !== null || outgoing.power === 'paused') return { guest: before ?? (await known(instance)), effect: false }
        await (await runs.session(before)).execute('stop')
        await runs.say(instance, 'migration: paused, so that it comes to an end')
        return { guest: before, effect: true }
      }),

    async handOver(instance, order) {
      await ledger.command('handOver', instance, order, async (before, permit) => {
        const outgoing = sent(before, instance)
        if (!before) throw noGuest(instance)
        if (outgoing.handed !== null) return { guest: before, effect: false }
        const qmp = await runs.session(before)
        try {
          await switchOver(before, qmp, outgoing)
        } catch (error) {
          await goesOn(before, outgoing, permit)
          throw error
        }
        const { downtimeMs, totalMs, sentBytes } = await queryMemory(qmp)
        await runs.say(instance, `migration: handed over, ${sentBytes} bytes of memory in ${totalMs} ms, the last of them in ${downtimeMs} ms`)
        return { guest: { ...before, outgoing: { ...outgoing, handed: order } }, effect: true }
      })
      const { power, handed } = sent(await known(instance), instance)
      return { order: handed ?? order, power } satisfies QemuHanded
    },

    async finishIncoming(instance, order, answer) {
      const handed = handedOf(answer)
      await ledger.command('finishIncoming', instance, order, async (before, permit) => {
        if (before?.arrived === handed.order) return { guest: before, effect: false }
        if (!before?.incoming) throw new BatonError('DriverFault', `guest ${instance} does not wait here to be carried to this host`)
        const { incoming, ...guest } = before
        let { begun } = incoming
        try {
          if (!(await runs.isAlive(before))) throw new BatonError('DriverFault', 'its QEMU has ended')
          const qmp = await runs.session(before)
          await came(qmp)
          if (incoming.copyDisk && !begun) await qmp.execute('nbd-server-stop')
          permit()
          // Written down first: from now on it may have run here.
          await ledger.save(instance, { ...before, incoming: { ...incoming, begun: true } })
          begun = true
          if (handed.power === 'running') await life.unfreeze(before, permit)
        } catch (error) {
          // Unless it says itself that it has not run, it is here and nowhere else, in whatever state.
          if (!begun || (await runs.status(before)) === 'paused') {
            await runs.kill(instance)
            throw error
          }
          env.log.warn({ instance, fault: toFault(error) }, 'a guest may have been carried here, and does not say how it is')
        }
        abandon(instance)
        await runs.say(instance, 'migration: goes on here')
        return { guest: { ...guest, arrived: handed.order, stopped: false }, effect: true }
      })
    },

    async cancelOutgoing(instance, order) {
      if (!(await ledger.guests()).has(instance)) return
      await ledger.command('cancelOutgoing', instance, order, async (before, permit) => {
        if (!before) throw noGuest(instance)
        const { outgoing } = before
        if (!outgoing) return { guest: before, effect: false }
        abandon(instance)
        await goesOn(before, outgoing, permit)
        await runs.say(instance, 'migration: given up, goes on here')
        return { guest: settled(before), effect: true }
      })
    },
  }
}

const wrongStorage = (instance: string, what: string): BatonError => new BatonError('DriverFault', `the disk of guest ${instance} ${what}`)

function invitationOf(to: Json): Invitation {
  if (!Value.Check(InvitationSchema, to)) throw new BatonError('DriverFault', 'the destination has not said where a guest of QEMU is to be sent')
  return to
}

function handedOf(answer: Json): QemuHanded {
  if (!Value.Check(QemuHandedSchema, answer)) throw new BatonError('DriverFault', 'what the source handed over is not what a guest of QEMU needs')
  return answer
}
