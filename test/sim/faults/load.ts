/** More is asked than can be answered. */
import { address } from '../../../actors/kernel/address.ts'
import type { Family } from './fault.ts'

const ASKING_MS = 5000

export const LOAD_FAULTS: Family = {
  /** Everybody asks one host's actor at once, more than its inbox takes: who comes too late is told so, and nothing else is lost. */
  overload(world, random) {
    const host = random.pick(world.computes).name
    const asker = random.pick(world.conductors).running
    const count = Math.min(world.settings.actors.inbox * 2, 300)
    world.log(`FAULT ${count} questions at once for ${host}`)
    for (let i = 0; i < count; i++) asker?.messenger.call(address('host', host), 'get', {}, { timeoutMs: ASKING_MS }).catch(() => {})
  },
}
