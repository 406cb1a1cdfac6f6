/** A fault is something that is done to the stage, and undone after a while. */
import type { Stage } from '../stage.ts'

export interface Fault {
  readonly name: string
  /** What it does, for people. */
  readonly about: string
  /** Whether it needs nodes with networks of their own. */
  readonly network: boolean
  /** How long it lasts, from and to, ms; what heals by itself at once lasts 0. */
  readonly lastsMs: readonly [number, number]
  /** Does it. Null when there is nothing to do it to just now. */
  readonly inject: (stage: Stage, chance: Chance) => Promise<Injected | null>
}

export interface Injected {
  /** To whom. */
  readonly victim: string
  readonly heal: () => Promise<void>
}

/** The run's chance: the same seed makes the same choices. */
export interface Chance {
  /** At least 0 and below 1. */
  next(): number
  between(range: readonly [number, number]): number
  /** Undefined when there is none. */
  of<T>(items: readonly T[]): T | undefined
  /** A chance of its own: what is drawn from it changes nothing of what is drawn here. */
  fork(): Chance
}

export const nothing = async (): Promise<void> => {}

/** Sends a signal; false when the process has gone. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return pid > 1 && process.kill(pid, name)
  } catch {
    return false
  }
}
