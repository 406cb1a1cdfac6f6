/**
 * The hypervisor actor of a compute host: it obeys. Commands for one guest are done one after the other, for different
 * guests side by side. It keeps nothing that matters: what guests there are it asks its driver, and the rank of the newest
 * command of each guest stands with the guest.
 *
 * A command outranked by one already obeyed is refused as stale, and a command obeyed already is answered again without
 * being done again. What is remembered for that beyond the guests' own records is bounded and may be lost with the agent:
 * the connection a late command would have come over is lost with it.
 */

import { operationOf } from '../instance/model.ts'
import { checkObject, flag, integer, listOf, optional, text } from '../kernel/check.ts'
import type { Json } from '../kernel/define.ts'
import type { Env } from '../kernel/env.ts'
import { BatonError, type ErrorCode, isTransient, toFault } from '../kernel/errors.ts'
import { traced } from '../kernel/tracing.ts'
import { AGENT_CHECKS, checkBackupRequest, type HostAgents, isAgentMethod, passwordByAgent, serveAgents, whileFrozen } from './agents.ts'
import type { Devices, GuestSpec, HypervisorDriver, PowerState } from './driver.ts'
import type { ImageUploads, UploadRequest } from './images.ts'
import { isMigrationMethod, MIGRATION_CHECKS, performMigration } from './migration.ts'

export const HYPERVISOR_LIMITS = {
  /** Guests whose newest rank is remembered after they are gone. */
  remembered: 20_000,
  /** Commands that may wait for one guest. */
  inbox: 100,
} as const

export interface GuestReport {
  readonly instance: string
  readonly power: PowerState
  /** Rank of the newest command the guest has obeyed. */
  readonly order: number
  /** It is off because the watchdog has stopped it when the lease of the host ran out. */
  readonly lapsed?: boolean
  /** Whether an agent is expected in it; absent: no. */
  readonly agent?: boolean
}

export interface Hypervisor {
  /** Serves one command; rejects with `BatonError`. It is not done after `deadlineMs` of the monotonic clock, also when it waited here. */
  serve(method: string, args: unknown, deadlineMs?: number): Promise<unknown>
  /** What really runs here. */
  report(): Promise<GuestReport[]>
  stats(): { waiting: number; oldestMs: number; done: number; failed: number; stale: number }
}

interface Command {
  readonly instance: string
  readonly order: number
  readonly [more: string]: unknown
}

/** Runs one task of a guest after the other; given by the supervisor, which puts each guest into an actor. */
export type PerGuest = <T>(instance: string, task: () => Promise<T>) => Promise<T>

const common = { instance: text(128), order: integer(0, Number.MAX_SAFE_INTEGER) }
const guestSpec = checkObject({ name: text(255), vcpus: integer(0, 1e6), ramMb: integer(0, 1e12), diskGb: integer(0, 1e12), image: text(128) })

const OF_ANOTHER = ' of another host: its disks are files of that host'
const OF_ANOTHER_HOST = ' to another host: its disks are files of this one'
const NEEDS_DISKS = '; it takes a driver whose guests have disks, such as fake'

const short = text(64)
const checkDevices = checkObject({
  disks: listOf(checkObject({ id: short, sizeGb: integer(1, 1e6), device: short }), 100),
  interfaces: listOf(checkObject({ id: short, network: short, mac: short }), 100),
})

const CHECKS: Readonly<Record<string, (args: unknown) => string | null>> = {
  spawn: checkObject({ ...common, spec: guestSpec }),
  destroy: checkObject({ ...common, keepDisk: optional(flag) }),
  start: checkObject(common),
  stop: checkObject({ ...common, graceMs: integer(0, 600_000) }),
  reboot: checkObject({ ...common, mode: text(8) }),
  pause: checkObject(common),
  suspend: checkObject(common),
  resume: checkObject(common),
  rescue: checkObject({ ...common, image: text(128) }),
  unrescue: checkObject({ ...common, running: flag }),
  rebuild: checkObject({ ...common, spec: guestSpec, running: flag }),
  receive: checkObject({ ...common, spec: guestSpec, running: flag }),
  unpause: checkObject(common),
  checkMove: checkObject({ ...common, spec: guestSpec, fetched: flag }),
  offerDisk: checkObject(common),
  fetchDisk: checkObject({ ...common, spec: guestSpec, waitMs: integer(0, 10_000) }),
  ...MIGRATION_CHECKS(common, guestSpec),
  consoleLog: checkObject({ instance: text(128), maxBytes: integer(1, 4 * 1024 * 1024) }),
  diagnostics: checkObject({ instance: text(128) }),
  crashDump: checkObject({ instance: text(128) }),
  setPassword: checkObject({ instance: text(128), password: text(255) }),
  setDevices: checkObject({ ...common, devices: checkDevices }),
  snapshot: checkObject({ ...common, image: short }),
  discardSnapshot: checkObject({ ...common, image: short }),
  removeImage: checkObject({ image: short, instance: optional(short) }),
  uploadImage: checkObject({ image: short, upload: text(128), waitMs: integer(0, 60_000), backup: optional(checkBackupRequest) }),
  ...AGENT_CHECKS,
  removeDisk: checkObject({ disk: short }),
}

export interface HypervisorOptions {
  readonly env: Env
  readonly driver: HypervisorDriver
  readonly perGuest: PerGuest
  /** Left out where there is no way to the image store. */
  readonly uploads?: ImageUploads
  /** Left out where guests have no agents. */
  readonly agents?: HostAgents | undefined
}

export function createHypervisor(options: HypervisorOptions): Hypervisor {
  const { env, driver, perGuest, uploads, agents } = options
  /** Newest rank obeyed of each guest, oldest entry first. */
  const newest = new Map<string, { order: number; answer: unknown; fault: BatonError | null }>()
  const waiting = new Map<string, number[]>()
  /** Images that were removed, oldest first: a snapshot that comes late, or waited behind something, must not make one again. */
  const removed = new Set<string>()
  const counters = { waiting: 0, done: 0, failed: 0, stale: 0 }

  function remember(instance: string, order: number, answer: unknown, fault: BatonError | null): void {
    newest.delete(instance)
    newest.set(instance, { order, answer, fault })
    if (newest.size > HYPERVISOR_LIMITS.remembered) for (const oldest of newest.keys()) return void newest.delete(oldest)
  }

  /** Of a guest whose snapshot it is: behind whatever is being done to the guest, which may be just this snapshot, given up by its operation. */
  function removeImage(image: string, instance: unknown): Promise<unknown> {
    if (!driver.removeImage) return unsupported('remove an image of')
    removed.delete(image)
    removed.add(image)
    const [oldest = image] = removed
    if (removed.size > HYPERVISOR_LIMITS.remembered) removed.delete(oldest)
    const remove = async (): Promise<void> => driver.removeImage?.(image)
    return typeof instance === 'string' ? perGuest(instance, remove) : remove()
  }

  const specOf = (c: Command): GuestSpec => ({ ...(c.spec as GuestSpec), instance: c.instance })

  const unsupported = (method: string, needs = ''): Promise<never> =>
    Promise.reject(new BatonError('DriverUnsupported', `the ${driver.name} driver cannot ${method} a guest${needs}`))

  /** What is asked of the host beside its guests, or of a guest without changing it. Undefined for commands. */
  function answerAtOnce(method: string, args: Record<string, unknown>): Promise<unknown> | undefined {
    switch (method) {
      case 'consoleLog':
        return driver.consoleLog(String(args.instance), Number(args.maxBytes)).then(output => ({ output }))
      case 'diagnostics':
        return driver.diagnostics?.(String(args.instance)).then(seen => ({ ...seen, driver: driver.name })) ?? unsupported('tell what is used by')
      case 'crashDump':
        return driver.crashDump
          ? perGuest(String(args.instance), async () => driver.crashDump?.(String(args.instance)))
          : unsupported('trigger a crash dump of')
      case 'setPassword':
        return (
          driver.setPassword?.(String(args.instance), String(args.password)) ??
          (agents && passwordByAgent(agents, String(args.instance), String(args.password))) ??
          unsupported('set a password of')
        )
      case 'removeImage':
        return removeImage(String(args.image), args.instance)
      case 'uploadImage':
        return uploads?.look(args as unknown as UploadRequest) ?? unsupported('upload an image of')
      case 'removeDisk':
        return driver.removeDisk?.(String(args.disk)) ?? unsupported('remove a disk of')
      default:
        if (!isAgentMethod(method)) return undefined
        return agents ? serveAgents(agents, method, args) : unsupported('reach the agent of')
    }
  }

  function perform(method: string, c: Command): Promise<unknown> {
    switch (method) {
      case 'spawn':
        return driver.spawn(specOf(c), c.order)
      case 'destroy':
        return driver.destroy(c.instance, c.order, c.keepDisk === true)
      case 'start':
        return driver.start(c.instance, c.order)
      case 'stop':
        return driver.stop(c.instance, c.order, c.graceMs as number)
      case 'reboot':
        return driver.reboot(c.instance, c.order, c.mode === 'hard' ? 'hard' : 'soft')
      case 'pause':
        return driver.pause(c.instance, c.order)
      case 'unpause':
        return driver.unpause(c.instance, c.order)
      case 'suspend':
        return driver.suspend?.(c.instance, c.order) ?? unsupported(method)
      case 'resume':
        return driver.resume?.(c.instance, c.order) ?? unsupported(method)
      case 'rescue':
        return driver.rescue?.(c.instance, c.order, String(c.image)) ?? unsupported(method)
      case 'unrescue':
        return driver.unrescue?.(c.instance, c.order, c.running === true) ?? unsupported(method)
      case 'rebuild':
        return driver.rebuild?.(specOf(c), c.order, c.running === true) ?? unsupported(method)
      case 'receive':
        return driver.receive?.(specOf(c), c.order, c.running === true) ?? unsupported('take over', OF_ANOTHER)
      case 'checkMove':
        if (!driver.receive) return unsupported('move', OF_ANOTHER_HOST)
        return driver.checkMove?.(specOf(c), c.fetched === true) ?? Promise.resolve(null)
      case 'offerDisk':
        return driver.offer?.(c.instance, c.order).then(offer => ({ offer })) ?? Promise.resolve({ offer: null })
      case 'fetchDisk':
        return driver.fetch?.(specOf(c), c.order, (c.offer ?? null) as Json, c.waitMs as number) ?? unsupported('fetch', OF_ANOTHER)
      case 'setDevices':
        return driver.setDevices?.(c.instance, c.order, c.devices as Devices) ?? unsupported('change the devices of', NEEDS_DISKS)
      case 'snapshot':
        if (!driver.snapshot) return unsupported(method, NEEDS_DISKS)
        if (removed.has(String(c.image)))
          return Promise.reject(new BatonError('StaleCommand', `image ${c.image} was removed here; it is not made again`))
        return whileFrozen(agents, c.instance, env.log, async () => driver.snapshot?.(c.instance, c.order, String(c.image)))
      case 'discardSnapshot':
        return driver.discardSnapshot?.(c.instance, c.order, String(c.image)) ?? unsupported('snapshot', NEEDS_DISKS)
      default:
        if (isMigrationMethod(method)) return performMigration(driver, method, { ...c, spec: c.spec ? specOf(c) : undefined })
        throw new BatonError('UnknownMethod', `a hypervisor has no method ${method}`)
    }
  }

  async function obey(method: string, command: Command, deadlineMs: number): Promise<unknown> {
    if (env.monotonicMs() > deadlineMs)
      throw new BatonError('DeadlineExceeded', `${method} of ${command.instance} waited too long behind other commands`)
    const known = newest.get(command.instance)
    if (known && command.order < known.order) {
      counters.stale++
      throw new BatonError('StaleCommand', `${method} of ${command.instance} has rank ${command.order}, but ${known.order} was obeyed already`)
    }
    if (known && command.order === known.order) {
      if (known.fault) throw known.fault
      return known.answer
    }
    const beganMs = env.monotonicMs()
    const told = { instance: command.instance, operation: operationOf(command.instance, command.order), method }
    const tookMs = (): number => Math.round(env.monotonicMs() - beganMs)
    try {
      const about = { 'baton.instance': command.instance, 'baton.driver': driver.name, 'baton.order': command.order }
      const answer = (await traced(env, `driver ${method}`, about, () => perform(method, command))) ?? null
      counters.done++
      env.log.info({ ...told, tookMs: tookMs() }, 'a command was carried out')
      remember(command.instance, command.order, answer, null)
      return answer
    } catch (error) {
      counters.failed++
      const code: ErrorCode = error instanceof BatonError ? error.code : 'DriverFault'
      const fault = new BatonError(code, error instanceof Error ? error.message : String(error))
      env.log.warn({ ...told, tookMs: tookMs(), fault: toFault(fault) }, 'a command failed')
      // A fault of the moment says nothing about the next try.
      if (!isTransient(fault)) remember(command.instance, command.order, null, fault)
      throw fault
    }
  }

  async function inTurn(method: string, command: Command, deadlineMs: number): Promise<unknown> {
    const queue = waiting.get(command.instance) ?? []
    if (queue.length >= HYPERVISOR_LIMITS.inbox)
      throw new BatonError('Overloaded', `${queue.length} commands wait for ${command.instance}`, { retryAfterMs: 1000 })
    queue.push(env.monotonicMs())
    waiting.set(command.instance, queue)
    counters.waiting++
    try {
      return await perGuest(command.instance, () => obey(method, command, deadlineMs))
    } finally {
      counters.waiting--
      queue.shift()
      if (queue.length === 0) waiting.delete(command.instance)
    }
  }

  return {
    async serve(method, args, deadlineMs = Number.POSITIVE_INFINITY) {
      const check = Object.hasOwn(CHECKS, method) ? CHECKS[method] : undefined
      if (!check) throw new BatonError('UnknownMethod', `a hypervisor has no method ${method}`)
      const wrong = check(args)
      if (wrong) throw new BatonError('BadRequest', `compute.${method}: ${wrong}`)
      const command = args as Command
      const atOnce = answerAtOnce(method, args as Record<string, unknown>)
      if (atOnce) return (await atOnce) ?? null
      // A look at a transfer may take long and changes nothing: no command waits behind it.
      if (method === 'migrationProgress') {
        if (command.force === true) await inTurn('forceOutgoing', command, deadlineMs)
        return (await driver.migration?.progress(command.instance, command.waitMs as number)) ?? unsupported('live-migrate')
      }
      return inTurn(method, command, deadlineMs)
    },
    async report() {
      const guests = await driver.list()
      return guests.map(({ instance, power, order, agent }) => ({ instance, power, order, ...(agent ? { agent } : {}) }))
    },
    stats() {
      const now = env.monotonicMs()
      let oldestMs = 0
      for (const [since] of waiting.values()) oldestMs = Math.max(oldestMs, now - (since ?? now))
      return { ...counters, oldestMs }
    },
  }
}
