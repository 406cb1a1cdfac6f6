/**
 * How much may come: so much at once, and then at a steady rate. A token bucket needs one number, the time at which it would be full again
 * (the generic cell rate algorithm, ITU-T I.371): each token moves it by what one token takes to come back, and is refused when that would
 * lie further ahead than a whole bucket takes.
 */

export interface Rate {
  /** One token comes back in so long, ms. */
  readonly everyMs: number
  /** How long a bucket that was emptied takes to be full: as many tokens at once come back in that time. */
  readonly depthMs: number
}

/** A rate as it is usually said: so many at once, and so many a second for long. */
export const rateOf = ({ burst, perSecond }: { readonly burst: number; readonly perSecond: number }): Rate => ({
  everyMs: 1000 / perSecond,
  depthMs: (burst * 1000) / perSecond,
})

/** A bucket after somebody asked for a token. */
export interface Taken {
  readonly fullAtMs: number
  /** 0: there was one. Else nothing was taken, and so many ms later there is one. */
  readonly waitMs: number
}

/** What sums of fractions of milliseconds may be off by. */
const ROUNDING_MS = 1e-6

/** Asks a bucket that would be full at `fullAtMs` for one token; one that was never asked is full. */
export function takeToken({ everyMs, depthMs }: Rate, fullAtMs: number | undefined, nowMs: number): Taken {
  const before = Math.max(nowMs, fullAtMs ?? nowMs)
  const waitMs = before + everyMs - depthMs - nowMs
  return waitMs > ROUNDING_MS ? { fullAtMs: before, waitMs } : { fullAtMs: before + everyMs, waitMs: 0 }
}

export interface Bucket {
  /** Takes a token; false when there is none, and then nothing is taken. */
  take(): boolean
  /** Puts back a token that was taken. */
  giveBack(): void
}

/** One full bucket; `nowMs` is monotonic. */
export function createBucket(rate: Rate, nowMs: () => number): Bucket {
  let fullAtMs: number | undefined
  return {
    take() {
      const taken = takeToken(rate, fullAtMs, nowMs())
      fullAtMs = taken.fullAtMs
      return taken.waitMs === 0
    },
    giveBack() {
      if (fullAtMs !== undefined) fullAtMs -= rate.everyMs
    },
  }
}

export interface Buckets {
  /** Takes a token out of the bucket of `key`: 0, or how many ms until there is one again. */
  take(key: string): number
}

/** A bucket for each key; of more than `keysMax` the longest unused is forgotten, which is the same as full. */
export function createBuckets(rate: Rate, keysMax: number, nowMs: () => number): Buckets {
  const fullAtMs = new Map<string, number>()
  return {
    take(key) {
      const taken = takeToken(rate, fullAtMs.get(key), nowMs())
      // Put at the end, so that the first of the map is the longest unused; also who is refused, or asking often would be forgiven.
      fullAtMs.delete(key)
      fullAtMs.set(key, taken.fullAtMs)
      const [longestUnused] = fullAtMs.keys()
      if (fullAtMs.size > keysMax && longestUnused !== undefined) fullAtMs.delete(longestUnused)
      return taken.waitMs
    },
  }
}
