/** Runs one test file in its own process, within its limit, and cleans up behind it. */
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { getPriority, setPriority } from 'node:os'
import { resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Report } from './child.ts'
import type { TestFile } from './discover.ts'
import { type Ending, summaryOf } from './judge.ts'
import { type Found, killAll, MARK_VARIABLE, processesOf } from './processes.ts'
import type { Cost } from './report.ts'

/** After its tests a process has so long to end by itself. */
const LINGER_MS = 3000
/** After a file its processes have so long to end: databases shut down, agents let go. */
const STRAGGLER_MS = 3000
const POLL_MS = 50
const MAX_OUTPUT_CHARS = 4_000_000
/** Where all test processes keep what they have compiled: half the start of each is to strip and compile what another has before. */
const COMPILED = '.cache/compiled'

/** Processes of this run that must go when the runner is interrupted. */
const running = new Map<number, string>()

/** `niceness` goes for all it starts, too. */
export async function runFile(root: string, file: TestFile, source: string, niceness: number): Promise<Ending & Cost> {
  const begun = performance.now()
  const mark = randomUUID()
  const child = spawn(process.execPath, ['--import', new URL('./child.ts', import.meta.url).href, file.path], {
    cwd: root,
    env: { ...process.env, [MARK_VARIABLE]: mark, NODE_COMPILE_CACHE: resolve(root, COMPILED), NO_COLOR: '1', FORCE_COLOR: undefined },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    detached: true,
  })
  const pid = child.pid
  if (pid === undefined) throw new Error(`cannot start ${file.path}`)
  running.set(pid, mark)
  if (niceness > 0) lower(pid, niceness)

  let output = ''
  let handles: readonly string[] | null = null
  let timedOutMs: number | null = null
  let cpuMs: number | null = null
  let linger: NodeJS.Timeout | undefined
  const collect = (chunk: Buffer): void => {
    if (output.length < MAX_OUTPUT_CHARS) output += chunk.toString('utf8')
    if (linger === undefined && summaryOf(output) !== null) linger = setTimeout(() => process.kill(pid, 'SIGUSR2'), LINGER_MS)
  }
  child.stdout?.on('data', collect)
  child.stderr?.on('data', collect)
  child.stdio[3]?.on('data', (chunk: Buffer) => {
    for (const report of parseReports(chunk.toString('utf8'))) {
      if ('cpuMs' in report) cpuMs = report.cpuMs
      else {
        handles = report.open
        endTree(pid, mark)
      }
    }
  })
  const limit = setTimeout(() => {
    timedOutMs = file.limitMs
    endTree(pid, mark)
  }, file.limitMs)

  const [exitCode, signal]: [number | null, string | null] = await exited(child)
  clearTimeout(limit)
  clearTimeout(linger)
  const left = await stragglers(mark, pid)
  running.delete(pid)
  return {
    source,
    output,
    exitCode,
    signal,
    timedOutMs,
    leftHandles: handles,
    leftProcesses: timedOutMs === null && handles === null ? left.map(p => `${p.pid} ${p.command}`) : [],
    tookMs: performance.now() - begun,
    cpuMs,
  }
}

/** Below the priority that the runner itself was given. */
function lower(pid: number, niceness: number): void {
  try {
    setPriority(pid, Math.min(19, getPriority() + niceness))
  } catch {
    // it has ended already
  }
}

/** Waits for the exit, and then a moment for the last of the output: a straggler may hold the pipes open for ever. */
async function exited(child: ReturnType<typeof spawn>): Promise<[number | null, string | null]> {
  const closed = once(child, 'close')
  const [code, signal] = await once(child, 'exit')
  await Promise.race([closed, delay(500, undefined, { ref: false })])
  child.stdout?.destroy()
  child.stderr?.destroy()
  return [typeof code === 'number' ? code : null, typeof signal === 'string' ? signal : null]
}

/** A report is one write to a pipe, and shorter than what a pipe takes at once: none comes in parts. */
const parseReports = (text: string): Report[] =>
  text
    .trim()
    .split('\n')
    .map((line): Report => JSON.parse(line))

/** Ends the process and all it started. Children first are found, then all are ended, so that none is orphaned unseen. */
function endTree(pid: number, mark: string): void {
  const others = processesOf(mark, pid).map(p => p.pid)
  killAll([pid, ...others])
}

/** What is still alive of a file's processes after a fair time; it is ended. */
async function stragglers(mark: string, pid: number): Promise<Found[]> {
  const until = performance.now() + STRAGGLER_MS
  let left = processesOf(mark, pid)
  while (left.length > 0 && performance.now() < until) {
    await delay(POLL_MS)
    left = processesOf(mark, pid)
  }
  killAll(left.map(p => p.pid))
  return left
}

/** Ends everything that runs now. For an interrupted runner. */
export function endEverything(): void {
  for (const [pid, mark] of running) endTree(pid, mark)
}
