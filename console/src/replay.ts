/** What the last hour is made of, from samples: who owned what, and what is worth looking at. Pure; times are cluster time. */
import { type HistoryPart, merged, type Sample } from '../../actors/cluster/history.ts'
import type { AlertRow } from '../../transport/console-client/topics.ts'
import { clockTime, plural } from './format.ts'
import { type Frame, KEPT_MS, takeovers } from './takeover.ts'

/** What was told, with what is told now. What is older than an hour becomes one sample, with which it begins. */
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

/** What is worth jumping to, within what can be replayed, the newest last. */
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

const NAMED = 5

/** Marks of a kind that are too close to be told apart as one, at the first of them. In the order of `marks`. */
export function grouped(marks: readonly Mark[], withinMs: number): readonly Mark[] {
  const groups: Mark[][] = []
  for (const mark of marks) {
    const group = groups.findLast(([first]) => first?.kind === mark.kind)
    const [first] = group ?? []
    if (group && first && mark.at - first.at <= withinMs) group.push(mark)
    else groups.push([mark])
  }
  return groups.flatMap(group => {
    const [first] = group
    const more = group.length > NAMED ? `; ${group.length - NAMED} more` : ''
    return first
      ? {
          ...first,
          text: `${group
            .slice(0, NAMED)
            .map(({ text }) => text)
            .join('; ')}${more}`,
        }
      : []
  })
}
