/**
 * A guest's memory never goes back: of one boot, nobody sees fewer ticks than were seen before. It would if the source of a live
 * migration went on from its old memory after the destination had run.
 */
import { ticksAt } from '../../../actors/hypervisor/drivers/fake-transfer.ts'
import type { World } from '../world.ts'
import type { Checker } from './checker.ts'

const seen = new WeakMap<World, Map<string, number>>()

export const memory: Checker = {
  name: 'memory never goes back',
  always(world) {
    const before = seen.get(world) ?? new Map<string, number>()
    seen.set(world, before)
    const violations: string[] = []
    const nowMs = world.wallMs()
    for (const [host, store] of world.stores) {
      for (const { spec, memory } of store.guests()) {
        if (!memory) continue
        const key = `${spec.instance} boot ${memory.boot}`
        const ticks = ticksAt(memory, nowMs)
        if (ticks < (before.get(key) ?? 0)) violations.push(`${key} has ${ticks} ticks on ${host}, and had ${before.get(key)}`)
        before.set(key, ticks)
      }
    }
    return violations
  },
}
