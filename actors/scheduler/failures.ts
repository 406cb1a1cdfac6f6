/**
 * Builds that failed lately, by host. A failure counts one, and half of that after each half-life; so a host that fails again and
 * again is left to the end, and one that failed once comes back by itself. Each scheduler knows of the builds it has placed.
 */
const HALF_LIFE_MS = 300_000
/** Failures remembered by name, so that a build that asks again does not count twice. */
const REMEMBERED = 10_000

export interface Failures {
  /** `key` names the failure: the same one again does not count. */
  add(host: string, key: string, nowMs: number): void
  /** 0 when there were none. */
  of(host: string, nowMs: number): number
}

export function createFailures(): Failures {
  const scores = new Map<string, { score: number; atMs: number }>()
  const known = new Set<string>()

  function scoreAt(host: string, nowMs: number): number {
    const last = scores.get(host)
    return last ? last.score * 2 ** (-(nowMs - last.atMs) / HALF_LIFE_MS) : 0
  }

  return {
    add(host, key, nowMs) {
      if (known.has(key)) return
      const [oldest] = known
      if (known.size >= REMEMBERED && oldest !== undefined) known.delete(oldest)
      known.add(key)
      scores.set(host, { score: scoreAt(host, nowMs) + 1, atMs: nowMs })
    },
    of: scoreAt,
  }
}
