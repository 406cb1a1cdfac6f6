/**
 * The processes that a test file started, found again by a mark in their environment, even when they left its process group or
 * lost their parent. Only marked processes and known children are ever ended, each by its pid.
 */
import { readdirSync, readFileSync } from 'node:fs'

export const MARK_VARIABLE = 'BATON_TEST_RUN'

export interface Found {
  readonly pid: number
  readonly command: string
}

const readOrEmpty = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // it ended meanwhile, or belongs to somebody else
  }
}

/** Parent and state stand behind the command name, which may itself have spaces and parentheses. */
function statOf(pid: number): { readonly parent: number; readonly state: string } {
  const stat = readOrEmpty(`/proc/${pid}/stat`)
  const [state = '', parent = '0'] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return { parent: Number(parent), state }
}

/** False for what has ended, even where nobody has asked for its exit code yet. */
export const isRunning = (pid: number): boolean => !['Z', 'X', ''].includes(statOf(pid).state)

const allPids = (): number[] => {
  try {
    return readdirSync('/proc')
      .filter(name => /^\d+$/.test(name))
      .map(Number)
  } catch {
    return [] // no /proc on this system: only the process group is known
  }
}

/** Running processes that carry the mark, and the descendants of `pid`; never this process itself. */
export function processesOf(mark: string, pid: number): Found[] {
  const alive = allPids().filter(p => p !== process.pid)
  const parents = new Map(alive.map(p => [p, statOf(p).parent]))
  const descends = (p: number): boolean => {
    const parent = parents.get(p) ?? 0
    return parent === pid || (parent > 1 && descends(parent))
  }
  return alive
    .filter(p => p !== pid && (descends(p) || readOrEmpty(`/proc/${p}/environ`).split('\0').includes(`${MARK_VARIABLE}=${mark}`)))
    .filter(isRunning)
    .map(p => ({ pid: p, command: readOrEmpty(`/proc/${p}/cmdline`).replaceAll('\0', ' ').trim().slice(0, 100) }))
}

/** Ends processes at once. One that has ended already is fine. */
export function killAll(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // gone
    }
  }
}
