/**
 * One simulated process for unit tests: its clock, its timers, and a way to wait for an answer that is bound in simulated
 * time. Nothing here waits for real: a minute passes at once.
 */
import type { Env } from '../../actors/kernel/env.ts'
import { type Fault, toFault } from '../../actors/kernel/errors.ts'
import { createLoop, type Loop } from '../sim/loop.ts'
import { createProcess, type SimProcess } from '../sim/process.ts'
import { createRandom } from '../sim/random.ts'

export type Outcome<T> = { readonly is: 'ok'; readonly value: T } | { readonly is: 'refused'; readonly fault: Fault } | { readonly is: 'waiting' }

export interface Bench {
  readonly loop: Loop
  readonly process: SimProcess
  readonly env: Env
  /** What was logged, at info or above. */
  readonly lines: readonly string[]
  /** Cluster time, ms since 1970. */
  now(): number
  /** Another process in the same world. */
  another(name: string): SimProcess
  run(forMs: number): Promise<void>
  /** Runs until the promise is settled, for at most `withinMs`. */
  outcome<T>(promise: Promise<T>, withinMs?: number): Promise<Outcome<T>>
  /** The value, or throws what the promise was refused with. */
  value<T>(promise: Promise<T>, withinMs?: number): Promise<T>
  /** The error code, or what came instead. */
  code(promise: Promise<unknown>, withinMs?: number): Promise<string>
}

export const EPOCH_MS = 1_700_000_000_000

/** Runs `fn` in a world of its own; nact's mailboxes run on its time too. */
export async function simulated(fn: (bench: Bench) => Promise<void>, seed = 1): Promise<void> {
  const loop = createLoop()
  const random = createRandom(seed)
  const lines: string[] = []
  const another = (name: string): SimProcess => createProcess(name, loop, random.fork(), line => lines.push(line))
  const process = another('node')

  async function outcome<T>(promise: Promise<T>, withinMs = 10_000): Promise<Outcome<T>> {
    let seen: Outcome<T> = { is: 'waiting' }
    promise.then(
      value => {
        seen = { is: 'ok', value }
      },
      error => {
        seen = { is: 'refused', fault: toFault(error) }
      },
    )
    const settled = (): boolean => seen.is !== 'waiting'
    await loop.runUntil(loop.nowMs())
    if (!settled()) await loop.runUntil(loop.nowMs() + withinMs, settled)
    return seen
  }

  const bench: Bench = {
    loop,
    process,
    env: process.env,
    lines,
    now: () => EPOCH_MS + Math.floor(loop.nowMs()),
    another,
    run: forMs => loop.runUntil(loop.nowMs() + forMs),
    outcome,
    async value(promise, withinMs) {
      const seen = await outcome(promise, withinMs)
      if (seen.is === 'ok') return seen.value
      throw new Error(seen.is === 'refused' ? `${seen.fault.code}: ${seen.fault.message}` : 'no answer came')
    },
    async code(promise, withinMs) {
      const seen = await outcome(promise, withinMs)
      return seen.is === 'refused' ? seen.fault.code : seen.is
    },
  }
  loop.install()
  try {
    await fn(bench)
  } finally {
    loop.uninstall()
  }
}
