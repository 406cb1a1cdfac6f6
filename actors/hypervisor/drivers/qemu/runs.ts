/**
 * The runs of guests: one QEMU each, from its launch to its end. It outlives the agent; what it is doing is asked, over its control socket,
 * and never remembered. Which process it is the record says (pid, start time, boot); that nothing else of the guest is left is seen by the
 * mark in the environment of its processes.
 *
 * A launch that is cut short anywhere leaves no guest that runs unknown: QEMU starts with its processors stopped, is written down, and only
 * then told to go on. What was started and not written down is found by its mark, and ended by the next command.
 */
import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Env } from '../../../kernel/env.ts'
import { BatonError, toFault } from '../../../kernel/errors.ts'
import type { PowerState } from '../../driver.ts'
import type { Cgroups } from '../cgroup.ts'
import { markerEntry } from '../process/launch.ts'
import { isAlive, pidsWithEnvironment, readBootId, signal, statOf } from '../process/proc.ts'
import { type Cause, scopeOf } from '../process/runs.ts'
import { until } from '../process/wait.ts'
import { limiter } from '../queue.ts'
import type { QemuGuest } from '../records.ts'
import { FILES, limitsOf } from './command-line.ts'
import { addLine, CONSOLE_BYTES, giveTo, tailOf, trim } from './guest-files.ts'
import { connectQmp, type Qmp } from './qmp.ts'
import { lineOfEvent, powerOf } from './status.ts'
import { TOOL_ENVIRONMENT, type User } from './tools.ts'
import { isObject } from './wire.ts'

/** Longest path of a Unix socket that Linux takes, in bytes. */
const MAX_SOCKET_PATH = 107
const HELLO_MS = 20_000
/** A connection is refused until QEMU listens. */
const CONNECT_MS = 2_000
const STATUS_MS = 1_000
const QUIT_MS = 2_000
const KILL_MS = 10_000
const POLL_MS = 50
/** An ACPI button pressed before the guest listens is lost, so it is pressed again, ms. */
const POWER_BUTTON_MS = 1_000
/** QEMUs that start at once; more are no faster. */
const LAUNCHES_AT_ONCE = 4

/** Of this driver, in the folder of a host: short, for the sake of the sockets in it. */
export const QEMU_FOLDER = 'qemu'

export interface RunOptions {
  readonly env: Env
  /** Of the driver. */
  readonly folder: string
  readonly user: User | null
  /** What limits a guest beside its own QEMU; null where no control group works, or where nothing is launched. */
  readonly cgroups: Cgroups | null
}

export interface Runs {
  homeOf(instance: string): string
  /** Makes the guest's folder. Rejects `DriverFault` when sockets could have no names in it. */
  makeHome(instance: string): Promise<string>
  /** Starts a QEMU that waits. `save` is given the record before the guest can run. */
  launch(
    guest: Omit<QemuGuest, 'run'>,
    before: QemuGuest['run'] | undefined,
    start: { readonly qemu: string; readonly args: readonly string[] },
    by: Cause,
    save: (guest: QemuGuest) => Promise<void>,
  ): Promise<QemuGuest>
  /** The control session of a guest that runs. Rejects `DriverFault`. */
  session(guest: QemuGuest): Promise<Qmp>
  /** QEMU's own word; null when it does not say. */
  status(guest: QemuGuest): Promise<string | null>
  isAlive(guest: QemuGuest): Promise<boolean>
  power(guest: QemuGuest): Promise<PowerState>
  /** Presses the power button and waits. True when it is off within `graceMs`; false as soon as `hurried` says so. */
  terminate(guest: QemuGuest, graceMs: number, hurried: () => boolean): Promise<boolean>
  /** Whether any process of the guest is left. */
  lives(instance: string): Promise<boolean>
  /** Ends every process of the guest. Rejects `DriverFault` when one will not die. */
  kill(instance: string): Promise<void>
  say(instance: string, line: string): Promise<void>
  console(instance: string, maxBytes: number): Promise<string>
  /** Keeps what QEMU writes within bounds. */
  tidy(instance: string): Promise<void>
  /** Removes the guest's folder; `number` is that of its last run. */
  erase(instance: string, number?: number): Promise<void>
  close(): void
}

export async function openRuns({ env, folder, user, cgroups }: RunOptions): Promise<Runs> {
  const bootId = await readBootId()
  const scope = await scopeOf(folder)
  const launches = limiter(LAUNCHES_AT_ONCE)
  const sessions = new Map<string, { readonly pid: number; readonly qmp: Promise<Qmp> }>()
  const homeOf = (instance: string): string => join(folder, 'run', instance)
  const groupOf = (instance: string): string => `${scope}-${instance}`
  const marker = (instance: string): string => markerEntry(groupOf(instance))
  const pids = (instance: string): Promise<number[]> => pidsWithEnvironment(marker(instance))
  const alive = async ({ run }: QemuGuest): Promise<boolean> => run.bootId === bootId && run.pid > 0 && (await isAlive(run))
  const endedFile = (instance: string, number: number): string => join(folder, 'guests', `${instance}.ended.${number}`)

  function open(instance: string, pid: number): Promise<Qmp> {
    const known = sessions.get(instance)
    if (known?.pid === pid) return known.qmp
    forget(instance)
    const qmp = connectQmp(env, join(homeOf(instance), FILES.qmp), CONNECT_MS)
    const mine = { pid, qmp }
    sessions.set(instance, mine)
    const drop = (): void => {
      if (sessions.get(instance) === mine) sessions.delete(instance)
    }
    qmp.then(session => {
      session.onEvent(({ name, data }) => {
        const line = lineOfEvent(name, data)
        if (line) say(instance, line)
      })
      session.closed.then(drop)
    }, drop)
    return qmp
  }

  function forget(instance: string): void {
    sessions.get(instance)?.qmp.then(
      session => session.close(),
      () => {},
    )
    sessions.delete(instance)
  }

  const complain = (instance: string, error: unknown): void =>
    env.log.warn({ instance, fault: toFault(error) }, 'the console of a guest cannot be kept')

  async function say(instance: string, line: string): Promise<void> {
    // What is said to people holds nobody up, whatever a guest has made of its folder.
    await addLine(join(homeOf(instance), FILES.console), `[baton] ${line}`, user).catch(error => complain(instance, error))
  }

  async function status(guest: QemuGuest): Promise<string | null> {
    try {
      const qmp = await open(guest.spec.instance, guest.run.pid)
      const answer = await qmp.execute('query-status', {}, STATUS_MS)
      return isObject(answer) && typeof answer.status === 'string' ? answer.status : null
    } catch {
      return null
    }
  }

  async function power(guest: QemuGuest): Promise<PowerState> {
    // One that waits to be carried here does not run here yet; one that was handed over does not run here any more.
    if (guest.incoming?.begun === false || typeof guest.outgoing?.handed === 'number') return 'shutdown'
    if (await alive(guest)) {
      const said = await status(guest)
      // It stands still for the moment before it is handed over.
      if (guest.outgoing && (said === 'finish-migrate' || said === 'postmigrate')) return guest.outgoing.power
      if (said === 'shutdown') await putAway(guest)
      // Between two questions it may have ended.
      if (said !== null || (await alive(guest))) return powerOf(said)
    }
    if (guest.saved) return 'suspended'
    if (guest.stopped) return 'shutdown'
    const ended = await readFile(endedFile(guest.spec.instance, guest.run.number), 'utf8').catch(() => null)
    return ended === null ? 'crashed' : 'shutdown'
  }

  /** A guest that has switched itself off needs no memory of the host any more. */
  async function putAway(guest: QemuGuest): Promise<void> {
    await writeFile(endedFile(guest.spec.instance, guest.run.number), 'shutdown\n', { mode: 0o600 })
    const qmp = await open(guest.spec.instance, guest.run.pid)
    await qmp.execute('quit', {}, QUIT_MS).catch(() => {})
  }

  async function kill(instance: string): Promise<void> {
    // Told to quit, it writes what it still has of its disks; one that does not answer is ended all the same.
    const known = sessions.get(instance)
    if (known) await known.qmp.then(qmp => qmp.execute('quit', {}, QUIT_MS)).catch(() => {})
    forget(instance)
    const quitAtMs = env.monotonicMs() + (known ? QUIT_MS : 0)
    const gone = await until(env, KILL_MS, POLL_MS, async () => {
      const left = await pids(instance)
      if (env.monotonicMs() >= quitAtMs) for (const pid of left) signal(pid, 'SIGKILL')
      return left.length === 0
    })
    if (!gone) throw new BatonError('DriverFault', `processes of guest ${instance} do not end: ${(await pids(instance)).join(', ')}`)
  }

  async function makeHome(instance: string): Promise<string> {
    const home = homeOf(instance)
    const longest = join(home, FILES.serial)
    if (Buffer.byteLength(longest) > MAX_SOCKET_PATH) throw new BatonError('DriverFault', tooLong(longest))
    await mkdir(home, { recursive: true, mode: 0o700 })
    giveTo(home, user)
    return home
  }

  async function launched(guest: Omit<QemuGuest, 'run'>, number: number, qemu: string, args: readonly string[], by: Cause): Promise<QemuGuest> {
    const { instance } = guest.spec
    const home = await makeHome(instance)
    for (const name of [FILES.qmp, FILES.serial, FILES.vnc, FILES.agent, FILES.messages]) await rm(join(home, name), { force: true })
    const messages = openSync(join(home, FILES.messages), 'wx', 0o600)
    try {
      const child = spawn(qemu, args, {
        cwd: home,
        detached: true,
        env: { ...TOOL_ENVIRONMENT, ...Object.fromEntries([marker(instance).split('=')]) },
        stdio: ['ignore', messages, messages],
        ...(user ?? {}),
      })
      const failed = new Promise<string>(resolve => {
        child.once('error', error => resolve(error.message))
        child.once('exit', (code, why) => resolve(`it ended with ${why ?? code}`))
      })
      let over: string | null = null
      failed.then(why => {
        over = why
      })
      child.unref()
      const pid = child.pid ?? 0
      const ready = await until(env, HELLO_MS, POLL_MS, async () => {
        if (over !== null) return true
        return open(instance, pid).then(
          () => true,
          () => false,
        )
      })
      const stat = await statOf(pid)
      if (!ready || over !== null || !stat) {
        const words = (await tailOf(join(home, FILES.messages), 2_000)).toString('utf8').trim().split('\n').at(-1)
        throw new BatonError('DriverFault', `QEMU did not start: ${words || over || `no answer within ${HELLO_MS} ms`}`)
      }
      // It has hardly used anything yet: its processors stand still.
      await cgroups?.create(groupOf(instance), limitsOf(guest.spec))
      await cgroups?.add(groupOf(instance), pid)
      return {
        ...guest,
        begun: by.order,
        stopped: false,
        run: { number, method: by.method, order: by.order, bootId, pid, startTicks: stat.startTicks },
      }
    } finally {
      closeSync(messages)
    }
  }

  return {
    homeOf,
    makeHome,
    kill,
    power,
    status,
    say,
    isAlive: alive,
    session: guest => open(guest.spec.instance, guest.run.pid),
    lives: async instance => (await pids(instance)).length > 0,
    launch: (guest, before, { qemu, args }, by, save) =>
      launches(async () => {
        const { instance } = guest.spec
        // What an agent has started and not written down.
        await kill(instance)
        const number = (before?.number ?? 0) + 1
        try {
          const made = await launched(guest, number, qemu, args, by)
          await save(made)
          if (before) await rm(endedFile(instance, before.number), { force: true })
          return made
        } catch (error) {
          await kill(instance)
          throw error
        }
      }),
    async terminate(guest, graceMs, hurried) {
      let pressedMs = Number.NEGATIVE_INFINITY
      const over = await until(env, graceMs, POLL_MS, async () => {
        if (hurried()) return true
        const now = await power(guest)
        if (now !== 'running' && now !== 'paused') return true
        if (env.monotonicMs() - pressedMs >= POWER_BUTTON_MS) {
          pressedMs = env.monotonicMs()
          const qmp = await open(guest.spec.instance, guest.run.pid).catch(() => null)
          // A guest that stands still cannot see the button.
          if (now === 'paused') await qmp?.execute('cont').catch(() => {})
          await qmp?.execute('system_powerdown').catch(() => {})
        }
        return false
      })
      return over && !hurried()
    },
    async console(instance, maxBytes) {
      const file = join(homeOf(instance), FILES.console)
      const current = await tailOf(file, maxBytes)
      const leftBytes = maxBytes - current.length
      const old = leftBytes > 0 ? await tailOf(`${file}.old`, Math.min(leftBytes, CONSOLE_BYTES)) : Buffer.alloc(0)
      return Buffer.concat([old, current]).toString('utf8')
    },
    async tidy(instance) {
      for (const name of [FILES.console, FILES.messages]) await trim(join(homeOf(instance), name)).catch(error => complain(instance, error))
    },
    async erase(instance, number) {
      forget(instance)
      if (number !== undefined) await rm(endedFile(instance, number), { force: true })
      await rm(homeOf(instance), { recursive: true, force: true })
      await cgroups?.remove(groupOf(instance))
    },
    close() {
      for (const instance of [...sessions.keys()]) forget(instance)
    },
  }
}

function tooLong(path: string): string {
  const bytes = Buffer.byteLength(path)
  return `the path of a socket would have ${bytes} bytes, and Linux takes ${MAX_SOCKET_PATH}; choose a data folder with a shorter path: ${path}`
}

/** Throws `DataFolder` when the guests of a folder could have no sockets. */
export function checkSocketPaths(folder: string): void {
  const longest = join(folder, 'run', '0'.repeat(36), FILES.serial)
  if (Buffer.byteLength(longest) > MAX_SOCKET_PATH) throw new BatonError('DataFolder', tooLong(longest))
}
