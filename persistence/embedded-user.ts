/**
 * Who runs the embedded PostgreSQL, and from where. PostgreSQL refuses to run as root; so root hands it to an unprivileged
 * user, who must then be able to reach the binaries and the data. When a folder above them is closed to that user (a clone in a
 * private temporary folder, say), binaries and data are kept under `/var/lib/baton` instead.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmod, chown, cp, mkdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { BatonError } from '../actors/kernel/errors.ts'

export interface RunAs {
  readonly uid: number
  readonly gid: number
  readonly name: string
}

export const STAGE_DIR = '/var/lib/baton'

const OWN_SERVER = 'use --database with a server of your own'

const run = promisify(execFile)

/** The ids of a user of this machine, or null when there is none of that name. */
async function lookUp(name: string): Promise<RunAs | null> {
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])])
    return { uid: Number(uid.stdout), gid: Number(gid.stdout), name }
  } catch {
    return null
  }
}

async function create(name: string): Promise<RunAs | null> {
  await run('groupadd', ['--system', name]).catch(() => {})
  await run('useradd', ['--system', '--no-create-home', '-g', name, name]).catch(() => {})
  return lookUp(name)
}

/**
 * The user to run as, or null for "as we are" (anyone but root). Data that exists belongs to somebody already: then that user.
 * Throws `DataFolder` when root finds nobody to hand it to, or when the data is another user's.
 */
export async function chooseUser(pgData: string): Promise<RunAs | null> {
  const owner = await stat(pgData).catch(() => null)
  const me = process.getuid?.() ?? -1
  if (me !== 0) {
    if (owner && me >= 0 && owner.uid !== me) {
      throw new BatonError('DataFolder', `${pgData} belongs to user ${owner.uid}, and this is user ${me}: run as that user, or give another --data`)
    }
    return null
  }
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid, name: `user ${owner.uid}` }
  const user = (await lookUp('postgres')) ?? (await create('postgres')) ?? (await lookUp('nobody'))
  if (!user) throw new BatonError('DataFolder', 'PostgreSQL will not run as root, and there is no user postgres or nobody to run it: create one')
  return user
}

/** Asks as that user, not by reading modes: access lists, mounts and supplementary groups then count as they really do. */
export async function canUse(user: RunAs | null, what: { readonly run?: string; readonly write?: string }): Promise<boolean> {
  const as = user ? { uid: user.uid, gid: user.gid, cwd: '/' } : { cwd: '/' }
  try {
    if (what.run) await run(what.run, ['--version'], as)
    if (what.write) await run('/bin/sh', ['-c', 'cd "$0" && : > .probe && rm .probe', what.write], as)
    return true
  } catch {
    return false
  }
}

export async function give(path: string, user: RunAs | null): Promise<void> {
  if (user) await chown(path, user.uid, user.gid)
}

/**
 * The folder of PostgreSQL's binaries (`bin`, `lib`, `share`), copied when the user cannot reach the package's own.
 * The copy appears under its name only when it is whole, so a copy cut short is never used.
 */
export async function reachableNative(native: string, user: RunAs | null): Promise<string> {
  await Promise.all(['postgres', 'initdb'].map(name => makeExecutable(join(native, 'bin', name))))
  if (await canUse(user, { run: join(native, 'bin', 'postgres') })) return native
  if (!user) throw new BatonError('DataFolder', `the PostgreSQL in ${native} does not run on this machine: ${OWN_SERVER}`)
  const manifest = await readFile(join(native, '..', 'package.json'), 'utf8')
  const staged = join(STAGE_DIR, `postgresql-${createHash('sha256').update(manifest).digest('hex').slice(0, 12)}`)
  if (!(await canUse(user, { run: join(staged, 'bin', 'postgres') }))) {
    await mkdir(STAGE_DIR, { recursive: true, mode: 0o755 })
    const partial = `${staged}.${process.pid}`
    await cp(native, partial, { recursive: true, verbatimSymlinks: true })
    await chmod(partial, 0o755)
    await rename(partial, staged).catch(() => rm(partial, { recursive: true, force: true }))
  }
  if (await canUse(user, { run: join(staged, 'bin', 'postgres') })) return staged
  throw new BatonError('DataFolder', `${user.name} can run PostgreSQL neither in ${native} nor in ${staged}: ${OWN_SERVER}`)
}

/** Archives lose the execute bit on some paths through npm. A file system that is read-only keeps what it has. */
async function makeExecutable(file: string): Promise<void> {
  const { mode } = await stat(file)
  if ((mode & 0o111) !== 0o111) await chmod(file, mode | 0o555).catch(() => {})
}
