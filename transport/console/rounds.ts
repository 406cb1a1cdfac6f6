/**
 * When to tell what has changed: a moment after the first change, all of it together, so that a burst is one message to each who watches. Then
 * a pause as long as the telling took: a thousand who watch are not told faster than they can be told, and half of the time is for other things.
 *
 * Telling a thousand takes a while, so it is done in slices, between which the process does what else there is, and hears of more changes: who is
 * told in a later slice is told those, too. So a change is with everybody after two such whiles at most: if it comes just behind the first who
 * are told, they hear of it after the rest of this round, a pause and their place in the next. In one piece it would be three, because what
 * comes while all are told would be heard of after that.
 */
import type { Env, Timer } from '../../actors/kernel/env.ts'

export interface Rounds<T> {
  /** It is told in the next round, once, however often it is added. */
  add(what: T): void
  drop(what: T): void
  stop(): void
}

/** A slice ends after so long, ms. */
const SLICE_MS = 8

/** `gatherMs`: the least time from a change to its telling. Whoever is to hear of `what` is called, which must not throw. */
export function createRounds<T>(
  env: Pick<Env, 'monotonicMs' | 'setTimer'>,
  gatherMs: number,
  watchersOf: (what: T) => Iterable<() => void>,
): Rounds<T> {
  const untold = new Set<T>()
  let timer: Timer | null = null
  /** What the telling of the round under way, or of the last one, took; without what was done between its slices. */
  let tookMs = 0

  function round(): void {
    tookMs = 0
    const due = [...untold]
    untold.clear()
    slice(watchersIn(due))
  }

  /** Who leaves meanwhile is not told any more. */
  function* watchersIn(due: readonly T[]): Generator<() => void> {
    for (const what of due) yield* watchersOf(what)
  }

  function slice(left: Iterator<() => void>): void {
    const begunMs = env.monotonicMs()
    let next = left.next()
    for (; !next.done && env.monotonicMs() - begunMs < SLICE_MS; next = left.next()) next.value()
    // The one that was taken and not told would be left out.
    if (!next.done) next.value()
    tookMs += env.monotonicMs() - begunMs
    timer = next.done ? null : env.setTimer(0, () => slice(left))
    if (!timer && untold.size > 0) wait()
  }

  function wait(): void {
    timer ??= env.setTimer(Math.max(gatherMs, tookMs), round)
  }

  return {
    add(what) {
      untold.add(what)
      wait()
    },
    drop: what => void untold.delete(what),
    stop: () => timer?.cancel(),
  }
}
