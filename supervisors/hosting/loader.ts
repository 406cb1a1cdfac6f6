/** Loads actors in groups: while one look into the journal is under way, the next gathers, as with commits. */
import { type Address, addressKey } from '../../actors/kernel/address.ts'
import type { Journal, Loaded } from '../../actors/kernel/ports.ts'

const GROUP = 200

interface Waiting {
  readonly actor: Address
  resolve(loaded: Loaded): void
  reject(error: unknown): void
}

export function createLoader(journal: Pick<Journal, 'load'>): (actor: Address) => Promise<Loaded> {
  const waiting: Waiting[] = []
  let looking = false

  async function look(): Promise<void> {
    looking = true
    while (waiting.length > 0) {
      const group = waiting.splice(0, GROUP)
      try {
        const loaded = new Map((await journal.load(group.map(w => w.actor))).map(l => [addressKey(l.actor), l]))
        for (const w of group) w.resolve(loaded.get(addressKey(w.actor)) ?? { actor: w.actor, snapshot: null, events: [] })
      } catch (error) {
        for (const w of group) w.reject(error)
      }
    }
    looking = false
  }

  return actor =>
    new Promise((resolve, reject) => {
      waiting.push({ actor, resolve, reject })
      if (!looking) look()
    })
}
