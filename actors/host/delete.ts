/** Forgetting a host that is gone for good; its agent coming back registers it anew. */
import { accept, type Decision, refuse } from '../kernel/define.ts'
import type { HostActorState, HostEvent } from './host.ts'

/** Only what runs nothing and is promised to nobody. */
export function decideDelete(state: HostActorState, id: string): Decision<HostActorState, HostEvent> {
  if (!state.registered) return refuse('NotFound', `there is no host ${id}`)
  if (state.state !== 'down' && state.state !== 'fenced') {
    const help = 'stop its agent first, and wait until it is down'
    return refuse('Conflict', `host ${id} is ${state.state}; only a host that is down or fenced can be deleted: ${help}`, {
      allowed: ['down', 'fenced'],
    })
  }
  if (state.task) return refuse('Conflict', `host ${id} is being emptied by operation ${state.task.operation}; cancel that first`)
  const { size } = state.claims
  if (size > 0) return refuse('Conflict', `host ${id} holds room for ${size} instances; evacuate or delete them first`, { claims: size })
  return accept([{ type: 'deleted' }])
}
