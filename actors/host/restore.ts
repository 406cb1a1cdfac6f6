/**
 * Room that an instance has by its owner's word, but not by its host's: it is claimed again, or made the right size. Unlike a new
 * claim it is not refused by a host that is disabled or silent: the guest is there already, and what it uses must be counted.
 */
import { get } from '../kernel/bucket-map.ts'
import { accept, type Decision, refuse } from '../kernel/define.ts'
import { lacks, plus, type Resources } from '../placement/amounts.ts'
import type { Claim, HostActorState, HostEvent } from './host.ts'
import { isMarked } from './marks.ts'

export type RestoreArgs = { readonly claim: string; readonly order: number } & Claim

/**
 * What the host can promise in all is `capacity`. Idempotent.
 * `StaleCommand` when a newer operation of the instance let go of it meanwhile; `HostRefused` when there is no room. */
export function decideRestore(
  state: HostActorState,
  args: RestoreArgs,
  id: string,
  now: number,
  capacity: Resources,
): Decision<HostActorState, HostEvent> {
  const { claim, order, instance, vcpus, ramMb, diskGb } = args
  const held = get(state.claims, claim)
  if (held && held.vcpus === vcpus && held.ramMb === ramMb && held.diskGb === diskGb) return accept([])
  if (isMarked(state.released, claim, order, now) || (held && order < (held.order ?? 0))) {
    return refuse('StaleCommand', `claim ${claim} was changed by a newer command; look again`)
  }
  if (!state.registered) return refuse('HostRefused', `host ${id} has never reported`)
  const custom = args.custom ?? held?.custom
  const wanted = { vcpus, ramMb, diskGb, ...(custom ? { custom } : {}) }
  const lacking = lacks(capacity, held ? plus(state.used, held, -1) : state.used, wanted)
  if (lacking) return refuse('HostRefused', `host ${id} has no room for what ${instance} uses already: ${lacking}; migrate an instance away`)
  return accept([{ type: 'claimed', claim, of: { instance, ...wanted, ...(held?.group === undefined ? {} : { group: held.group }) }, order }])
}
