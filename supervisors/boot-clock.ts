/**
 * The clock since boot: the same for every process of a machine, never set, and going on while the machine is suspended, when
 * CLOCK_MONOTONIC stands still: a laptop that was closed for an hour must not think that its lease has just been granted.
 * Linux shows CLOCK_BOOTTIME in /proc/uptime, cut to 10 ms, which errs on the safe side for an agent (it seems to have sent earlier) and makes
 * a watchdog late by no more than that. Where there is none, CLOCK_MONOTONIC must do.
 */
import { readFileSync } from 'node:fs'

/** Ms since boot. */
export function bootMs(): number {
  try {
    const uptimeMs = Math.round(Number.parseFloat(readFileSync('/proc/uptime', 'utf8')) * 1000)
    if (Number.isFinite(uptimeMs)) return uptimeMs
  } catch {
    // No /proc here.
  }
  return Number(process.hrtime.bigint() / 1_000_000n)
}
