/**
 * What is done about a difference: each is put to the actor that owns the matter, which decides on its own state; nothing is
 * ever written beside it. Used by the audit of each host and by `baton doctor --repair` alike. Every treatment may be
 * given twice, and one that comes too late does nothing: commands carry ranks that a newer operation outranks.
 */
import { FINDINGS } from '../../actors/doctor/codes.ts'
import type { Difference } from '../../actors/doctor/difference.ts'
import type { HeldClaim } from '../../actors/host/host.ts'
import type { ReconcilePolicy } from '../../actors/host/policies.ts'
import type { GuestVerdict, Holdings } from '../../actors/instance/guests.ts'
import { parseAddress } from '../../actors/kernel/address.ts'
import type { Logger } from '../../actors/kernel/env.ts'
import { BatonError, toFault } from '../../actors/kernel/errors.ts'
import type { Views } from '../../actors/kernel/ports.ts'
import type { Tracing } from '../../actors/kernel/tracing.ts'

export interface Treatment {
  /** `left`: the owner or the policy says to leave it. */
  readonly done: 'acted' | 'left'
  readonly detail: string
}

export interface TreatmentOptions {
  readonly views: Views
  readonly policy: ReconcilePolicy
  readonly log: Logger
  /** What a treatment is given within is the verdict behind the operations that it begins. */
  readonly tracing?: Tracing | undefined
  call(kind: string, id: string, method: string, args: unknown): Promise<unknown>
  /** Tells the conductor that owns this actor. */
  tellOwner(actor: string, method: 'revive' | 'rewrite'): Promise<unknown>
}

/** The trace of what is under way, for what it makes others begin. */
export function verdictOf(tracing: Tracing | undefined): { readonly verdict?: string } {
  const trace = tracing?.active()?.trace
  return trace === undefined ? {} : { verdict: trace }
}

const acted = (detail: string): Treatment => ({ done: 'acted', detail })
const left = (detail: string): Treatment => ({ done: 'left', detail })

/** Whether the audit may treat it without being asked. */
export const treatsByItself = ({ code }: Difference, { claims }: ReconcilePolicy): boolean => {
  const { remedy } = FINDINGS[code]
  return remedy === 'guestSeen' || remedy === 'guestMissing' || (remedy === 'room' && claims === 'repair')
}

/** Rejects with the refusal of the owner, or when it does not answer. */
export async function treat(options: TreatmentOptions, difference: Difference): Promise<Treatment> {
  const { call, policy, tracing } = options
  const { subject, host = '', instance = '', operation = '', asOf } = difference
  switch (FINDINGS[difference.code].remedy) {
    case 'guestSeen':
      return treatGuest(options, difference)
    case 'guestMissing':
      if (policy.vanishedGuests === 'ignore') return left('reconcile.vanishedGuests is ignore')
      await call('instance', instance, 'guestMissing', {
        ...{ host, vanished: policy.vanishedGuests, ...verdictOf(tracing) },
        ...(asOf === undefined ? {} : { asOf }),
      })
      return acted(policy.vanishedGuests === 'rebuild' ? 'the instance was told, and is rebuilt' : 'the instance was told, and is in ERROR')
    case 'room':
      return treatClaim(options, difference)
    case 'wake':
      await call(parseAddress(subject).kind, operation, 'get', {})
      return acted('its actor is loaded')
    case 'settle':
      return settleTask(options, instance, operation)
    case 'revive':
    case 'rewrite':
      await options.tellOwner(subject, FINDINGS[difference.code].remedy === 'revive' ? 'revive' : 'rewrite')
      return acted('its conductor was told')
    default:
      return left('only a person can')
  }
}

async function treatGuest({ call, policy, log, tracing }: TreatmentOptions, { guest, host = '', instance = '' }: Difference): Promise<Treatment> {
  if (!guest) return left('no guest was seen')
  const { power, order, lapsed } = guest
  const seen = { host, power, order, ...(lapsed ? { lapsed } : {}), unknown: policy.unknownGuests, ...verdictOf(tracing) }
  const verdict = (await call('instance', instance, 'guestSeen', seen)) as GuestVerdict
  if (!verdict.known && verdict.keep) {
    log.warn({ host, instance }, 'a guest that no instance owns was reported; it is left alone')
    return left('reconcile.unknownGuests is keep')
  }
  if (verdict.order === undefined) return left('an operation of the instance is under way')
  if (!verdict.keep) {
    log.info({ host, instance }, 'destroying a guest that its owner gave up')
    await call('compute', host, 'destroy', { instance, order: verdict.order, keepDisk: verdict.isGone !== true })
    return acted(`the guest on ${host} was destroyed`)
  }
  if (!verdict.stop) return acted('the instance was told')
  log.warn({ host, instance }, 'stopping a guest that is kept for a revert')
  await call('compute', host, 'stop', { instance, order: verdict.order, graceMs: 0 })
  return acted(`the guest on ${host} was stopped`)
}

/** Makes the host hold what the instance says that it holds there. What an open operation may have claimed is the operation's. */
async function treatClaim({ call, views, log }: TreatmentOptions, { host = '', instance = '', claim }: Difference): Promise<Treatment> {
  if ((await views.count('operation', { where: { subject: instance, open: true } })) > 0) return left('an operation of the instance is under way')
  const holdings = (await call('instance', instance, 'room', {})) as Holdings
  if (holdings.changing) return left('an operation of the instance is under way')
  const own = holdings.claims.find(c => c.host === host && (claim === undefined || c.claim === claim))
  if (own) {
    const { vcpus, ramMb, diskGb } = own
    await call('host', host, 'restore', { claim: own.claim, order: holdings.order, instance, vcpus, ramMb, diskGb })
    log.warn({ host, instance, claim: own.claim }, 'room that an instance has was claimed again')
    return acted(`claim ${own.claim} is held on ${host}`)
  }
  if (claim === undefined) return left('the instance holds nothing there')
  const held = ((await call('host', host, 'claims', {})) as Readonly<Record<string, HeldClaim>>)[claim]
  await call('host', host, 'release', { claim, order: Math.max(holdings.order, held?.order ?? 0) })
  log.warn({ host, instance, claim }, 'a claim that its instance does not have was released')
  return acted(`claim ${claim} on ${host} was released`)
}

/** The end of an operation is told again; one that never began is begun, because the instance's actor asks for it when it is loaded. */
async function settleTask({ call }: TreatmentOptions, instance: string, operation: string): Promise<Treatment> {
  try {
    await call('instance', instance, 'ended', await call('operation', operation, 'outcome', {}))
    return acted('the instance was told how its operation ended')
  } catch (error) {
    const { code, message } = toFault(error)
    if (code === 'Poisoned') {
      await call('instance', instance, 'broken', { operation, reason: message })
      return acted('the instance was told that its operation is broken')
    }
    if (code !== 'NotFound') throw error
    await call('instance', instance, 'get', {})
    return acted('the instance was loaded; it asks for its operation')
  }
}

/** For whoever reads why nothing could be done. */
export const refusalText = (error: unknown): string => (error instanceof BatonError ? `${error.message} [${error.code}]` : toFault(error).message)
