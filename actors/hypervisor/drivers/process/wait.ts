/** Waiting with the timers of `Env`. */
import type { Env } from '../../../kernel/env.ts'

export const sleep = (env: Pick<Env, 'setTimer'>, delayMs: number): Promise<void> => new Promise(resolve => env.setTimer(delayMs, resolve))

/** What `event` resolves with, or `null` after `timeoutMs`. Rejects when the event does. */
export function within<T>(env: Pick<Env, 'setTimer'>, timeoutMs: number, event: Promise<T>): Promise<T | null> {
  return new Promise((resolve, reject) => {
    const timer = env.setTimer(timeoutMs, () => resolve(null))
    event.then(resolve, reject).finally(() => timer.cancel())
  })
}

/** Asks until the answer is yes; false after `timeoutMs`. Only for what tells nobody when it changes, such as processes not our own. */
export async function until(
  env: Pick<Env, 'setTimer' | 'monotonicMs'>,
  timeoutMs: number,
  everyMs: number,
  ask: () => Promise<boolean>,
): Promise<boolean> {
  const endMs = env.monotonicMs() + timeoutMs
  for (;;) {
    if (await ask()) return true
    const leftMs = endMs - env.monotonicMs()
    if (leftMs <= 0) return false
    await sleep(env, Math.min(everyMs, leftMs))
  }
}
