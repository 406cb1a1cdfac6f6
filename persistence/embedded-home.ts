/**
 * Where the embedded PostgreSQL keeps its data: in Baton's data folder, or, when the user it runs as cannot get there, in a folder
 * under `/var/lib/baton` to which `postgres.location` in the data folder points. The folder there names its data folder in turn
 * (`origin`), so that what was left by data folders long removed from the temporary folder can be found and removed.
 */
import { randomBytes } from 'node:crypto'
import { access, mkdir, readdir, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, sep } from 'node:path'
import { BatonError } from '../actors/kernel/errors.ts'
import { ANOTHER_OWNER, readText } from './embedded-files.ts'
import { isServerOf } from './embedded-server.ts'
import { canUse, give, type RunAs, STAGE_DIR } from './embedded-user.ts'

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

/** Where PostgreSQL's data is or will be: in the data folder, or where an earlier start had to put it. */
export async function findHome(folder: string): Promise<{ home: string; staged: boolean }> {
  const pointer = (await readText(join(folder, 'postgres.location')))?.trim()
  if (!pointer) return { home: join(folder, 'postgres'), staged: false }
  if (!(await exists(pointer))) {
    const file = join(folder, 'postgres.location')
    throw new BatonError('DataFolder', `${file} says the data is in ${pointer}, and it is not there: restore it, or give another --data`)
  }
  return { home: pointer, staged: true }
}

/** Makes the home of a fresh cluster, owned by `user`, at a place that user can reach. */
export async function makeHome(folder: string, user: RunAs | null): Promise<string> {
  const home = join(folder, 'postgres')
  await mkdir(home, { recursive: true, mode: 0o700 })
  await give(home, user)
  if (await canUse(user, { write: home })) return home
  if (!user) throw new BatonError('DataFolder', `${home} cannot be written: ${ANOTHER_OWNER}`)
  await rm(home, { recursive: true })
  await mkdir(STAGE_DIR, { recursive: true, mode: 0o755 })
  // A random name, not one made from the path: another folder may one day stand at the same path.
  const elsewhere = join(STAGE_DIR, randomBytes(6).toString('hex'))
  await mkdir(elsewhere, { mode: 0o700 })
  await give(elsewhere, user)
  if (!(await canUse(user, { write: elsewhere }))) {
    throw new BatonError('DataFolder', `${user.name} can reach neither ${folder} nor ${STAGE_DIR}: give another --data`)
  }
  await writeFile(join(elsewhere, 'origin'), `${await realpath(folder)}\n`)
  await writeFile(join(folder, 'postgres.location'), `${elsewhere}\n`)
  return elsewhere
}

/** Removes the data, and what Baton's data folder holds about it. */
export async function removeHome(folder: string, home: string): Promise<void> {
  await rm(home, { recursive: true, force: true })
  await Promise.all(['postgres.location', 'postgres.password'].map(name => rm(join(folder, name), { force: true })))
}

/**
 * Removes staged data whose data folder stood in the temporary folder and is gone, as after a test. Elsewhere a missing folder may be
 * a disk that is not mounted today: that data stays.
 */
export async function sweepStages(): Promise<void> {
  const temporary = (await realpath(tmpdir())) + sep
  for (const name of await readdir(STAGE_DIR).catch(() => [])) {
    const stage = join(STAGE_DIR, name)
    const origin = (await readText(join(stage, 'origin')))?.trim()
    if (!origin?.startsWith(temporary) || (await exists(origin))) continue
    const cluster = join(stage, 'cluster')
    const pid = Number((await readText(join(cluster, 'postmaster.pid')))?.split('\n')[0])
    if (pid > 1 && (await isServerOf(pid, cluster))) continue
    await rm(stage, { recursive: true, force: true })
  }
}
