/** The world as it is: this machine's clocks, timers, chance and a log on standard output. */
import { randomUUID } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { pino } from 'pino'
import type { Env } from '../actors/kernel/env.ts'
import { toFault } from '../actors/kernel/errors.ts'

/** `level` as in `log.level`; every line is JSON and carries the node's id. */
export function realEnv(node: string, level: string): Env {
  const logger = pino({ level, base: { node, pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime, serializers: { error: describe } })
  return {
    monotonicMs: () => performance.now(),
    wallMs: () => Date.now(),
    setTimer(delayMs, fn) {
      const timer = setTimeout(fn, delayMs)
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
  }
}

/** Errors in the log keep their stack: the log is for whoever mends Baton. */
const describe = (error: unknown): object => ({ ...toFault(error), stack: error instanceof Error ? error.stack : undefined })
