/** The world as it is: this machine's clocks, timers, chance and a log on standard output. */
import { randomUUID } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { pino } from 'pino'
import type { Env } from '../actors/kernel/env.ts'
import { toFault } from '../actors/kernel/errors.ts'
import type { Tracing } from '../actors/kernel/tracing.ts'

export interface Observers {
  /** Left out, nothing is traced and no line knows its request. */
  readonly tracing?: Tracing
  /** Hears every line that is logged, as it is written. */
  onLine?(line: string): void
}

/** `level` as in `log.level`; every line is JSON and carries the node's id, and that of the request it is about where there is one. */
export function realEnv(node: string, level: string, { tracing, onLine }: Observers = {}): Env {
  const out = pino.destination({ dest: 1, sync: true })
  const write = (line: string): void => {
    onLine?.(line)
    out.write(line)
  }
  const mixin = (): object => {
    const { requestId, trace } = tracing?.active() ?? {}
    return { ...(requestId === undefined ? {} : { requestId }), ...(trace === undefined ? {} : { trace }) }
  }
  const logger = pino(
    { level, base: { node, pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime, serializers: { error: describe }, mixin },
    { write },
  )
  return {
    monotonicMs: () => performance.now(),
    wallMs: () => Date.now(),
    setTimer(delayMs, fn) {
      // What comes later is not part of what happens to run now.
      const timer = setTimeout(tracing?.active() ? () => tracing.within(undefined, fn) : fn, delayMs)
      return { cancel: () => clearTimeout(timer) }
    },
    random: () => Math.random(),
    uuid: () => randomUUID(),
    log: {
      debug: (fields, message) => logger.debug(fields, message),
      info: (fields, message) => logger.info(fields, message),
      warn: (fields, message) => logger.warn(fields, message),
      error: (fields, message) => logger.error(fields, message),
    },
    ...(tracing ? { tracing } : {}),
  }
}

/** Errors in the log keep their stack: the log is for whoever mends Baton. */
const describe = (error: unknown): object => ({ ...toFault(error), stack: error instanceof Error ? error.stack : undefined })
