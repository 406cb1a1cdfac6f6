/**
 * Steps that operations across hosts have in common. A claim's id is its operation's id, so claiming twice is claiming once.
 * What is let go behind the point of no return is left out when its host stays silent: the host has it destroyed when it
 * comes back and asks its owner, and nothing of it runs.
 */
import { address } from '../../kernel/address.ts'
import type { Json } from '../../kernel/define.ts'
import { minutes, seconds } from '../../kernel/env.ts'
import type { Fault } from '../../kernel/errors.ts'
import { giveUpWhenRefused, guestSpec, hypervisor, type Left, type OnFault, type Request, type StepContext, step } from '../step.ts'

/** Attempts before a host is left to clean up when it comes back. */
const LET_GO_ATTEMPTS = 3

const texts = (value: Json | undefined): string[] => (Array.isArray(value) ? value.filter(v => typeof v === 'string') : [])
export const refusedBy = (c: StepContext): string[] => texts(c.found.refusedBy)

/** Where it goes: the host asked for, or the best candidate left. */
export const targetOf = ({ args, found }: Pick<Left, 'args' | 'found'>): string => args.wanted ?? texts(found.candidates)[0] ?? ''

/** Of an operation that goes from where the instance is to its target. */
export const moved = (c: Pick<Left, 'args' | 'found'>) => ({ from: c.args.host, to: targetOf(c) || null })

const sizeOf = (c: StepContext) => {
  const { vcpus, ramMb, diskGb } = c.args.change?.flavor ?? c.args.spec.flavor
  return { vcpus, ramMb, diskGb }
}

/** The next candidate at once; a new choice when there is none left; the end when somebody asked for this very host. */
function nextCandidate(c: StepContext, fault: Fault): OnFault {
  if (fault.code !== 'HostRefused') return { next: 'retry' }
  if (c.args.wanted !== undefined) return { next: 'giveUp' }
  const [refused, ...rest] = texts(c.found.candidates)
  const found = { candidates: rest, refusedBy: [...refusedBy(c), refused ?? ''] }
  return { next: 'goBack', to: rest.length > 0 ? 'claim' : 'place', found }
}

/** Choose a host other than where it is, and claim room there. */
export const placeAndClaim = (needed: (c: StepContext) => boolean = () => true) => [
  step('place', {
    do: c => {
      if (!needed(c) || c.args.wanted !== undefined) return null
      const avoid = [...(c.args.host === null ? [] : [c.args.host]), ...refusedBy(c)]
      return { to: address('scheduler', 'local'), method: 'pick', args: { ...sizeOf(c), image: c.args.spec.image, avoid } }
    },
    save: (_, answer) => ({ candidates: (answer as { hosts: string[] }).hosts }),
    onFault: giveUpWhenRefused,
    attempts: 20,
  }),
  step('claim', {
    do: c =>
      needed(c)
        ? {
            to: address('host', targetOf(c)),
            method: 'claim',
            args: { claim: c.operation, order: c.order, instance: c.subject, ...sizeOf(c) },
          }
        : null,
    undo: c => (needed(c) ? { to: address('host', targetOf(c)), method: 'release', args: { claim: c.operation, order: c.order } } : null),
    onFault: nextCandidate,
  }),
]

/** Make the guest on the host it goes to. Nothing of it may run anywhere else by now. */
export const receive = (running: (c: StepContext) => boolean, needed: (c: StepContext) => boolean = () => true) =>
  step('receive', {
    do: c => (needed(c) ? hypervisor(c, targetOf(c), 'receive', { spec: guestSpec(c), running: running(c) }) : null),
    undo: c => (needed(c) ? hypervisor(c, targetOf(c), 'destroy') : null),
    timeoutMs: minutes(5),
    attempts: 2,
  })

const letGo = (_: StepContext, __: Fault, attempt: number): OnFault => ({ next: attempt >= LET_GO_ATTEMPTS ? 'skip' : 'retry' })

/** Destroy what is left of the guest on a host where it no longer runs. */
export const forget = (name: string, where: (c: StepContext) => string | null) =>
  step(name, {
    do: c => {
      const host = where(c)
      return host === null ? null : hypervisor(c, host, 'destroy')
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
