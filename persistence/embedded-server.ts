/**
 * The server process of an embedded PostgreSQL: starting it until it is ready, stopping it, and dealing with what a run that was
 * killed left behind.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { readlink, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { BatonError } from '../actors/kernel/errors.ts'
import { isRunning, readText } from './embedded-files.ts'
import type { RunAs } from './embedded-user.ts'

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

const run = promisify(execFile)

export const idsOf = (user: RunAs | null) => (user ? { uid: user.uid, gid: user.gid, cwd: '/' } : { cwd: '/' })

/** No PG* variable of the caller may lead the server elsewhere. */
export function environment(): NodeJS.ProcessEnv {
  const { PATH, TMPDIR } = process.env
  return { PATH, ...(TMPDIR === undefined ? {} : { TMPDIR }), LC_ALL: 'C', TZ: 'UTC' }
}

/** The reason in a failed server's or initdb's output, as an error that says what to do. */
export function explain(output: string, folder: string): BatonError {
  const lines = output.split('\n').filter(line => /FATAL|PANIC|error|could not|HINT/i.test(line))
  const reason = (lines.length > 0 ? lines.join('; ') : output.trim()).slice(0, 600)
  if (/No space left on device|ENOSPC/.test(output)) {
    return new BatonError('DataFolder', `the disk of ${folder} is full: free some, or give another --data (${reason})`)
  }
  if (/Permission denied|Read-only file system/.test(output)) return new BatonError('DataFolder', `${folder} cannot be used by PostgreSQL: ${reason}`)
  return new BatonError('Database', `PostgreSQL did not start in ${folder}: ${reason || 'it ended without a word'}`)
}

/** One try to start. Resolves with the child when it accepts connections, rejects with its output when it ends first. */
function trySpawn(postgres: string, pgData: string, socketDir: string, user: RunAs | null, onLog: (line: string) => void): Promise<ChildProcess> {
  const child = spawn(
    postgres,
    [
      '-D',
      pgData,
      '-c',
      'listen_addresses=',
      '-c',
      `unix_socket_directories=${socketDir}`,
      '-c',
      'unix_socket_permissions=0700',
      '-c',
      'logging_collector=off',
    ],
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
        // A standby takes read-only ones.
        if (!/database system is ready to accept (?:read-only )?connections/.test(line)) continue
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
export async function spawnServer(
  postgres: string,
  pgData: string,
  socketDir: string,
  user: RunAs | null,
  onLog: (line: string) => void,
): Promise<ChildProcess> {
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
export async function isServerOf(pid: number, pgData: string): Promise<boolean> {
  if (!isRunning(pid)) return false
  if (process.platform === 'linux') return (await readlink(`/proc/${pid}/cwd`).catch(() => '')) === pgData
  return (await run('ps', ['-o', 'comm=', '-p', String(pid)]).catch(() => ({ stdout: '' }))).stdout.includes('postgres')
}

/** Ends the server an earlier run left behind, and forgets the pid file of one that is no more (its pid may be another's now). */
export async function endEarlierServer(pgData: string): Promise<void> {
  const file = join(pgData, 'postmaster.pid')
  const pid = Number((await readText(file))?.split('\n')[0])
  if (!Number.isInteger(pid) || pid <= 1) return
  for (const [signal, patienceMs] of [
    ['SIGINT', LIMITS.stopMs],
    ['SIGQUIT', LIMITS.hurryMs],
    ['SIGKILL', LIMITS.hurryMs],
  ] as const) {
    if (!(await isServerOf(pid, pgData))) break
    process.kill(pid, signal)
    const giveUpAt = performance.now() + patienceMs
    while (performance.now() < giveUpAt && (await isServerOf(pid, pgData))) await pause(LIMITS.retryMs / 4)
  }
  if (await isServerOf(pid, pgData))
    throw new BatonError('DataFolder', `process ${pid} is the PostgreSQL of ${pgData} and does not end: end it, then start again`)
  if (isRunning(pid)) await rm(file, { force: true })
}

/** Fast shutdown: no new clients, open transactions rolled back, a checkpoint, the end. */
export async function shutDown(server: ChildProcess): Promise<void> {
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
