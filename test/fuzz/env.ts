/** Time in a target's hand: nothing is waited for, timers fire when it is said that their time has come. */
import { type Env, silentLogger, type Timer } from '../../actors/kernel/env.ts'

export interface ManualEnv extends Env {
  /** Lets time pass; timers that fall due fire in order, those they set included. At most 10,000 of them. */
  elapse(ms: number): void
  /** Timers that wait. */
  waiting(): number
}

const MAX_FIRED = 10_000

export function manualEnv(): ManualEnv {
  let nowMs = 1000
  let drawn = 0
  const timers = new Set<{ readonly atMs: number; readonly fn: () => void }>()

  const nextBy = (untilMs: number) => [...timers].filter(t => t.atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0]

  return {
    monotonicMs: () => nowMs,
    wallMs: () => 1_700_000_000_000 + nowMs,
    setTimer(delayMs, fn): Timer {
      if (!Number.isFinite(delayMs)) throw new Error(`a timer of ${delayMs} ms`)
      const timer = { atMs: nowMs + Math.max(0, delayMs), fn }
      timers.add(timer)
      return { cancel: () => void timers.delete(timer) }
    },
    random: () => 0.5,
    uuid: () => `00000000-0000-4000-8000-${String(drawn++).padStart(12, '0')}`,
    log: silentLogger,
    elapse(ms) {
      const untilMs = nowMs + ms
      let fired = 0
      for (let next = nextBy(untilMs); next; next = nextBy(untilMs)) {
        if (fired++ > MAX_FIRED) throw new Error(`more than ${MAX_FIRED} timers fired within ${ms} ms`)
        timers.delete(next)
        nowMs = Math.max(nowMs, next.atMs)
        next.fn()
      }
      nowMs = untilMs
    },
    waiting: () => timers.size,
  }
}
