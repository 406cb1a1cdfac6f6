/**
 * What has become of the shards within the last hour, as far as this page has seen it: a frame for each time that owners changed, and from
 * them the take-overs, with how long shards had no owner. Pure.
 */

/** Who owned each shard at a time; `null` while nobody did. In the order of shards. */
export interface Frame {
  readonly at: number
  readonly owners: readonly (string | null)[]
}

export interface Takeover {
  readonly at: number
  /** From the first shard that moved to the last, ms. */
  readonly tookMs: number
  readonly moved: number
  /** Who had them, and who has them: shards by name. */
  readonly from: Readonly<Record<string, number>>
  readonly to: Readonly<Record<string, number>>
}

export const KEPT_MS = 3_600_000
const MAX_FRAMES = 2000
/** Moves that are closer together than this belong to the same take-over. */
const PAUSE_MS = 5000

/** The frames with what is seen now; the same list when nothing is different. */
export function remember(frames: readonly Frame[], next: Frame): readonly Frame[] {
  const last = frames.at(-1)
  if (last && last.owners.length === next.owners.length && last.owners.every((owner, i) => owner === next.owners[i])) return frames
  const kept = frames.filter((_, i) => (frames[i + 1]?.at ?? next.at) > next.at - KEPT_MS)
  return [...kept, next].slice(-MAX_FRAMES)
}

/** The frame that was true at a time; the first when that was before all of them. */
export const frameAt = (frames: readonly Frame[], at: number): Frame | undefined => frames.findLast(frame => frame.at <= at) ?? frames[0]

/** Newest first. */
export function takeovers(frames: readonly Frame[]): Takeover[] {
  const groups: Frame[][] = []
  for (const [i, frame] of frames.entries()) {
    const before = frames[i - 1]
    if (!before) continue
    const group = groups.at(-1)
    if (group && frame.at - (group.at(-1)?.at ?? 0) <= PAUSE_MS) group.push(frame)
    else groups.push([before, frame])
  }
  return groups
    .map(told)
    .filter(({ moved }) => moved > 0)
    .reverse()
}

function told(group: readonly Frame[]): Takeover {
  const [before, first] = group
  const last = group.at(-1)
  const from: Record<string, number> = {}
  const to: Record<string, number> = {}
  let moved = 0
  for (const [i, owner] of (last?.owners ?? []).entries()) {
    const was = before?.owners[i] ?? null
    if (was === owner) continue
    moved++
    from[was ?? 'nobody'] = (from[was ?? 'nobody'] ?? 0) + 1
    to[owner ?? 'nobody'] = (to[owner ?? 'nobody'] ?? 0) + 1
  }
  return { at: first?.at ?? 0, tookMs: (last?.at ?? 0) - (first?.at ?? 0), moved, from, to }
}
