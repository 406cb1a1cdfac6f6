/**
 * Steps that operations across hosts have in common.
 * What is let go behind the point of no return is left out when its host stays silent: the host has it destroyed when it
 * comes back and asks its owner, and nothing of it runs.
 */
import { address } from '../../kernel/address.ts'
import { minutes, seconds } from '../../kernel/env.ts'
import type { Fault } from '../../kernel/errors.ts'
import { guestSpec, hypervisor, type Left, type OnFault, type Request, type StepContext, step } from '../step.ts'
import { candidatesOf, claim, nextCandidate, noHostLeft, pick, picked, refusedBy, unclaim } from './placing.ts'

/** Attempts before a host is left to clean up when it comes back. */
const LET_GO_ATTEMPTS = 3

/** Where it goes: the host asked for, or the best candidate left. */
export const targetOf = ({ args, found }: Pick<Left, 'args' | 'found'>): string => args.wanted ?? candidatesOf(found)[0] ?? ''

/** Of an operation that goes from where the instance is to its target. */
export const moved = (c: Pick<Left, 'args' | 'found'>) => ({ from: c.args.host, to: targetOf(c) || null })

/** A host that refuses is passed over, unless it is the very one that somebody asked for. */
function onRefused(c: StepContext, fault: Fault): OnFault {
  if (fault.code !== 'HostRefused') return { next: 'retry' }
  return c.args.wanted === undefined ? nextCandidate(c) : { next: 'giveUp' }
}

/** Whether anything but the room on a host decides if the instance may go there; about room the host itself has the last word. */
function isBound({ args: { spec, change } }: StepContext): boolean {
  return spec.placement !== undefined || (change?.flavor ?? spec.flavor).extraSpecs !== undefined
}

/**
 * Choose a host other than where it is, and claim room there. `abandoning`: where it is has died, so that a server group counts
 * nobody there any more.
 */
export const placeAndClaim = (needed: (c: StepContext) => boolean = () => true, { abandoning = false } = {}) => [
  step('place', {
    do: c => {
      const { host, wanted } = c.args
      if (!needed(c) || (wanted !== undefined && !isBound(c))) return null
      const leaving = abandoning && host !== null ? { leaving: host } : {}
      return pick(c, { avoid: [...(host === null ? [] : [host]), ...refusedBy(c)], ...(wanted === undefined ? {} : { host: wanted }), ...leaving })
    },
    save: (_, answer) => picked(answer),
    onFault: noHostLeft,
    attempts: 20,
  }),
  step('claim', {
    do: c => (needed(c) ? claim(c, targetOf(c)) : null),
    undo: c => (needed(c) ? unclaim(c, targetOf(c)) : null),
    onFault: onRefused,
  }),
]

/** Has a host destroy a guest that is or will be elsewhere: a disk that hosts share stays. */
export const letGoOf = (c: StepContext, host: string): Request => hypervisor(c, host, 'destroy', { keepDisk: true })

/** Make the guest on the host it goes to. Nothing of it may run anywhere else by now. */
export const receive = (running: (c: StepContext) => boolean, needed: (c: StepContext) => boolean = () => true) =>
  step('receive', {
    do: c => (needed(c) ? hypervisor(c, targetOf(c), 'receive', { spec: guestSpec(c), running: running(c) }) : null),
    undo: c => (needed(c) ? letGoOf(c, targetOf(c)) : null),
    timeoutMs: minutes(5),
    attempts: 2,
  })

const letGo = (_: StepContext, __: Fault, attempt: number): OnFault => ({ next: attempt >= LET_GO_ATTEMPTS ? 'skip' : 'retry' })

/** Destroy what is left of the guest on a host where it no longer runs. */
export const forget = (name: string, where: (c: StepContext) => string | null) =>
  step(name, {
    do: c => {
      const host = where(c)
      return host === null ? null : letGoOf(c, host)
    },
    forwardOnly: true,
    onFault: letGo,
    timeoutMs: seconds(20),
  })

export const releaseOf = (c: StepContext, end: { host: string | null; claim: string | null } | undefined): Request | null =>
  end?.host && end.claim ? { to: address('host', end.host), method: 'release', args: { claim: end.claim, order: c.order } } : null

/** Give back the room held by a claim. Host actors answer sooner or later, whatever their hosts do. */
export const release = (name: string, end: (c: StepContext) => { host: string | null; claim: string | null } | undefined) =>
  step(name, { do: c => releaseOf(c, end(c)), forwardOnly: true })
