/** What an agent has been asked to do, by name: asked again it is waited for, and not begun anew. */
import type { Json } from '../../actors/kernel/define.ts'
import type { Env } from '../../actors/kernel/env.ts'
import { BatonError } from '../../actors/kernel/errors.ts'

/** Under way at once, over all agents of a gateway. */
const RUNS_MAX = 10_000

export type RunLook = { readonly done: true; readonly value: Json } | { readonly done: false }

/** Begins `act` unless it is under way, and waits for it up to `waitMs`. Rejects as it has failed; asked again then, it is begun anew. */
export type Runs = (name: string, waitMs: number, act: () => Promise<Json>) => Promise<RunLook>

export function createRuns(env: Pick<Env, 'setTimer'>): Runs {
  const running = new Map<string, Promise<Json>>()
  return async (name, waitMs, act) => {
    if (!running.has(name) && running.size >= RUNS_MAX) throw new BatonError('Overloaded', `${RUNS_MAX} commands are under way at this gateway`)
    const mine = running.get(name) ?? act()
    if (!running.has(name)) {
      running.set(name, mine)
      const over = (): boolean => running.delete(name)
      mine.then(over, over)
    }
    const late = Promise.withResolvers<RunLook>()
    const timer = env.setTimer(waitMs, () => late.resolve({ done: false }))
    try {
      return await Promise.race([mine.then((value): RunLook => ({ done: true, value })), late.promise])
    } finally {
      timer.cancel()
    }
  }
}
