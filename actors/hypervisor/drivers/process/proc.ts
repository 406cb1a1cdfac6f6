/**
 * What Linux tells of processes in /proc. A pid is reused; a pid with its start time (in clock ticks since boot) is not,
 * within one boot, and the boot has an id. Only the three together name a process.
 */
import { readdir, readFile } from 'node:fs/promises'
import { limiter } from '../queue.ts'

const READS_AT_ONCE = 32

export interface ProcessId {
  readonly pid: number
  readonly startTicks: number
}

export interface ProcessStat extends ProcessId {
  /** One letter of proc(5): R, S, D, T … `Z` and `X` are dead. */
  readonly state: string
}

/** Parses /proc/<pid>/stat. The name in parentheses may hold anything, so fields are counted from the last one. */
export function parseStat(text: string): ProcessStat | null {
  const close = text.lastIndexOf(')')
  const fields = text
    .slice(close + 1)
    .trim()
    .split(/\s+/)
  const pid = Number.parseInt(text, 10)
  const state = fields[0]
  const startTicks = Number(fields[19])
  return close > 0 && pid > 0 && state && Number.isFinite(startTicks) ? { pid, startTicks, state } : null
}

export const statOf = (pid: number): Promise<ProcessStat | null> => readFile(`/proc/${pid}/stat`, 'utf8').then(parseStat, () => null)

/** True while this very process runs; a zombie has ended. */
export async function isAlive(id: ProcessId): Promise<boolean> {
  const stat = await statOf(id.pid)
  return stat !== null && stat.startTicks === id.startTicks && !/[ZXx]/.test(stat.state)
}

export async function readBootId(): Promise<string> {
  const id = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')
  if (id) return id.trim()
  // Some sandboxes have no boot id; then the time of the boot must do.
  const stat = await readFile('/proc/stat', 'utf8')
  return `btime-${/^btime (\d+)/m.exec(stat)?.[1] ?? 'unknown'}`
}

/** Whether the process has a handler for the signal: without one, SIGTERM to the init of a pid namespace is dropped. */
export async function catches(pid: number, signal: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  const mask = /^SigCgt:\s*([0-9a-f]+)/m.exec(status)?.[1]
  return mask !== undefined && ((BigInt(`0x${mask}`) >> BigInt(signal - 1)) & 1n) === 1n
}

/** Pids of all processes that were started with this `NAME=value` in their environment. Reads all of /proc. */
export async function pidsWithEnvironment(entry: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter(name => /^\d+$/.test(name))
  const slots = limiter(READS_AT_ONCE)
  const search = pids.map(pid =>
    slots(async () => {
      const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')
      return environment.split('\0').includes(entry) ? [Number(pid)] : []
    }),
  )
  const found = await Promise.all(search)
  return found.flat()
}

/** Clock ticks in a second, as /proc counts: the same on every Linux that Node runs on. */
const TICKS_PER_S = 100
const PAGE_BYTES = 4096

export interface Used {
  readonly cpuTimeNs: number
  readonly memoryBytes: number
}

/** Parses what a process has used from /proc/<pid>/stat: time in user and kernel mode, and pages in memory. */
export function parseUsed(text: string): Used | null {
  const fields = text
    .slice(text.lastIndexOf(')') + 1)
    .trim()
    .split(/\s+/)
  const [user, system, pages] = [fields[11], fields[12], fields[21]].map(Number)
  if (user === undefined || system === undefined || pages === undefined || !Number.isFinite(user + system + pages)) return null
  return { cpuTimeNs: ((user + system) * 1e9) / TICKS_PER_S, memoryBytes: Math.max(0, pages) * PAGE_BYTES }
}

/** What these processes have used together; one that has gone counts no more. */
export async function usedBy(pids: readonly number[]): Promise<Used> {
  const slots = limiter(READS_AT_ONCE)
  const all = await Promise.all(pids.map(pid => slots(() => readFile(`/proc/${pid}/stat`, 'utf8').then(parseUsed, () => null))))
  const sum = (of: (used: Used) => number): number => all.reduce((total, used) => total + (used ? of(used) : 0), 0)
  return { cpuTimeNs: sum(used => used.cpuTimeNs), memoryBytes: sum(used => used.memoryBytes) }
}

/** Since when a process has been there, s. */
export async function ageS({ startTicks }: ProcessId): Promise<number | null> {
  const uptimeS = Number.parseFloat(await readFile('/proc/uptime', 'utf8').catch(() => ''))
  return Number.isFinite(uptimeS) ? Math.max(0, Math.floor(uptimeS - startTicks / TICKS_PER_S)) : null
}

/** Sends a signal; a process that has gone is fine. */
export function signal(pid: number, name: 'SIGTERM' | 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}
