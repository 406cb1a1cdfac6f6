/**
 * Signals to processes of a cluster under test, always by pid. Who runs is read from the kernel and not asked of the cluster:
 * a cluster that is being killed answers late, and with what was.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

export interface Running {
  readonly pid: number
  readonly parent: number
  readonly command: readonly string[]
}

const readOrEmpty = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // it has ended
  }
}

/** Everything that runs on this machine; what has ended but was not yet reaped does not. */
export function allRunning(): Running[] {
  return readdirSync('/proc').flatMap(name => {
    if (!/^\d+$/.test(name)) return []
    const stat = readOrEmpty(`/proc/${name}/stat`)
    const [state = '', parent = '0'] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (state === '' || state === 'Z' || state === 'X') return []
    return [{ pid: Number(name), parent: Number(parent), command: readOrEmpty(`/proc/${name}/cmdline`).split('\0') }]
  })
}

/** All descendants of a process, the nearest first. */
export function descendantsOf(pid: number): Running[] {
  const all = allRunning()
  const below = (parents: readonly number[]): Running[] => {
    const children = all.filter(p => parents.includes(p.parent))
    return children.length === 0 ? [] : [...children, ...below(children.map(p => p.pid))]
  }
  return below([pid])
}

export const isAlive = (pid: number): boolean => pid > 0 && allRunning().some(p => p.pid === pid)

/** True when the process was there to get it. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return pid > 1 && process.kill(pid, name)
  } catch {
    return false
  }
}

export const kill = (pid: number): boolean => signal(pid, 'SIGKILL')

export const workingFolderOf = (pid: number): string => {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return ''
  }
}

/** A variable of a process's environment, as it was when it started. */
export const environmentOf = (pid: number, name: string): string | undefined =>
  readOrEmpty(`/proc/${pid}/environ`)
    .split('\0')
    .find(line => line.startsWith(`${name}=`))
    ?.slice(name.length + 1)

export interface Killing {
  /** What was killed so far, in order. */
  readonly victims: readonly string[]
  stop(): void
}

/** Kills with -9 every `everyMs` what `choose` names at that moment, nothing when it names nothing, `most` times in all. */
export function killEvery(everyMs: number, most: number, choose: () => { readonly id: string; readonly pid: number } | undefined): Killing {
  const victims: string[] = []
  const timer = setInterval(() => {
    if (victims.length >= most) return clearInterval(timer)
    const victim = choose()
    if (victim && kill(victim.pid)) victims.push(victim.id)
  }, everyMs)
  return { victims, stop: () => clearInterval(timer) }
}

export const anyOf = <T>(items: readonly T[]): T | undefined => items[Math.floor(Math.random() * items.length)]
