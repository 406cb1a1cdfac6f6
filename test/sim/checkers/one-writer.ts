/** One writer per actor: only the owner of its shard writes, and its events follow each other without a gap. */
import type { Checker } from './checker.ts'

export const oneWriter: Checker = {
  name: 'one writer per actor',
  always: world => [...world.trespasses],
  atRest(world) {
    const violations: string[] = []
    for (const [key, actor] of world.database.tables.actors) {
      for (const [i, event] of actor.events.entries()) if (event.seq !== i + 1) violations.push(`${key}: event ${event.seq} stands at ${i + 1}`)
    }
    return violations
  },
}
