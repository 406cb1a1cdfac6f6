/**
 * The runs of guests: from one launch to the end of its last process. What a run is doing is never remembered, it is read
 * from the kernel and from what the supervisor left in the run's folder, so that an agent started meanwhile knows as much.
 *
 *     <folder>/run/<instance>/   console, console.old, init.<run> (pid and start time of init), exit.<run> (its status)
 */
import { createHash } from 'node:crypto'
import { readFile, realpath, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Env } from '../../../kernel/env.ts'
import { BatonError } from '../../../kernel/errors.ts'
import type { Diagnostics, GuestStream, PowerState } from '../../driver.ts'
import { tailOf } from '../folder-store.ts'
import { limiter } from '../queue.ts'
import type { ProcessGuest } from '../records.ts'
import type { DriverMethod } from '../rules.ts'
import type { Capabilities } from './capabilities.ts'
import { GUEST_DISK, type GuestDoors } from './guest-doors.ts'
import { launch, markerEntry } from './launch.ts'
import { ageS, catches, isAlive, type ProcessId, pidsWithEnvironment, readBootId, signal, usedBy } from './proc.ts'
import { openSerial } from './serial.ts'
import { until } from './wait.ts'

const SIGTERM = 15
const POLL_MS = 20
const KILL_TIMEOUT_MS = 10_000
/** How long a supervisor may take to write down how its guest ended, before it is killed too. */
const LAST_WORD_MS = 2_000
const UP_TIMEOUT_MS = 20_000
/** Forking holds up the event loop for a moment; so many at once are no faster. */
const LAUNCHES_AT_ONCE = 8
/** A shell and its supervisor need this much, however small the flavor. */
const MIN_RAM_MB = 16
const MAX_PROCESSES = 512

export type Unlaunched = Omit<ProcessGuest, 'run'> & { readonly run?: ProcessGuest['run'] }

/** The command that has a guest launched. */
export interface Cause {
  readonly method: DriverMethod
  readonly order: number
}

export interface Runs {
  /** Starts a new run, up when it resolves. `save` is given the record before anything of the guest runs. */
  launch(guest: Unlaunched, init: string, by: Cause, save: (guest: ProcessGuest) => Promise<void>): Promise<ProcessGuest>
  power(guest: ProcessGuest): Promise<PowerState>
  /** Resolves when a run whose launch an earlier agent began is up, or has ended. */
  settled(guest: ProcessGuest): Promise<void>
  /** Sends SIGTERM to init and waits. True when init ended within `graceMs`, false as soon as `hurried` says so. */
  terminate(guest: ProcessGuest, graceMs: number, hurried: () => boolean): Promise<boolean>
  /** Whether any process of the guest is left, its supervisor included. */
  lives(guest: ProcessGuest): Promise<boolean>
  /** Resolves when no process of the guest is left. Rejects with `DriverFault` when some will not die. */
  kill(guest: ProcessGuest): Promise<void>
  freeze(guest: ProcessGuest, frozen: boolean): Promise<void>
  console(instance: string, maxBytes: number): Promise<string>
  /** Rejects `DriverFault` when the guest does not listen. */
  openSerial(guest: ProcessGuest): Promise<GuestStream>
  diagnostics(guest: ProcessGuest): Promise<Diagnostics>
  /** Answers a guest again that an earlier agent has launched. */
  reopen(guest: ProcessGuest): Promise<void>
  homeOf(instance: string): string
  /** Throws away what the guest has written. */
  wipe(instance: string): Promise<void>
  /** Removes files and control groups. */
  erase(instance: string): Promise<void>
}

/** Several agents may share a machine, and two may know the same instance for a while: groups and markers begin with the agent's scope. */
export async function scopeOf(folder: string): Promise<string> {
  const path = await realpath(folder)
  return createHash('sha256').update(path).digest('hex').slice(0, 8)
}

export async function openRuns(env: Env, can: Capabilities, folder: string, doors: GuestDoors): Promise<Runs> {
  const bootId = await readBootId()
  const launches = limiter(LAUNCHES_AT_ONCE)
  const scope = await scopeOf(folder)
  const markerOf = (instance: string): string => `${scope}-${instance}`
  const folderOf = (instance: string): string => join(folder, 'run', instance)
  const frozenByGroup = can.cgroups?.controllers.includes('freezer') ?? false

  const inThisBoot = (guest: ProcessGuest): boolean => guest.run.bootId === bootId

  async function initOf({ spec, run }: ProcessGuest): Promise<ProcessId | null> {
    const text = await readFile(join(folderOf(spec.instance), `init.${run.number}`), 'utf8').catch(() => '')
    const [pid, startTicks] = text.trim().split(' ').map(Number)
    return pid && startTicks ? { pid, startTicks } : null
  }

  async function livingInit(guest: ProcessGuest): Promise<ProcessId | null> {
    const init = inThisBoot(guest) ? await initOf(guest) : null
    return init && (await isAlive(init)) ? init : null
  }

  const supervised = async (guest: ProcessGuest): Promise<boolean> => inThisBoot(guest) && (await isAlive(guest.run))

  const exitStatus = ({ spec, run }: ProcessGuest): Promise<number | null> =>
    readFile(join(folderOf(spec.instance), `exit.${run.number}`), 'utf8').then(
      text => (text.trim() === '' ? null : Number(text)),
      () => null,
    )

  async function power(guest: ProcessGuest): Promise<PowerState> {
    if (await livingInit(guest)) return guest.paused ? 'paused' : 'running'
    const supervisor = await supervised(guest)
    const status = await exitStatus(guest)
    // Between two reads things move on: with a supervisor and no status, init is about to begin or has just ended.
    if (status === null && supervisor) return 'running'
    return guest.stopped || status === 0 ? 'shutdown' : 'crashed'
  }

  /** Init has ended, and how is known if it ever will be. Others may linger, if nothing but init held them. */
  const initEnded = async (guest: ProcessGuest): Promise<boolean> =>
    !(await livingInit(guest)) && ((await exitStatus(guest)) !== null || !(await supervised(guest)))

  const hasEnded = async (guest: ProcessGuest): Promise<boolean> => !(await livingInit(guest)) && !(await supervised(guest))

  async function membersOf(instance: string): Promise<number[]> {
    return can.cgroups ? can.cgroups.members(markerOf(instance)) : pidsWithEnvironment(markerEntry(markerOf(instance)))
  }

  async function freeze(guest: ProcessGuest, frozen: boolean): Promise<void> {
    if (frozenByGroup) return can.cgroups?.freeze(markerOf(guest.spec.instance), frozen)
    const init = await livingInit(guest)
    const pids = new Set([...(init ? [init.pid] : []), ...(await membersOf(guest.spec.instance))])
    for (const pid of pids) signal(pid, frozen ? 'SIGSTOP' : 'SIGCONT')
  }

  async function kill(guest: ProcessGuest): Promise<void> {
    const { instance } = guest.spec
    const init = await livingInit(guest)
    if (init) {
      // The kernel ends a whole pid namespace with its init; the supervisor then writes down the status and ends by itself.
      signal(init.pid, 'SIGKILL')
      await freeze(guest, false)
      await until(env, LAST_WORD_MS, POLL_MS, () => initEnded(guest))
    }
    const gone = await until(env, KILL_TIMEOUT_MS, POLL_MS, async () => {
      const members = await membersOf(instance)
      for (const pid of members) signal(pid, 'SIGKILL')
      if (members.length > 0) await freeze(guest, false)
      return members.length === 0 && (await hasEnded(guest))
    })
    if (!gone) throw new BatonError('DriverFault', `processes of guest ${instance} do not end: ${(await membersOf(instance)).join(', ')}`)
  }

  return {
    power,
    lives: async guest => (await membersOf(guest.spec.instance)).length > 0 || !(await hasEnded(guest)),
    kill,
    freeze,
    launch: (guest, init, by, save) =>
      launches(async () => {
        const { spec } = guest
        const number = (guest.run?.number ?? 0) + 1
        const home = folderOf(spec.instance)
        const environment = await doors.open(spec, home)
        for (const old of ['init', 'exit']) await rm(join(home, `${old}.${number - 1}`), { force: true })
        let launched: ProcessGuest | null = null
        try {
          await launch(env, can, {
            spec,
            folder: home,
            run: number,
            init,
            marker: markerOf(spec.instance),
            environment,
            async record({ pid, startTicks }) {
              const limits = { vcpus: spec.vcpus, ramMb: Math.max(MIN_RAM_MB, spec.ramMb), processes: MAX_PROCESSES }
              await can.cgroups?.create(markerOf(spec.instance), limits)
              await can.cgroups?.add(markerOf(spec.instance), pid)
              launched = { ...guest, begun: by.order, stopped: false, paused: false, run: { number, ...by, bootId, pid, startTicks } }
              await save(launched)
            },
          })
        } catch (error) {
          if (launched) await kill(launched)
          throw error
        }
        if (!launched) throw new BatonError('Internal', `guest ${spec.instance} was launched without being recorded`)
        return launched
      }),
    async settled(guest) {
      await until(env, UP_TIMEOUT_MS, POLL_MS, async () => (await initOf(guest)) !== null || !(await supervised(guest)))
    },
    async terminate(guest, graceMs, hurried) {
      let asked = false
      const over = await until(env, graceMs, POLL_MS, async () => {
        if (hurried()) return true
        const init = await livingInit(guest)
        // Without a handler the init of a pid namespace never sees the signal: a guest that still boots is given the time to set it.
        if (init && !asked && (!can.namespaces.includes('pid') || (await catches(init.pid, SIGTERM)))) {
          signal(init.pid, 'SIGTERM')
          asked = true
        }
        return initEnded(guest)
      })
      return over && !hurried()
    },
    async console(instance, maxBytes) {
      const current = await tailOf(join(folderOf(instance), 'console'), maxBytes)
      const leftBytes = maxBytes - Buffer.byteLength(current)
      return (leftBytes > 0 ? await tailOf(join(folderOf(instance), 'console.old'), leftBytes) : '') + current
    },
    openSerial: ({ spec, run }) => openSerial(env, folderOf(spec.instance), run.number),
    async diagnostics(guest) {
      const [state, pids, init] = await Promise.all([power(guest), membersOf(guest.spec.instance), livingInit(guest)])
      if (!init) return { state, uptimeS: null, cpuTimeNs: null, memoryUsedMb: null }
      const { cpuTimeNs, memoryBytes } = await usedBy(pids)
      return { state, uptimeS: await ageS(init), cpuTimeNs, memoryUsedMb: Math.round(memoryBytes / 1024 ** 2) }
    },
    reopen: ({ spec }) => doors.reopen(spec, folderOf(spec.instance)),
    homeOf: folderOf,
    wipe: instance => rm(join(folderOf(instance), GUEST_DISK), { recursive: true, force: true }),
    async erase(instance) {
      await doors.close(instance)
      await rm(folderOf(instance), { recursive: true, force: true })
      await can.cgroups?.remove(markerOf(instance))
    },
  }
}
