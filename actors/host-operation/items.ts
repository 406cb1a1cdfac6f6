/**
 * What is to be done about one instance of a host that is being emptied: pure. The instance itself is asked what it is and where;
 * that is the truth, and asking is harmless however often it is done. It is asked to move under a request id of this operation and only as
 * long as it is on this host, so whoever asks again after a crash moves it once.
 */
import type { InstanceAction, InstanceBody } from '../api.ts'
import type { Fault } from '../kernel/errors.ts'
import type { HostOperationArgs } from './contract.ts'

/** An instance that has its turn. */
export interface Item {
  readonly instance: string
  /** `look`: what is it? `ask`: move! */
  readonly stage: 'look' | 'ask'
  /** What it was asked last, null when nothing was or it is over. */
  readonly action: InstanceAction | null
  /** Moves that came to nothing. */
  readonly attempts: number
  /** Looks since it was asked; also numbers them. */
  readonly looks: number
  readonly notBefore: number
}

export type Verdict =
  | { readonly next: 'left' }
  | { readonly next: 'failed'; readonly reason: string }
  /** Look again in a while, and keep its turn. */
  | { readonly next: 'stay' }
  /** Its turn is over; it comes again later. */
  | { readonly next: 'later'; readonly failed: boolean; readonly reason: string }
  /** `coldOnly`: the driver of this host carries no running guests. */
  | { readonly next: 'ask'; readonly action: InstanceAction; readonly coldOnly: boolean }

export interface Situation extends Pick<HostOperationArgs, 'kind' | 'cold'> {
  readonly host: string
  /** Whether the driver of this host has refused to carry a running guest. */
  readonly coldOnly: boolean
}

/** Moves that may come to nothing before the instance is left where it is. */
const ATTEMPTS = 3

export function judge({ host, kind, cold, coldOnly }: Situation, item: Item, body: InstanceBody | null): Verdict {
  const asked = item.action !== null
  if (!body) return { next: 'left' }
  if (body.operation !== null) return asked ? { next: 'stay' } : { next: 'later', failed: false, reason: '' }
  if (body.vmState === 'deleted' || (body.host !== host && body.origin?.host !== host)) return { next: 'left' }
  if (body.vmState === 'resized') {
    // What we have moved cold is confirmed by itself.
    return asked ? { next: 'stay' } : { next: 'failed', reason: 'it waits for its resize to be confirmed or reverted' }
  }
  if (body.origin)
    return { next: 'failed', reason: `it holds room on two hosts and is in ${body.vmState}: ${body.fault?.message ?? 'no reason given'}` }
  if (kind === 'evacuate-host') return asked ? again(item, body.fault) : evacuation(body)
  if (!asked) return move(body, cold || coldOnly, coldOnly)
  if (item.action === 'live-migrate' && body.fault?.code === 'DriverUnsupported') return move(body, true, true)
  return again(item, body.fault)
}

/** It was asked, and is still here. */
export function again({ attempts }: Item, fault: Pick<Fault, 'message'> | null): Verdict {
  const reason = fault?.message ?? 'it was asked to move, and has not'
  return attempts + 1 >= ATTEMPTS ? { next: 'failed', reason } : { next: 'later', failed: true, reason }
}

function move({ vmState }: InstanceBody, cold: boolean, coldOnly: boolean): Verdict {
  const stays = (help: string): Verdict => ({ next: 'failed', reason: `it is ${vmState}; ${help}` })
  switch (vmState) {
    case 'active':
      return { next: 'ask', action: cold ? 'migrate' : 'live-migrate', coldOnly }
    case 'paused':
      return cold ? stays('unpause it, or it can only be carried as it is') : { next: 'ask', action: 'live-migrate', coldOnly }
    case 'stopped':
      return { next: 'ask', action: 'migrate', coldOnly }
    case 'shelved':
      return { next: 'ask', action: 'shelve-offload', coldOnly }
    case 'suspended':
      return stays('resume it')
    case 'rescued':
      return stays('unrescue it')
    case 'soft-delete':
      return stays('restore it, or delete it for good')
    default:
      return stays('delete it, or reset its state')
  }
}

function evacuation({ vmState }: InstanceBody): Verdict {
  const can = vmState === 'active' || vmState === 'stopped' || vmState === 'error'
  return can
    ? { next: 'ask', action: 'evacuate', coldOnly: false }
    : { next: 'failed', reason: `it is ${vmState}, and cannot be made anew so; delete it` }
}
