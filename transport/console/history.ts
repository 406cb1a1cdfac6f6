/** The last hour for many clients: who asks for the same within a second is told the same, so that a conductor is asked once for all of them. */
import type { ClusterApi, HistoryAsked, HistoryPart } from '../../actors/api.ts'
import type { Env } from '../../actors/kernel/env.ts'

const SHARED_MS = 1000
/** Different questions that are remembered; clients that watch ask the same. */
const QUESTIONS = 64

export type ReadHistory = (asked: HistoryAsked) => Promise<HistoryPart>

export function createHistoryReader(env: Pick<Env, 'monotonicMs'>, api: Pick<ClusterApi, 'clusterHistory'>): ReadHistory {
  const answers = new Map<string, { readonly atMs: number; readonly part: Promise<HistoryPart> }>()
  return asked => {
    const key = `${asked.epoch ?? ''} ${asked.after ?? ''}`
    const nowMs = env.monotonicMs()
    const known = answers.get(key)
    if (known && nowMs - known.atMs < SHARED_MS) return known.part
    const part = api.clusterHistory(asked)
    answers.delete(key)
    answers.set(key, { atMs: nowMs, part })
    const [oldest] = answers.size > QUESTIONS ? answers.keys() : []
    if (oldest !== undefined) answers.delete(oldest)
    // What failed is asked again by the next.
    part.catch(() => answers.get(key)?.part === part && answers.delete(key))
    return part
  }
}
