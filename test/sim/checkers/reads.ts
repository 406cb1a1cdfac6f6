/** What a client reads was committed, and is never older than what the same client has read before. */
import type { Checker } from './checker.ts'

export const reads: Checker = {
  name: 'reads are monotonic for one client',
  atTheEnd(world, history) {
    const seen = new Map<string, number>()
    return history.reads.flatMap(({ client, instance, print }) => {
      const key = `${client} ${instance}`
      const from = seen.get(key) ?? 0
      const at = world.versions.get(instance)?.indexOf(print, from) ?? -1
      if (at >= 0) seen.set(key, at)
      return at >= 0 ? [] : [`${client} read ${print} of ${instance}, after a version newer than that`]
    })
  },
}
