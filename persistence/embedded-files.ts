/**
 * What the embedded PostgreSQL keeps in Baton's data folder, and the checks that must pass before anything in it is touched:
 *
 *     <data>/postgres.lock        who uses the folder now: pid and start time of the process
 *     <data>/postgres.password    0600; random, made once
 *     <data>/postgres.location    only when the data had to live elsewhere: its path
 *     <data>/postgres/cluster     PostgreSQL's own data folder
 */
import { randomBytes } from 'node:crypto'
import { access, chmod, constants, link, mkdir, mkdtemp, readFile, realpath, rename, rm, statfs, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { BatonError } from '../actors/kernel/errors.ts'
import { give, type RunAs } from './embedded-user.ts'

/** A fresh cluster takes 40 MB and its first write-ahead logs 32 MB more. */
const FREE_BYTES_NEEDED = 192 * 1024 * 1024
/** `sun_path` is 108 bytes on Linux and 104 elsewhere; the socket's own name takes the rest. */
const MAX_SOCKET_DIR_BYTES = 100 - '/.s.PGSQL.5432'.length

export const ANOTHER_OWNER = 'change its owner or mode, or give another --data'

export const readText = (path: string): Promise<string | null> => readFile(path, 'utf8').catch(() => null)

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '')

/** The folder, made if need be. Throws `DataFolder` when it cannot be written or its disk is full; touches nothing then. */
export async function openDataFolder(dataDir: string): Promise<string> {
  const folder = resolve(dataDir)
  try {
    await makeFolder(folder)
    await access(folder, constants.W_OK | constants.X_OK)
    await checkFreeSpace(folder)
    return await realpath(folder)
  } catch (error) {
    if (error instanceof BatonError) throw error
    throw new BatonError('DataFolder', `${folder} cannot be written (${codeOf(error)}): ${ANOTHER_OWNER}`, { cause: error })
  }
}

/** `mkdir` with `recursive` never ends where folders cannot be made although their parent exists, as in /proc. */
async function makeFolder(path: string): Promise<void> {
  const parent = dirname(path)
  try {
    await mkdir(path)
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return
    if (
      codeOf(error) !== 'ENOENT' ||
      parent === path ||
      (await access(parent).then(
        () => true,
        () => false,
      ))
    )
      throw error
    await makeFolder(parent)
    await mkdir(path)
  }
}

export async function checkFreeSpace(folder: string): Promise<void> {
  const { bavail, bsize } = await statfs(folder)
  const free = bavail * bsize
  if (free >= FREE_BYTES_NEEDED) return
  const mb = (bytes: number) => Math.floor(bytes / 1024 / 1024)
  const needed = mb(FREE_BYTES_NEEDED)
  throw new BatonError('DataFolder', `the disk of ${folder} has ${mb(free)} MB left, and ${needed} MB are needed: free some, or give another --data`)
}

/** When a process started, in the kernel's own unit, so that a reused pid is not taken for it; '' when gone, a zombie, or unknown. */
export async function startTimeOf(pid: number): Promise<string> {
  const line = await readText(`/proc/${pid}/stat`)
  const fields = line?.slice(line.lastIndexOf(')') + 2).split(' ')
  return fields && fields[0] !== 'Z' ? (fields[19] ?? '') : ''
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) === 'EPERM'
  }
}

/**
 * Takes the folder for this process. Throws `DataFolder` naming the process that has it. What a process left behind that is
 * no more is taken over. Resolves with the way to give it back.
 */
export async function lockDataFolder(folder: string): Promise<() => Promise<void>> {
  const lock = join(folder, 'postgres.lock')
  const mine = `${process.pid} ${await startTimeOf(process.pid)}\n`
  const draft = `${lock}.${process.pid}`
  await writeFile(draft, mine)
  try {
    for (let attempt = 0; ; attempt++) {
      // A hard link appears whole or not at all, and fails when the name is taken.
      const taken = await link(draft, lock).then(
        () => true,
        error => (codeOf(error) === 'EEXIST' ? false : Promise.reject(error)),
      )
      if (taken) break
      const holder = await readText(lock)
      if (holder === null) continue
      const [pid = '', startedAt = ''] = holder.trim().split(' ')
      if (attempt > 10 || (isRunning(Number(pid)) && (await startTimeOf(Number(pid))) === startedAt)) {
        throw new BatonError('DataFolder', `${folder} is in use by process ${pid}: stop that cluster ("baton down"), or give another --data`)
      }
      await setAside(lock, holder)
    }
  } finally {
    await rm(draft, { force: true })
  }
  return async () => {
    if ((await readText(lock)) === mine) await rm(lock, { force: true })
  }
}

/** Removes the lock whose text is `stale`. Another starter may have put its own there meanwhile: that one is put back. */
async function setAside(lock: string, stale: string): Promise<void> {
  const aside = `${lock}.stale.${process.pid}`
  await rename(lock, aside).catch(() => {})
  if ((await readText(aside)) !== stale) await link(aside, lock).catch(() => {})
  await rm(aside, { force: true })
}

/** The password of the cluster, made at the first call. Only this user can read it. */
export async function passwordOf(folder: string): Promise<string> {
  const file = join(folder, 'postgres.password')
  const known = (await readText(file))?.trim()
  if (known) return known
  const password = randomBytes(24).toString('base64url')
  await writeFile(`${file}.new`, `${password}\n`, { mode: 0o600 })
  await rename(`${file}.new`, file)
  return password
}

/** Refuses a cluster of another major version, by the file PostgreSQL keeps for that. Answers whether there is a cluster at all. */
export async function checkCluster(pgData: string, major: string): Promise<boolean> {
  const found = (await readText(join(pgData, 'PG_VERSION')))?.trim()
  if (found === major) return true
  if (found === undefined) {
    // Unreadable is not absent: a database must never be made over another.
    if (
      await access(pgData).then(
        () => false,
        () => true,
      )
    )
      return false
    throw new BatonError('DataFolder', `${pgData} exists but is no PostgreSQL cluster: move it away, or give another --data`)
  }
  const remedy = 'use the Baton that made it, or give another --data'
  throw new BatonError('DataFolder', `${pgData} was made by PostgreSQL ${found}, and this Baton brings ${major}: ${remedy}`)
}

/** A folder for the socket: beside the data if its path fits into an address, else a private one under the temporary folder. */
export async function socketFolder(home: string, user: RunAs | null): Promise<{ path: string; temporary: boolean }> {
  if (Buffer.byteLength(home) <= MAX_SOCKET_DIR_BYTES) return { path: home, temporary: false }
  const path = await mkdtemp(join(tmpdir(), 'baton-'))
  await chmod(path, 0o700)
  await give(path, user)
  return { path, temporary: true }
}

export const majorOf = (native: string, version: string): string => {
  const major = /(\d+)\.\d+/.exec(version)?.[1]
  if (!major) throw new BatonError('DataFolder', `the PostgreSQL in ${native} does not say its version: ${version}`)
  return major
}
