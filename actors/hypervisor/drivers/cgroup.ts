/**
 * Limits by control groups, in whichever of the two versions truly works here: found out by making a group, writing to
 * it, and moving a process into it, since a mounted hierarchy may be read-only, or not ours.
 *
 * A guest has one group per controller, `baton/<name>`. Version 1 has a hierarchy per controller; version 2 has one.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Env } from '../../kernel/env.ts'
import { BatonError } from '../../kernel/errors.ts'
import { sleep } from './process/wait.ts'

const GROUP = 'baton'
const CPU_PERIOD_US = 100_000
const BUSY_TRIES = 100
const BUSY_WAIT_MS = 20

export type Controller = 'cpu' | 'memory' | 'pids' | 'freezer'

export interface Limits {
  readonly vcpus: number
  readonly ramMb: number
  readonly processes: number
}

export interface Hierarchy {
  readonly version: 1 | 2
  /** What this hierarchy limits here; of version 2 the freezer is always part. */
  readonly controllers: readonly Controller[]
  /** Folder in which the groups of guests are made. */
  readonly base: string
}

export interface Cgroups {
  readonly hierarchies: readonly Hierarchy[]
  readonly controllers: readonly Controller[]
  create(name: string, limits: Limits): Promise<void>
  add(name: string, pid: number): Promise<void>
  /** Resolves when all processes stand still, or go on. Does nothing without a freezer. */
  freeze(name: string, frozen: boolean): Promise<void>
  members(name: string): Promise<number[]>
  /** Resolves when the groups are gone; groups that never were are fine. Rejects with `DriverFault` while processes remain. */
  remove(name: string): Promise<void>
}

/** Where controllers are mounted, from /proc/self/mountinfo. */
export function parseMounts(mountinfo: string): { readonly v1: ReadonlyMap<Controller, string>; readonly v2: string | null } {
  const v1 = new Map<Controller, string>()
  let v2: string | null = null
  for (const line of mountinfo.split('\n')) {
    const [before = '', after = ''] = line.split(' - ')
    const path = before.split(' ')[4]
    const [type, , options = ''] = after.split(' ')
    if (!path) continue
    if (type === 'cgroup2') v2 = path
    if (type !== 'cgroup') continue
    const mounted = options.split(',')
    for (const controller of CONTROLLERS) if (mounted.includes(controller)) v1.set(controller, path)
  }
  return { v1, v2 }
}

const CONTROLLERS: readonly Controller[] = ['cpu', 'memory', 'pids', 'freezer']

/** File and value by which each limit is set. */
export function limitFiles({ version, controllers }: Pick<Hierarchy, 'version' | 'controllers'>, limits: Limits): (readonly [string, string])[] {
  const quotaUs = Math.max(1_000, Math.round(limits.vcpus * CPU_PERIOD_US))
  const bytes = Math.round(limits.ramMb * 1024 * 1024)
  const files: Readonly<Record<Controller, readonly (readonly [string, string])[]>> =
    version === 1
      ? {
          cpu: [
            ['cpu.cfs_period_us', `${CPU_PERIOD_US}`],
            ['cpu.cfs_quota_us', `${quotaUs}`],
          ],
          memory: [['memory.limit_in_bytes', `${bytes}`]],
          pids: [['pids.max', `${limits.processes}`]],
          freezer: [],
        }
      : {
          cpu: [['cpu.max', `${quotaUs} ${CPU_PERIOD_US}`]],
          memory: [['memory.max', `${bytes}`]],
          pids: [['pids.max', `${limits.processes}`]],
          freezer: [],
        }
  return controllers.flatMap(controller => files[controller])
}

/** Tries every hierarchy for real. Null when none works. */
export async function probeCgroups(env: Env): Promise<Cgroups | null> {
  const { v1, v2 } = parseMounts(await readFile('/proc/self/mountinfo', 'utf8'))
  const candidates: Hierarchy[] = [...v1].map(([controller, path]) => ({ version: 1, controllers: [controller], base: join(path, GROUP) }))
  const unified = v2 === null ? null : await unifiedHierarchy(v2)
  if (unified) candidates.unshift(unified)
  const works: Hierarchy[] = []
  for (const candidate of candidates) {
    const covered = works.some(each => candidate.controllers.every(controller => each.controllers.includes(controller)))
    if (!covered && (await isUsable(env, candidate))) works.push(candidate)
  }
  return works.length > 0 ? cgroupsOn(env, works) : null
}

async function isUsable(env: Env, hierarchy: Hierarchy): Promise<boolean> {
  const trial = cgroupsOn(env, [hierarchy])
  // Reads from a pipe that nobody writes to: it waits, and ends with us.
  const child = spawn('/bin/cat', [], { stdio: ['pipe', 'ignore', 'ignore'] })
  const ended = once(child, 'exit')
  const name = `probe-${process.pid}-${child.pid}`
  try {
    await once(child, 'spawn')
    await trial.create(name, { vcpus: 1, ramMb: 64, processes: 64 })
    await trial.add(name, child.pid ?? 0)
    await trial.freeze(name, true)
    await trial.freeze(name, false)
    return true
  } catch {
    return false
  } finally {
    if (child.kill('SIGKILL')) await ended
    await trial.remove(name).catch(() => {})
  }
}

/** The unified hierarchy with as many of our controllers as can be switched on; null when that is none. */
async function unifiedHierarchy(mount: string): Promise<Hierarchy | null> {
  const base = join(mount, GROUP)
  if (
    !(await mkdir(base, { recursive: true }).then(
      () => true,
      () => false,
    ))
  )
    return null
  const controllers: Controller[] = []
  for (const controller of CONTROLLERS) {
    const on = (folder: string) => writeFile(join(folder, 'cgroup.subtree_control'), `+${controller}`)
    if (
      controller !== 'freezer' &&
      (await on(mount)
        .then(() => on(base))
        .then(
          () => true,
          () => false,
        ))
    )
      controllers.push(controller)
  }
  if (controllers.length > 0) return { version: 2, controllers: [...controllers, 'freezer'], base }
  await rmdir(base).catch(() => {})
  return null
}

export function cgroupsOn(env: Pick<Env, 'setTimer'>, hierarchies: readonly Hierarchy[]): Cgroups {
  const freezer = hierarchies.find(each => each.controllers.includes('freezer'))
  const procs = (hierarchy: Hierarchy, name: string) => join(hierarchy.base, name, 'cgroup.procs')

  async function removeOne(folder: string): Promise<void> {
    // The kernel lets go of a group a moment after its last process was reaped.
    for (let tries = 0; tries < BUSY_TRIES; tries++) {
      const code = await rmdir(folder).then(() => 'done', errorCode)
      if (code === 'done' || code === 'ENOENT') return
      if (code !== 'EBUSY') throw new BatonError('DriverFault', `cannot remove ${folder}: ${code}`)
      await sleep(env, BUSY_WAIT_MS)
    }
    throw new BatonError('DriverFault', `cannot remove ${folder}: it still has processes`)
  }

  return {
    hierarchies,
    controllers: hierarchies.flatMap(each => each.controllers),
    async create(name, limits) {
      for (const hierarchy of hierarchies) {
        await mkdir(join(hierarchy.base, name), { recursive: true })
        for (const [file, value] of limitFiles(hierarchy, limits)) await writeFile(join(hierarchy.base, name, file), value)
      }
    },
    async add(name, pid) {
      for (const hierarchy of hierarchies) await writeFile(procs(hierarchy, name), `${pid}`)
    },
    async freeze(name, frozen) {
      if (!freezer) return
      const [file, value, proof] = freezeFiles(freezer.version, frozen)
      const folder = join(freezer.base, name)
      // Without a group there is nobody in it; version 1 may need to be told again while processes come and go.
      for (let tries = 0; tries < BUSY_TRIES; tries++) {
        const code = await writeFile(join(folder, file), value).then(() => 'done', errorCode)
        if (code === 'ENOENT') return
        if (code !== 'done') throw new BatonError('DriverFault', `cannot write to ${join(folder, file)}: ${code}`)
        if (proof.test(await readFile(join(folder, freezer.version === 1 ? file : 'cgroup.events'), 'utf8'))) return
        await sleep(env, BUSY_WAIT_MS)
      }
      throw new BatonError('DriverFault', `the processes of ${name} do not ${frozen ? 'freeze' : 'thaw'}`)
    },
    async members(name) {
      const lists = await Promise.all(hierarchies.map(each => readFile(procs(each, name), 'utf8').catch(() => '')))
      return [...new Set(lists.flatMap(list => list.split('\n').filter(Boolean).map(Number)))]
    },
    async remove(name) {
      for (const hierarchy of hierarchies) await removeOne(join(hierarchy.base, name))
    },
  }
}

/** The file to write, what to write, and what is read once it has happened. */
function freezeFiles(version: 1 | 2, frozen: boolean): readonly [string, string, RegExp] {
  if (version === 1) return frozen ? ['freezer.state', 'FROZEN', /FROZEN/] : ['freezer.state', 'THAWED', /THAWED/]
  return frozen ? ['cgroup.freeze', '1', /frozen 1/] : ['cgroup.freeze', '0', /frozen 0/]
}

const errorCode = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : String(error))
