/** Every queue stays within its bound. */
import type { Checker } from './checker.ts'

export const bounded: Checker = {
  name: 'every queue within its bound',
  always(world) {
    return world.conductors.flatMap(({ name, running }) => {
      if (!running) return []
      return running
        .queues()
        .flatMap(q => (q.depth > q.limit ? [`${name}: ${q.queue} holds ${q.depth} of ${q.limit}`] : []))
        .concat(running.actors.stats().poisoned.map(actor => `${actor} was set aside`))
        .concat(running.actors.stats().waiting > world.settings.actors.total ? [`${name}: inboxes over their total`] : [])
    })
  },
}
