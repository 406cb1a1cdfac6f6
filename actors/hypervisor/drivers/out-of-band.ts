/**
 * The drivers' way to stop a guest without their agent: for the watchdog, which works while the agent stands still, is cut off or
 * dead. It needs what is on disk and in the kernel, and nothing of the agent's memory. Whatever the agent was in the midst of cannot
 * bring the guest back: see `overrule` for the fake driver, `boot` of the process driver for the other.
 */
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Env } from '../../kernel/env.ts'
import { BatonError } from '../../kernel/errors.ts'
import { cgroupsOn, type Hierarchy } from './cgroup.ts'
import { lapsedFakeGuest } from './fake.ts'
import { overrule } from './folder-store.ts'
import { createGuestDoors } from './process/guest-doors.ts'
import { openRuns } from './process/runs.ts'
import { openRuns as openQemuRuns, QEMU_FOLDER } from './qemu/runs.ts'
import { FakeGuestSchema, ProcessGuestSchema, parseWith } from './records.ts'
import { checkInstanceId } from './rules.ts'

type OutOfBandDriver = 'fake' | 'process' | 'qemu'

/** A driver of another name has fake guests: those of tests. */
export const outOfBandName = (driver: string): OutOfBandDriver => (driver === 'process' || driver === 'qemu' ? driver : 'fake')

/** What the agent has found out about the machine and hands on, as JSON. */
export interface OutOfBandSpec {
  readonly driver: OutOfBandDriver
  /** The folder that `chooseDriver` was given. */
  readonly folder: string
  /** Of the process driver. */
  readonly hierarchies: readonly Hierarchy[]
}

/** Resolves when nothing of the guest runs: true when something did. Rejects when it cannot be stopped. */
export type StopOutOfBand = (instance: string) => Promise<boolean>

export async function openOutOfBand(env: Env, { driver, folder, hierarchies }: OutOfBandSpec): Promise<StopOutOfBand> {
  if (driver === 'fake') return async instance => overrule(join(folder, 'fake'), instance, lapsed)
  if (driver === 'qemu') return stopQemu(env, join(folder, QEMU_FOLDER))
  const home = join(folder, 'process')
  const cgroups = hierarchies.length > 0 ? cgroupsOn(env, hierarchies) : null
  // It launches nothing, so it opens no doors either: those of the guests are their agent's.
  const runs = await openRuns(env, { namespaces: [], ownProc: false, cgroups }, home, createGuestDoors({ env }))
  const parse = parseWith(ProcessGuestSchema)
  return async instance => {
    checkInstanceId(instance)
    const record = await readFile(join(home, 'guests', `${instance}.json`), 'utf8').catch(() => null)
    if (record === null) return false
    const guest = parse(JSON.parse(record))
    if (!guest) throw new BatonError('DriverFault', `the record of guest ${instance} cannot be read`)
    // A supervisor that waits for its word is not a guest yet, but must not become one.
    const ran = await runs.lives(guest)
    if (ran) await runs.kill(guest)
    return ran
  }
}

/** Whatever bears the guest's mark is ended, written down or not: what an agent was about to let go on must not. */
async function stopQemu(env: Env, home: string): Promise<StopOutOfBand> {
  await mkdir(home, { recursive: true, mode: 0o700 })
  const runs = await openQemuRuns({ env, folder: home, user: null, cgroups: null })
  return async instance => {
    checkInstanceId(instance)
    const ran = await runs.lives(instance)
    if (ran) await runs.kill(instance)
    return ran
  }
}

const parseFake = parseWith(FakeGuestSchema)

function lapsed(record: unknown): object | null {
  const guest = parseFake(record)
  return guest && (guest.power === 'running' || guest.power === 'paused') ? lapsedFakeGuest(guest) : null
}
