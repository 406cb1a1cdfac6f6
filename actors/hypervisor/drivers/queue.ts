/** Two ways to keep asynchronous work in order: one at a time per key, and at most so many at once. */

export type Run = <T>(job: () => Promise<T>) => Promise<T>

/** Jobs with the same key run one after another, in the order in which they came; others are not held up. */
export function keyedQueue(): <T>(key: string, job: () => Promise<T>) => Promise<T> {
  const tails = new Map<string, Promise<unknown>>()
  return (key, job) => {
    const mine = (tails.get(key) ?? Promise.resolve()).then(job)
    const tail = mine
      .catch(() => {})
      .then(() => {
        if (tails.get(key) === tail) tails.delete(key)
      })
    tails.set(key, tail)
    return mine
  }
}

/** At most `limit` jobs run at once; the others wait, first come first served. */
export function limiter(limit: number): Run {
  const waiting: (() => void)[] = []
  let running = 0
  return async job => {
    // A slot is handed over, not freed and taken again, so that nobody overtakes those who wait.
    if (running < limit) running++
    else await new Promise<void>(resolve => waiting.push(resolve))
    try {
      return await job()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else running--
    }
  }
}
