/** What the balloon of a guest has heard of its memory, as QMP tells it. The guest has said it, so it may be anything. Pure. */
import { Type } from 'typebox'
import type { Json } from '../../../kernel/define.ts'
import type { GuestMemory } from '../../driver.ts'
import { parseWith } from '../records.ts'

const BYTES = Type.Number({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
const MB = 1024 ** 2

// What a guest does not tell is -1, or 2^64 - 1.
const parseStats = parseWith(
  Type.Object({ stats: Type.Object({ 'stat-total-memory': BYTES, 'stat-free-memory': BYTES, 'stat-available-memory': BYTES }) }),
)
const parseBalloon = parseWith(Type.Object({ actual: BYTES }))

/** From the answers of `qom-get guest-stats` and `query-balloon`; null when the guest has not said it. */
export function guestMemoryOf(stats: Json, balloon: Json): GuestMemory | null {
  const [heard, given] = [parseStats(stats)?.stats, parseBalloon(balloon)]
  if (!heard || !given) return null
  const mb = (bytes: number): number => Math.round(bytes / MB)
  return {
    actualMb: mb(given.actual),
    totalMb: mb(heard['stat-total-memory']),
    freeMb: mb(heard['stat-free-memory']),
    availableMb: mb(heard['stat-available-memory']),
  }
}
