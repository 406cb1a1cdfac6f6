/**
 * The holder's side of a quota (`project.ts` tells the whole story): pure functions for any durable actor of which a project may have
 * only so many. It keeps a `Holding` in its state, takes the number of a reservation in the event that makes or grows it, answers
 * `holds`, and has `settleWork` among its work.
 */
import { address } from '../kernel/address.ts'
import { checkObject, integer, optional, text } from '../kernel/check.ts'
import type { Work } from '../kernel/define.ts'
import { type Amounts, largest, sameAmounts } from '../kernel/quota.ts'

export interface Holding {
  /** The newest reservation that was taken or refused. */
  readonly number: number
  /** What the project has entered for it, as far as this holder knows; null for nothing. */
  readonly amounts: Amounts | null
  /** Cluster time before which the project is not told again, ms: it could not be told. */
  readonly againAt: number
}

export type HoldingEvent =
  | { readonly type: 'held'; readonly number: number; readonly amounts: Amounts | null }
  | { readonly type: 'settleFailed'; readonly notBefore: number }

/** Pause before a project that could not be told is told again, ms. */
const SETTLE_AGAIN_MS = 60_000

export const HOLDS = { check: checkObject({ project: text(64), number: optional(integer(1, Number.MAX_SAFE_INTEGER)) }) }

/** True for a reservation that was given up, or taken already. */
export const isPast = (holding: Holding | null, number: number): boolean => number <= (holding?.number ?? 0)

/** Takes a reservation: from now on this holder gives back what it does not need. Nothing when it was taken or given up before. */
export const taking = (holding: Holding | null, number: number | undefined, amounts: Amounts): HoldingEvent[] =>
  number === undefined || isPast(holding, number) ? [] : [{ type: 'held', number, amounts: largest(holding?.amounts ?? {}, amounts) }]

/** The project asks; a reservation that was not taken by now never will be. */
export const asked = (holding: Holding | null, number: number): HoldingEvent[] =>
  isPast(holding, number) ? [] : [{ type: 'held', number, amounts: holding?.amounts ?? null }]

export function evolveHolding(holding: Holding | null, event: HoldingEvent): Holding | null {
  if (event.type === 'held') return { number: event.number, amounts: event.amounts, againAt: 0 }
  return holding && { ...holding, againAt: event.notBefore }
}

const settleKey = (needs: Amounts | null, { number, againAt }: Holding): string => `settle:${number}:${JSON.stringify(needs)}:${againAt}`

/** Tells the project, until it knows, when this holder `needs` other amounts than are entered for it; null when it is gone. */
export function settleWork(holding: Holding | null, needs: Amounts | null, project: string, self: string): Work[] {
  if (!holding || sameAmounts(holding.amounts, needs)) return []
  const { number, againAt } = holding
  const args = { holder: self, number, amounts: needs }
  const notBefore = againAt > 0 ? { notBefore: againAt } : {}
  return [{ type: 'call', key: settleKey(needs, holding), to: address('project', project), method: 'settle', args, ...notBefore }]
}

/** What an answer to that work means; null when it is an answer to something else. */
export function settledBy(holding: Holding | null, needs: Amounts | null, result: { key: string; ok: boolean }, now: number): HoldingEvent[] | null {
  if (!holding || result.key !== settleKey(needs, holding)) return null
  return [result.ok ? { type: 'held', number: holding.number, amounts: needs } : { type: 'settleFailed', notBefore: now + SETTLE_AGAIN_MS }]
}
