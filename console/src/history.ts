/** The last hour as the cluster remembers it: asked for once, then kept up while it is looked at. Times are cluster time. */
import { useEffect, useState } from 'preact/hooks'
import { type HistoryPart, merged, type Sample } from '../../actors/cluster/history.ts'
import type { AlertRow } from '../../transport/console-client/topics.ts'
import { clockTime, plural } from './format.ts'
import { useLive } from './live.ts'
import { type Frame, KEPT_MS, takeovers } from './takeover.ts'

const EVERY_MS = 2000

/** What was told, with what is told now. What is older than an hour becomes one sample, with which it begins. Pure. */
export function joined(before: readonly Sample[], { isWhole, samples }: Pick<HistoryPart, 'isWhole' | 'samples'>): readonly Sample[] {
  const all = isWhole ? samples : [...before, ...samples]
  const oldest = (all.at(-1)?.at ?? 0) - KEPT_MS
  const kept = all.findLastIndex(({ at }) => at <= oldest)
  return kept <= 0 ? all : [all.slice(0, kept + 1).reduce(merged), ...all.slice(kept + 1)]
}

/** Who owned the shards, from samples. */
export const framesOf = (samples: readonly Sample[]): Frame[] =>
  samples.flatMap(({ at, owners }) => (owners ? { at, owners: owners.of.map(place => owners.names[place] ?? null) } : []))

export interface Mark {
  readonly at: number
  readonly kind: 'takeover' | 'fired' | 'cleared'
  readonly text: string
}

const MARKS = 60

/** What is worth jumping to, within what can be replayed, the newest last. Pure. */
export function marksOf(samples: readonly Sample[], alerts: readonly AlertRow[]): readonly Mark[] {
  const first = samples[0]?.at ?? Number.POSITIVE_INFINITY
  const moves = takeovers(framesOf(samples)).map(
    ({ at, moved, from }): Mark => ({ at, kind: 'takeover', text: `${plural(moved, 'shard')} from ${Object.keys(from).join(', ')}` }),
  )
  const told = alerts.flatMap(({ firedAt, clearedAt, message }): Mark[] => [
    { at: firedAt, kind: 'fired', text: message },
    ...(clearedAt === null ? [] : [{ at: clearedAt, kind: 'cleared', text: `over: ${message}` } as const]),
  ])
  return [...moves, ...told]
    .filter(({ at }) => at >= first)
    .sort((a, b) => a.at - b.at)
    .slice(-MARKS)
    .map(mark => ({ ...mark, text: `${clockTime(mark.at)} ${mark.text}` }))
}

/** Empty until the first answer, and while the cluster does not remember anything. */
export function useHistory(): readonly Sample[] {
  const { client } = useLive()
  const [samples, setSamples] = useState<readonly Sample[]>([])
  useEffect(() => {
    let known: readonly Sample[] = []
    let epoch: string | undefined
    let timer: ReturnType<typeof setTimeout> | undefined
    let isOver = false
    async function ask(): Promise<void> {
      let more = false
      try {
        const after = known.at(-1)?.at
        const part = await client.history(after === undefined || epoch === undefined ? {} : { after, epoch })
        known = joined(known, part)
        epoch = part.epoch
        more = part.more
        if (!isOver && !more) setSamples(known)
      } catch {
        // No connection, or no conductor: what was told stays, and is asked for again.
      }
      if (!isOver) timer = setTimeout(ask, more ? 0 : EVERY_MS)
    }
    ask()
    return () => {
      isOver = true
      clearTimeout(timer)
    }
  }, [client])
  return samples
}
