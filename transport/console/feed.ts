/** What conductors tell gateways of their commits; plain data, sent as casts. */

/** One commit of one actor. */
export interface FeedChange {
  /** Its number among the commits of this life of the conductor, from 1. */
  readonly seq: number
  /** The actor, as in its address. */
  readonly kind: string
  readonly id: string
  /** Types of the committed events, in order. Their data stays on the conductor. */
  readonly types: readonly string[]
  /** Cluster time, ms. */
  readonly at: number
  /** The view its row is in and the body of the row as JSON; null for an actor without a row. */
  readonly table: string | null
  readonly json: string | null
}

export interface FeedBatch {
  readonly incarnation: number
  /** The changes are those from `after + 1` to `upto`. */
  readonly after: number
  readonly upto: number
  /** What was asked for is not known any more: read everything, then go on after `upto`. */
  readonly anew: boolean
  readonly changes: readonly FeedChange[]
}

/** Sent by a gateway: "tell me what came after this, of this life". */
export interface FeedWanted {
  readonly incarnation: number
  readonly after: number
}

const isNumber = (value: unknown): value is number => Number.isSafeInteger(value)

export function isFeedWanted(value: unknown): value is FeedWanted {
  const { incarnation, after } = (value ?? {}) as Partial<FeedWanted>
  return isNumber(incarnation) && isNumber(after)
}

export function isFeedBatch(value: unknown): value is FeedBatch {
  const { incarnation, after, upto, anew, changes } = (value ?? {}) as Partial<FeedBatch>
  return isNumber(incarnation) && isNumber(after) && isNumber(upto) && typeof anew === 'boolean' && Array.isArray(changes)
}

/** The body of a row as watchers see it. What a user gave to a guest is the guest's: it may hold passwords, and is large. */
export function feedText(body: object): string {
  const about: unknown = Reflect.get(body, 'about')
  if (typeof about !== 'object' || about === null || !('userData' in about)) return JSON.stringify(body)
  return JSON.stringify({ ...body, about: { ...about, userData: undefined } })
}
