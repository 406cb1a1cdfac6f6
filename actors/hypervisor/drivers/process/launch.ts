/**
 * Starts one run of a guest so that it can neither be lost nor doubled, whenever the agent dies:
 *
 * 1. The supervisor starts and waits for a word on its standard input.
 * 2. We put it under its limits, and `record` writes down its pid and start time.
 * 3. We say `go`. If we die before, the supervisor reads the end of the file and goes away.
 * 4. The guest says `up`.
 *
 * So a guest that runs has always been written down before, and one that was written down but never came to life is
 * seen to be dead. Arguments are lists all the way: no shell reads a name or a number of the spec as code.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { Env } from '../../../kernel/env.ts'
import { BatonError } from '../../../kernel/errors.ts'
import type { GuestSpec } from '../../driver.ts'
import { type Capabilities, GUEST_ENVIRONMENT, unshareArguments } from './capabilities.ts'
import { type ProcessId, statOf } from './proc.ts'
import { within } from './wait.ts'

const UP_TIMEOUT_MS = 20_000

const script = (name: string): string => fileURLToPath(new URL(`guest/${name}.sh`, import.meta.url))

/** The init of the built-in image. */
export const BUILT_IN_INIT = script('init')

export interface Launch {
  readonly spec: GuestSpec
  /** Where the supervisor leaves console, pid of init and exit status. */
  readonly folder: string
  readonly run: number
  readonly init: string
  readonly marker: string
  /** What the guest is told by its environment. */
  readonly environment: Readonly<Record<string, string>>
  /** Puts the supervisor under its limits and writes it down. Nothing of the guest runs before it resolves. */
  readonly record: (supervisor: ProcessId) => Promise<void>
}

/** Value of BATON_GUEST in the environment of everything that belongs to a guest. */
export const markerEntry = (marker: string): string => `BATON_GUEST=${marker}`

/** Resolves when the guest is up. Rejects with `DriverFault`; what was recorded may then still run. */
export async function launch(env: Env, can: Capabilities, what: Launch): Promise<void> {
  const child = spawn('/bin/sh', launchArguments(can, what), {
    cwd: '/',
    detached: true,
    env: { ...GUEST_ENVIRONMENT, ...what.environment, BATON_GUEST: what.marker },
    stdio: ['pipe', 'ignore', 'ignore', 'pipe'],
  })
  // `close` comes after the last word was heard, `exit` may come before.
  const ended = new Promise<'ended'>(resolve => child.once('close', () => resolve('ended')))
  const up = heard(child)
  try {
    await once(child, 'spawn')
    const stat = await statOf(child.pid ?? 0)
    if (!stat) throw new BatonError('DriverFault', 'the supervisor of the guest ended at once')
    await what.record({ pid: stat.pid, startTicks: stat.startTicks })
    child.stdin?.end('go\n')
    const answer = await within(env, UP_TIMEOUT_MS, Promise.race([up, ended]))
    if (answer !== 'up')
      throw new BatonError('DriverFault', answer === null ? `not up within ${UP_TIMEOUT_MS} ms` : 'the guest ended before it was up')
  } catch (error) {
    // Before `go` this is all there is to end; after it, the caller clears away by what was recorded.
    child.kill('SIGKILL')
    throw error instanceof BatonError ? error : new BatonError('DriverFault', `cannot start the guest: ${messageOf(error)}`, { cause: error })
  } finally {
    for (const stream of child.stdio) stream?.destroy()
    child.unref()
  }
}

function launchArguments(can: Capabilities, { spec, folder, run, init }: Launch): string[] {
  const addressSpaceKb = can.cgroups?.controllers.includes('memory') ? 0 : Math.round(spec.ramMb * 1024)
  const hostname = can.namespaces.includes('uts') ? `baton-${spec.instance.slice(0, 8)}` : '-'
  const supervise = [script('supervise'), folder, `${run}`, `${addressSpaceKb}`]
  const enter = ['/bin/sh', script('enter'), `${run}`, hostname, can.ownProc ? 'proc' : '-']
  const guest = ['/bin/sh', init, printable(spec.name), spec.instance, `${spec.vcpus}`, `${spec.ramMb}`, `${spec.diskGb}`]
  return [...supervise, ...unshareArguments(can.namespaces), ...enter, ...guest]
}

/** Resolves with `up` when the child says so; never, if it does not. */
function heard(child: ChildProcess): Promise<'up'> {
  const [stdin, , , voice] = child.stdio
  // Whoever ends before it has read or written all is noticed by its exit.
  if (stdin instanceof Writable) stdin.on('error', () => {})
  return new Promise(resolve => {
    if (!(voice instanceof Readable)) return
    voice.on('error', () => {})
    voice.once('data', () => resolve('up'))
  })
}

/** A name as it may be printed on a console: without control characters, and no longer than a line. */
const printable = (name: string): string => name.replace(/\p{C}/gu, '?').slice(0, 255)

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
