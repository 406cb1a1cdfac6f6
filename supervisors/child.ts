/**
 * A node as a child process that is kept alive: started again when it ends, sooner after a long life and later after a short
 * one, its output in a log file of bounded size.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, copyFileSync, openSync, statSync, truncateSync } from 'node:fs'
import type { Fault } from '../actors/kernel/errors.ts'
import type { NodeMessage, SupervisorMessage } from './node-process.ts'

export interface ChildSpec {
  readonly id: string
  readonly role: 'conductor' | 'compute' | 'gateway'
  readonly args: readonly string[]
  /** Options of Node itself. */
  readonly nodeArgs?: readonly string[]
  readonly env: NodeJS.ProcessEnv
  readonly logFile: string
  /** A command before its own, which must become it: its process id is the node's. */
  readonly wrap?: readonly string[]
  /** How long it may take to end before it is killed, ms; default `STOP_MS`. */
  readonly stopMs?: number
}

export interface ChildOptions {
  /** The script that takes `args`. */
  readonly script: string
  onReady(endpoint: string, note: string): void
  /** It could not start, and says why; it ends now. */
  onFailed(fault: Fault): void
  /** It ended without being asked to, and is started again after `againMs`. */
  onExit(how: { code: number | null; signal: string | null; againMs: number }): void
}

export interface Child {
  readonly spec: ChildSpec
  pid(): number
  /** `shutdown` when the whole cluster stops, `SIGTERM` when others take over. Resolves when it has ended; after a bound it is killed. */
  stop(how: 'shutdown' | 'SIGTERM'): Promise<void>
}

const BACKOFF_BASE_MS = 100
const BACKOFF_CAP_MS = 5000
/** The same for a node that had become ready or was killed: it can start, and the cluster misses it. */
const BACKOFF_KILLED_CAP_MS = 500
/** A life longer than this clears the count of failures, ms. */
const GOOD_LIFE_MS = 10_000
const STOP_MS = 25_000
const LOG_BYTES = 16 * 1024 * 1024
const LOG_CHECK_MS = 30_000

export function keepAlive(spec: ChildSpec, options: ChildOptions): Child {
  let child: ChildProcess | null = null
  let failures = 0
  let stopping = false
  let again: NodeJS.Timeout | null = null
  const watch = setInterval(() => rotate(spec.logFile), LOG_CHECK_MS)
  watch.unref()

  function start(): void {
    const startedMs = performance.now()
    let ready = false
    const log = openSync(spec.logFile, 'a', 0o600)
    const [program, ...args] = [...(spec.wrap ?? []), process.execPath, ...process.execArgv, ...(spec.nodeArgs ?? []), options.script, ...spec.args]
    const process_ = spawn(program ?? process.execPath, args, {
      env: spec.env,
      stdio: ['ignore', log, log, 'ipc'],
    })
    closeSync(log)
    child = process_
    process_.on('message', (message: NodeMessage) => {
      if (message?.type === 'failed') options.onFailed(message.fault)
      if (message?.type !== 'ready') return
      ready = true
      options.onReady(message.endpoint, message.note)
    })
    process_.on('error', () => {})
    process_.once('exit', (code, signal) => {
      child = null
      if (stopping) return
      failures = performance.now() - startedMs > GOOD_LIFE_MS ? 0 : failures + 1
      const capMs = ready || signal === 'SIGKILL' ? BACKOFF_KILLED_CAP_MS : BACKOFF_CAP_MS
      const againMs = failures === 0 ? 0 : Math.min(capMs, BACKOFF_BASE_MS * 2 ** (failures - 1))
      options.onExit({ code, signal, againMs })
      again = setTimeout(start, againMs)
    })
  }
  start()

  return {
    spec,
    pid: () => child?.pid ?? 0,
    async stop(how) {
      stopping = true
      clearInterval(watch)
      if (again) clearTimeout(again)
      const running = child
      if (!running) return
      await new Promise<void>(resolve => {
        const force = setTimeout(() => running.kill('SIGKILL'), spec.stopMs ?? STOP_MS)
        running.once('exit', () => {
          clearTimeout(force)
          resolve()
        })
        if (how === 'shutdown' && running.connected) running.send({ type: 'shutdown' } satisfies SupervisorMessage)
        else running.kill('SIGTERM')
      })
    },
  }
}

/** One older log is kept. The file is truncated in place: its writer has it open for appending. */
function rotate(file: string): void {
  try {
    if (statSync(file).size < LOG_BYTES) return
    copyFileSync(file, `${file}.1`)
    truncateSync(file)
  } catch {
    // A log that cannot be turned must not take the cluster with it; the next look tries again.
  }
}
