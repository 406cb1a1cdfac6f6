/**
 * What is large is told to a few clients at a time, each to its end, in the order in which they came: a thousand that come back together are
 * served one after the other, and the first of them need not wait for the last. Who does not get on (its socket stays full) keeps its turn for a
 * bounded time only; then it goes on without one, and the next begins.
 */
import type { Env, Timer } from '../../actors/kernel/env.ts'

export interface TurnLimits {
  /** Turns at a time. */
  readonly width: number
  /** How long a turn counts when others wait, ms. */
  readonly holdMs: number
}

export interface Turn {
  /** Whether it has begun. */
  begun(): boolean
  /** Over, or not wanted any more. May be said again. */
  end(): void
}

export interface Turns {
  /** `onBegin` is called when it begins, unless it has begun already when this returns. */
  take(onBegin: () => void): Turn
  stats(): { readonly running: number; readonly waiting: number }
}

interface Held {
  readonly onBegin: () => void
  begunMs: number | null
}

export function createTurns(env: Env, { width, holdMs }: TurnLimits): Turns {
  // In the order in which they came.
  const running = new Set<Held>()
  const waiting = new Set<Held>()
  let timer: Timer | null = null
  let isDue = false

  /** Not within the end of another: who is told all at once ends in its beginning, and a thousand of them are not one long moment. */
  function beginSoon(): void {
    if (isDue) return
    isDue = true
    env.setTimer(0, begin)
  }

  function begin(): void {
    isDue = false
    let begun = 0
    for (const held of waiting) {
      if (running.size >= width || begun++ >= width) break
      waiting.delete(held)
      running.add(held)
      held.begunMs = env.monotonicMs()
      held.onBegin()
    }
    if (running.size < width && waiting.size > 0) beginSoon()
    watch()
  }

  /** While others wait, the oldest turn ends by itself. */
  function watch(): void {
    const [oldest] = running
    if (timer || waiting.size === 0 || !oldest) return
    timer = env.setTimer(Math.max(0, (oldest.begunMs ?? 0) + holdMs - env.monotonicMs()), () => {
      timer = null
      // Whoever did not get on goes on without a turn.
      for (const held of running) if ((held.begunMs ?? 0) + holdMs <= env.monotonicMs()) running.delete(held)
      begin()
    })
  }

  return {
    take(onBegin) {
      const held: Held = { onBegin, begunMs: null }
      if (running.size < width && waiting.size === 0) {
        held.begunMs = env.monotonicMs()
        running.add(held)
      } else {
        waiting.add(held)
        watch()
      }
      return {
        begun: () => held.begunMs !== null,
        end() {
          waiting.delete(held)
          if (running.delete(held) && waiting.size > 0) beginSoon()
        },
      }
    },
    stats: () => ({ running: running.size, waiting: waiting.size }),
  }
}
