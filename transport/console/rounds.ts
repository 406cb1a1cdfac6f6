/**
 * When to tell what has changed: a moment after the first change, all of it together, so that a burst is one message to each who watches. Then
 * a pause as long as the telling took: a thousand who watch are not told faster than they can be told, and half of the time is for other things.
 */
import type { Env, Timer } from '../../actors/kernel/env.ts'

export interface Rounds<T> {
  /** It is told in the next round, once, however often it is added. */
  add(what: T): void
  drop(what: T): void
  stop(): void
}

/** `gatherMs`: the least time from a change to its telling. `tell` must not throw. */
export function createRounds<T>(env: Env, gatherMs: number, tell: (what: T) => void): Rounds<T> {
  const untold = new Set<T>()
  let timer: Timer | null = null
  let tookMs = 0

  function round(): void {
    const begunMs = env.monotonicMs()
    timer = null
    const due = [...untold]
    untold.clear()
    for (const what of due) tell(what)
    tookMs = env.monotonicMs() - begunMs
  }

  return {
    add(what) {
      untold.add(what)
      timer ??= env.setTimer(Math.max(gatherMs, tookMs), round)
    },
    drop: what => void untold.delete(what),
    stop: () => timer?.cancel(),
  }
}
