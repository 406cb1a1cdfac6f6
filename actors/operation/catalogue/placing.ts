/** Finding a host and holding room on it, as builds and moves do. A claim's id is its operation's id, so claiming twice is claiming once. */
import { HOST_ROW_LIMIT } from '../../host/limits.ts'
import { address } from '../../kernel/address.ts'
import { checkObject, integer, listOf, optional, record, text } from '../../kernel/check.ts'
import type { Json } from '../../kernel/define.ts'
import { type Fault, isErrorCode } from '../../kernel/errors.ts'
import { resourcesOf } from '../../placement/specs.ts'
import { type Found, giveUpWhenRefused, type OnFault, type Request, type StepContext } from '../step.ts'

/** What a scheduler is asked. Everything else is looked up by the conductor that serves it. */
export interface PickArgs {
  readonly instance: string
  /** Of this request, so that a server group admits the member once. */
  readonly order: number
  readonly vcpus: number
  readonly ramMb: number
  readonly diskGb: number
  readonly custom?: Readonly<Record<string, number>>
  readonly image: string
  /** Whether the image is booted there; a guest that moves brings its disk along. */
  readonly boots?: boolean
  readonly avoid: readonly string[]
  readonly extraSpecs?: Readonly<Record<string, string>>
  readonly placement?: NonNullable<StepContext['args']['spec']['placement']>
  /** The only host that will do. */
  readonly host?: string
  /** A dead host that a server group no longer counts. */
  readonly leaving?: string
  /** Where this very operation has failed, and its id. */
  readonly failed?: { readonly operation: string; readonly hosts: readonly string[] }
}

const amount = integer(0, Number.MAX_SAFE_INTEGER)

/** What of a pick a scheduler must be able to rely on. */
export const checkPick = checkObject({
  instance: text(128),
  order: amount,
  image: text(128, 0),
  vcpus: amount,
  ramMb: amount,
  diskGb: amount,
  custom: optional(record),
  avoid: listOf(text(128, 0), HOST_ROW_LIMIT),
  extraSpecs: optional(record),
  placement: optional(record),
  host: optional(text(128)),
})

/** Hosts, best first, and the limit of a server group that the host must keep too. */
export interface Picked {
  readonly hosts: readonly string[]
  readonly group?: { readonly id: string; readonly max: number }
}

export const texts = (value: Json | undefined): string[] => (Array.isArray(value) ? value.filter(v => typeof v === 'string') : [])
export const candidatesOf = (found: Found): string[] => texts(found.candidates)
export const refusedBy = (c: StepContext): string[] => texts(c.found.refusedBy)

const flavorOf = ({ args }: StepContext) => args.change?.flavor ?? args.spec.flavor

/** What the instance takes of the host it goes to. */
export const sizeOf = (c: StepContext) => resourcesOf(flavorOf(c))

export function pick(c: StepContext, more: { avoid: readonly string[] } & Partial<Pick<PickArgs, 'boots' | 'host' | 'leaving' | 'failed'>>): Request {
  const { extraSpecs } = flavorOf(c)
  const { image, placement } = c.args.spec
  const args: PickArgs = {
    instance: c.subject,
    order: c.order,
    ...sizeOf(c),
    image,
    ...(extraSpecs ? { extraSpecs } : {}),
    ...(placement ? { placement } : {}),
    ...more,
  }
  return { to: address('scheduler', 'local'), method: 'pick', args }
}

export function picked(answer: unknown): Found {
  const { hosts, group } = answer as Picked
  return { candidates: hosts, ...(group ? { group } : {}) }
}

export const claim = (c: StepContext, host: string): Request => {
  const { group } = c.found
  const args = { claim: c.operation, order: c.order, instance: c.subject, ...sizeOf(c), ...(group ? { group } : {}) }
  return { to: address('host', host), method: 'claim', args }
}

export const unclaim = (c: StepContext, host: string): Request => ({
  to: address('host', host),
  method: 'release',
  args: { claim: c.operation, order: c.order },
})

/** Another host is to be found, since this one could not do it. */
export const elsewhere = (c: StepContext, host: string, { code, message }: Fault, found: Found = {}): OnFault => ({
  next: 'goBack',
  to: 'place',
  found: { refusedBy: [...refusedBy(c), host], failure: { code, message: `${host}: ${message}` }, ...found },
})

/** No host is left. Where one has tried, what it said is the reason. */
export function noHostLeft(c: StepContext, fault: Fault): OnFault {
  const verdict = giveUpWhenRefused(c, fault)
  const failure = failureIn(c.found)
  if (verdict.next !== 'giveUp' || failure === null) return verdict
  return { next: 'giveUp', fault: { ...failure, message: `${failure.message}; and then: ${fault.message}` } }
}

function failureIn({ failure }: Found): Fault | null {
  if (typeof failure !== 'object' || failure === null || !('code' in failure) || !('message' in failure)) return null
  return isErrorCode(failure.code) ? { code: failure.code, message: String(failure.message) } : null
}

/** The next candidate at once; a new choice when there is none left. */
export function nextCandidate(c: StepContext): OnFault {
  const [refused, ...rest] = candidatesOf(c.found)
  const found = { candidates: rest, refusedBy: [...refusedBy(c), refused ?? ''] }
  return { next: 'goBack', to: rest.length > 0 ? 'claim' : 'place', found }
}
