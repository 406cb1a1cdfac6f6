/**
 * A second server that follows an embedded one and can take its place: the data folder of a primary copied while it runs, with what is
 * needed to follow it, and promotion. There is no pg_basebackup among the binaries; the server's own backup functions do the same.
 *
 * With `setSynchronous` a commit is answered only when it is on both; so whatever was acknowledged outlives the loss of the primary.
 */
import { appendFile, chown, copyFile, cp, lchown, mkdir, readdir, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { parseDatabaseUrl } from './hosts.ts'

/** As the primary sees it. */
const NAME = 'standby'
/** Not copied: of the running server, or made anew at its start. The log comes last, when the backup is over. */
const LEFT_OUT = new Set([
  'postmaster.pid',
  'postmaster.opts',
  'standby.signal',
  'backup_label',
  'pg_wal',
  'pg_replslot',
  'pg_stat_tmp',
  'pg_dynshmem',
])
const PROMOTE_S = 30

async function withServer<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const { hosts, user, password, database } = parseDatabaseUrl(url)
  const client = new pg.Client({ ...hosts[0], user, password, database })
  client.on('error', () => {})
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}

/** Where the server keeps its data. */
export const dataDirectoryOf = (url: string): Promise<string> =>
  withServer(url, async client => {
    const { rows } = await client.query<{ folder: string }>(`select current_setting('data_directory') as folder`)
    return rows[0]?.folder ?? ''
  })

/**
 * Makes `dataDir` the data folder of a standby of the embedded server behind `url`, whose own data folder is `primaryDir`. Start it with
 * `startEmbedded`. What was in `dataDir` goes.
 */
export async function makeStandby(url: string, primaryDir: string, dataDir: string): Promise<void> {
  const source = await dataDirectoryOf(url)
  const home = join(dataDir, 'postgres')
  const target = join(home, 'cluster')
  const { uid, gid } = await stat(source)
  await Promise.all(['postgres', 'postgres.location'].map(name => rm(join(dataDir, name), { recursive: true, force: true })))
  await mkdir(home, { recursive: true, mode: 0o700 })
  await chown(home, uid, gid)
  const copy = (from: string, to: string, leftOut: ReadonlySet<string>) => copyTree(from, to, { uid, gid, leftOut })
  const label = await withServer(url, async client => {
    await client.query(`select pg_backup_start('${NAME}', fast => true)`)
    await copy(source, target, LEFT_OUT)
    // In the same session; and there is no archive to wait for.
    const { rows } = await client.query<{ label: string }>('select labelfile as label from pg_backup_stop(wait_for_archive => false)')
    await copy(join(source, 'pg_wal'), join(target, 'pg_wal'), new Set())
    return rows[0]?.label ?? ''
  })
  for (const folder of LEFT_OUT) if (folder.startsWith('pg_') && folder !== 'pg_wal') await own(join(target, folder), 'folder')
  await own(join(target, 'backup_label'), label)
  await own(join(target, 'standby.signal'), '')
  await cp(join(primaryDir, 'postgres.password'), join(dataDir, 'postgres.password'))
  const { hosts, user, password } = parseDatabaseUrl(url)
  const conninfo = `host=${hosts[0]?.host} port=${hosts[0]?.port} user=${user} password=${password} application_name=${NAME}`
  await appendFile(join(target, 'postgresql.auto.conf'), `primary_conninfo = '${conninfo}'\nsynchronous_standby_names = ''\n`)

  async function own(path: string, what: string): Promise<void> {
    if (what === 'folder') await mkdir(path, { mode: 0o700 })
    else await writeFile(path, what, { mode: 0o600 })
    await chown(path, uid, gid)
  }
}

interface Copying {
  readonly uid: number
  readonly gid: number
  readonly leftOut: ReadonlySet<string>
}

/** A server at work removes files meanwhile: what has gone is not needed. */
async function copyTree(from: string, to: string, copying: Copying): Promise<void> {
  const { uid, gid, leftOut } = copying
  await mkdir(to, { mode: 0o700 })
  await chown(to, uid, gid)
  for (const entry of await readdir(from, { withFileTypes: true })) {
    if (leftOut.has(entry.name)) continue
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    try {
      if (entry.isDirectory()) await copyTree(source, target, { ...copying, leftOut: new Set() })
      else if (entry.isSymbolicLink()) {
        await symlink(await readlink(source), target)
        await lchown(target, uid, gid)
      } else if (entry.isFile()) {
        await copyFile(source, target)
        await chown(target, uid, gid)
      }
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
    }
  }
}

/** From now on, or no longer, a commit at the primary waits until its standby has it too. */
export const setSynchronous = (url: string, on: boolean): Promise<void> =>
  withServer(url, async client => {
    await client.query(`alter system set synchronous_standby_names = '${on ? NAME : ''}'`)
    await client.query('select pg_reload_conf()')
  })

/** Whether commits at the primary wait for its standby, and this is there. */
export const isSynchronous = (url: string): Promise<boolean> =>
  withServer(url, async client => {
    const query = `select current_setting('synchronous_standby_names') = '${NAME}' and exists (
      select from pg_stat_replication where application_name = '${NAME}' and sync_state = 'sync') as yes`
    const { rows } = await client.query<{ yes: boolean }>(query)
    return rows[0]?.yes ?? false
  })

/** Makes a standby the primary. Rejects when it has not become one within half a minute. */
export const promote = (url: string): Promise<void> =>
  withServer(url, async client => {
    const { rows } = await client.query<{ done: boolean }>(`select pg_promote(true, ${PROMOTE_S}) as done`)
    if (!rows[0]?.done) throw new Error(`the standby was not promoted within ${PROMOTE_S} s`)
  })
