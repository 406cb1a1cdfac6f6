/**
 * What the world gives to a node: time, chance and a log. Everything outside `bin/` and the adapters gets
 * these through `Env`, so that the simulator can put its own in their place and replay a run from a seed.
 */

import type { Tracing } from './tracing.ts'

export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export interface Timer {
  cancel(): void
}

export interface Env {
  /** Milliseconds from an arbitrary origin; never goes back, never jumps. For time-outs and intervals. */
  monotonicMs(): number
  /** Milliseconds since 1970 by this machine's clock. Only for what people read: it may jump. */
  wallMs(): number
  /** Runs `fn` once after `delayMs` of monotonic time. */
  setTimer(delayMs: number, fn: () => void): Timer
  /** Uniform in [0, 1). */
  random(): number
  /** A random UUID, version 4. */
  uuid(): string
  readonly log: Logger
  /** Left out where nothing is traced, as in the simulator. */
  readonly tracing?: Tracing
}

export const seconds = (n: number): number => n * 1000
export const minutes = (n: number): number => n * 60_000

/** Exponential backoff with full jitter in its upper half: between half and all of `baseMs * 2^attempt`, capped. */
export function backoffMs(env: Pick<Env, 'random'>, attempt: number, baseMs: number, capMs: number): number {
  const ceiling = Math.min(capMs, baseMs * 2 ** Math.min(attempt, 30))
  return ceiling * (0.5 + env.random() / 2)
}

/** A logger that says nothing, for tests and the simulator. */
export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
}
