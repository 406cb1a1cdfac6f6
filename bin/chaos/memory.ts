/**
 * What one client has seen, in the order in which it saw it. An operation that was seen ended is never open again, and an instance that is
 * gone never comes back, whichever conductor answers and whatever happened in between: so the client looks back now and then.
 */
import { BatonError } from '../../actors/kernel/errors.ts'
import type { Client } from '../client/http.ts'
import { getInstance } from '../client/nova.ts'
import { getOperation, hasEnded } from '../client/operations.ts'
import type { Chance } from './faults/fault.ts'

/** An operation is open or ended, an instance there, or gone like whatever is not found. */
export type Sight = 'open' | 'ended' | 'there' | 'gone'

export interface Memory {
  /** `onNew` of the memory is told when it is another sight than the last of the same thing. */
  saw(instance: string, operation: string | null, sight: Sight): void
  /** Looks once more at something that was over when it was last seen. What does not answer is not seen. */
  lookBack(client: Client, chance: Chance): Promise<void>
}

const REMEMBERED = 64

interface Thing {
  readonly instance: string
  readonly operation: string | null
  readonly sight: Sight
}

export function createMemory(onNew: (thing: Thing) => void): Memory {
  const last = new Map<string, Thing>()

  function saw(instance: string, operation: string | null, sight: Sight): void {
    const key = operation ?? instance
    const thing = { instance, operation, sight }
    if (last.get(key)?.sight !== sight) onNew(thing)
    last.delete(key)
    last.set(key, thing)
    const [oldest] = last.keys()
    if (last.size > REMEMBERED && oldest !== undefined) last.delete(oldest)
  }

  async function look(client: Client, instance: string, operation: string | null): Promise<Sight | null> {
    try {
      if (operation !== null) return hasEnded(await getOperation(client, operation)) ? 'ended' : 'open'
      return (await getInstance(client, instance)).status === 'DELETED' ? 'gone' : 'there'
    } catch (error) {
      return error instanceof BatonError && error.code === 'NotFound' ? 'gone' : null
    }
  }

  return {
    saw,
    async lookBack(client, chance) {
      const thing = chance.of([...last.values()].filter(t => t.sight === 'ended' || t.sight === 'gone'))
      const sight = thing && (await look(client, thing.instance, thing.operation))
      if (thing && sight) saw(thing.instance, thing.operation, sight)
    },
  }
}
