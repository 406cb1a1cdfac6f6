/**
 * The default limits, as they are needed for each reservation. Asking their actor each time would make one shard part of every create, so what
 * it said is good for a second: a change is in force everywhere that much later. While it cannot be asked (its shard is moving) its last word
 * counts for a while longer.
 */

import type { Env } from '../../actors/kernel/env.ts'
import type { DefaultLimits, Limits } from '../../actors/kernel/quota.ts'
import { DEFAULT_LIMITS } from '../../actors/project/default-limits.ts'

const FRESH_MS = 1000
const LAST_WORD_MS = 60_000

export interface DefaultLimitsOptions {
  readonly env: Pick<Env, 'monotonicMs'>
  call(kind: string, id: string, method: string, args: unknown): Promise<unknown>
}

/** Rejects as the call does. */
export function recentDefaults({ env, call }: DefaultLimitsOptions): () => Promise<Limits> {
  let last: { readonly limits: Limits; readonly atMs: number } | null = null
  let asking: Promise<Limits> | null = null

  async function ask(): Promise<Limits> {
    const atMs = env.monotonicMs()
    try {
      const { limits } = (await call('default-limits', DEFAULT_LIMITS, 'get', {})) as DefaultLimits
      last = { limits, atMs }
      return limits
    } catch (error) {
      if (last && env.monotonicMs() - last.atMs < LAST_WORD_MS) return last.limits
      throw error
    } finally {
      asking = null
    }
  }

  return async () => {
    if (last && env.monotonicMs() - last.atMs < FRESH_MS) return last.limits
    asking ??= ask()
    return asking
  }
}
