/**
 * Guesses at passwords, slowed down. Wrong ones are counted in three ways: by user and address, by address, and by user. Over the limit of any,
 * whoever it is waits: at first a second, then twice as long with each wrong guess more, five minutes at most, and meanwhile nothing is
 * even looked at. The limit by user is high, so that a stranger can slow a user down but hardly lock him out.
 *
 * All logins go to the conductor that owns the directory, so that one place counts; its memory is bounded (the longest unheard of is
 * forgotten first), and a take-over forgets it all.
 */
import { BatonError } from '../../actors/kernel/errors.ts'

const LIMITS = { pair: 5, address: 50, user: 100 } as const
const FIRST_WAIT_MS = 1000
const LONGEST_WAIT_MS = 5 * 60_000
/** Without a wrong guess for so long, a count begins anew. */
const FORGET_MS = 15 * 60_000
const ENTRIES_MAX = 20_000

interface Count {
  readonly wrong: number
  readonly lastMs: number
  readonly blockedUntilMs: number
}

export interface Guesses {
  /** Throws `TooManyAttempts` while this user or address has to wait. */
  check(user: string, address: string): void
  wrong(user: string, address: string): void
  /** A right one: the count of this user from this address begins anew. */
  right(user: string, address: string): void
}

/** `nowMs` is monotonic. */
export function createGuesses(nowMs: () => number): Guesses {
  const counts = new Map<string, Count>()
  const keys = (user: string, address: string): readonly (readonly [string, number])[] => [
    [JSON.stringify(['pair', user, address]), LIMITS.pair],
    [JSON.stringify(['address', address]), LIMITS.address],
    [JSON.stringify(['user', user]), LIMITS.user],
  ]
  return {
    check(user, address) {
      const now = nowMs()
      const waits = keys(user, address).map(([key]) => (counts.get(key)?.blockedUntilMs ?? 0) - now)
      const retryAfterMs = Math.max(...waits)
      if (retryAfterMs <= 0) return
      const message = `Too many wrong passwords; try again in ${Math.ceil(retryAfterMs / 1000)} s.`
      throw new BatonError('TooManyAttempts', message, { retryAfterMs })
    },
    wrong(user, address) {
      const now = nowMs()
      for (const [key, limit] of keys(user, address)) {
        const before = counts.get(key)
        const wrong = before && now - before.lastMs < FORGET_MS ? before.wrong + 1 : 1
        const waitMs = wrong < limit ? 0 : Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(30, wrong - limit))
        counts.delete(key)
        counts.set(key, { wrong, lastMs: now, blockedUntilMs: now + waitMs })
      }
      for (const key of counts.keys()) {
        if (counts.size <= ENTRIES_MAX) break
        counts.delete(key)
      }
    },
    right: (user, address) => void counts.delete(JSON.stringify(['pair', user, address])),
  }
}
