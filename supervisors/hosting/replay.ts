/** How an actor comes back: its snapshot, and the events after it, folded one by one. */
import { addressKey } from '../../actors/kernel/address.ts'
import type { ActorEvent, AnyActor } from '../../actors/kernel/define.ts'
import type { Loaded } from '../../actors/kernel/ports.ts'

/** The state, and the number of the last event in it; 0 for an actor that never was. Throws when an event is missing. */
export function replay(definition: AnyActor, { actor, snapshot, events }: Loaded): { readonly state: unknown; readonly seq: number } {
  let state: unknown = snapshot ? snapshot.state : definition.initial(actor.id)
  let seq = snapshot?.seq ?? 0
  for (const event of events) {
    if (event.seq !== seq + 1) throw new Error(`${addressKey(actor)}: event ${event.seq} follows ${seq}`)
    const data = event.data as unknown as ActorEvent
    const isOld = event.version !== definition.version && definition.upcast !== undefined
    state = definition.evolve(state, isOld ? definition.upcast?.(data, event.version) : data, event.at)
    seq = event.seq
  }
  return { state, seq }
}
