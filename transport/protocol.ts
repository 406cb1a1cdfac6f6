/**
 * The wire protocol: what two nodes say to each other, as data. Keys are short because they travel; each is explained
 * here and nowhere else. `PROTOCOL` is the range of versions this node speaks; HELLO carries it, and the two sides use
 * the highest version they share. Golden samples of every released version stand in `test/golden/`.
 */
import { Packr } from 'msgpackr'
import type { Sender } from '../actors/kernel/define.ts'
import { BatonError, type Fault } from '../actors/kernel/errors.ts'
import { LINK_LIMITS } from './link.ts'

export const PROTOCOL = { min: 1, max: 1 } as const

export interface NodeIdentity {
  readonly node: string
  /** Number of this life of the node: larger than any before. */
  readonly inc: number
  readonly role: Sender['role']
  readonly pid: number
  /** Version of Baton. */
  readonly ver: string
  /** Version of Node. */
  readonly eng: string
}

/** `at` is the sender's monotonic clock in ms when it sent; ages are derived from it, never from wall clocks. */
export type Envelope =
  /** First words on a connection, repeated until WELCOME. `vs`: oldest and newest protocol version spoken. */
  | { readonly t: 'hello'; readonly vs: readonly [number, number]; readonly id: NodeIdentity; readonly at: number }
  /** Answer to HELLO with the agreed version, and `re`, the `at` of that HELLO: how long the two were under way shows how much to believe it. */
  | { readonly t: 'welcome'; readonly v: number; readonly id: NodeIdentity; readonly at: number; readonly re?: number }
  /** "I do not know you (any more): say hello first." */
  | { readonly t: 'who' }
  | { readonly t: 'ping'; readonly at: number }
  | { readonly t: 'pong'; readonly at: number }
  /**
   * A request: id, target address `kind/id`, method, arguments, ms left to live, number of the send; and what it is part of, where that is
   * known: a W3C `traceparent`, and the id of the request of a client that causes it.
   */
  | {
      readonly t: 'call'
      readonly id: string
      readonly to: string
      readonly m: string
      readonly a: unknown
      readonly ttl: number
      readonly at: number
      readonly n: number
      readonly tp?: string
      readonly rq?: string
    }
  /** A one-way message; may be lost. */
  | { readonly t: 'cast'; readonly to: string; readonly m: string; readonly a: unknown; readonly ttl: number; readonly at: number }
  | { readonly t: 'ok'; readonly id: string; readonly r: unknown; readonly at: number }
  | { readonly t: 'no'; readonly id: string; readonly f: Fault; readonly at: number }

const packr = new Packr({ useRecords: false, moreTypes: false, int64AsType: 'number' })

/** Throws `TooLarge` for a message that no link takes, `Internal` for one that cannot be written down (a circle, for instance). */
export function encode(envelope: Envelope): Uint8Array {
  let bytes: Uint8Array
  try {
    bytes = packr.pack(envelope)
  } catch (cause) {
    throw new BatonError('Internal', 'the message holds something that cannot travel', { cause })
  }
  if (bytes.length <= LINK_LIMITS.maxMessageBytes) return bytes
  throw new BatonError('TooLarge', `the message has ${bytes.length} bytes, over the limit of ${LINK_LIMITS.maxMessageBytes}`)
}

const isText = (value: unknown, max: number): value is string => typeof value === 'string' && value.length > 0 && value.length <= max
const isTextOrNone = (value: unknown, max: number): boolean => value === undefined || isText(value, max)
const isTime = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value)

function isIdentity(value: unknown): value is NodeIdentity {
  if (typeof value !== 'object' || value === null) return false
  const id = value as Partial<Record<keyof NodeIdentity, unknown>>
  return (
    isText(id.node, 128) &&
    isTime(id.inc) &&
    isTime(id.pid) &&
    isText(id.ver, 64) &&
    isText(id.eng, 64) &&
    (id.role === 'conductor' || id.role === 'compute' || id.role === 'gateway' || id.role === 'client')
  )
}

function isFault(value: unknown): value is Fault {
  if (typeof value !== 'object' || value === null) return false
  const { code, message, retryAfterMs } = value as Partial<Record<keyof Fault, unknown>>
  return isText(code, 64) && typeof message === 'string' && (retryAfterMs === undefined || (isTime(retryAfterMs) && retryAfterMs >= 0))
}

/** True when the fields that belong to the envelope's type are there and sane; arguments are checked by their method. */
function isEnvelope(value: unknown): value is Envelope {
  if (typeof value !== 'object' || value === null) return false
  const e = value as Record<string, unknown>
  switch (e.t) {
    case 'hello': {
      const vs = e.vs
      return Array.isArray(vs) && vs.length === 2 && vs.every(isTime) && isIdentity(e.id) && isTime(e.at)
    }
    case 'welcome':
      return isTime(e.v) && isIdentity(e.id) && isTime(e.at) && (e.re === undefined || isTime(e.re))
    case 'who':
      return true
    case 'ping':
    case 'pong':
      return isTime(e.at)
    case 'call':
      return (
        isText(e.id, 256) &&
        isText(e.to, 256) &&
        isText(e.m, 64) &&
        isTime(e.ttl) &&
        isTime(e.at) &&
        isTime(e.n) &&
        isTextOrNone(e.tp, 64) &&
        isTextOrNone(e.rq, 128)
      )
    case 'cast':
      return isText(e.to, 256) && isText(e.m, 64) && isTime(e.ttl) && isTime(e.at)
    case 'ok':
      return isText(e.id, 256) && isTime(e.at)
    case 'no':
      return isText(e.id, 256) && isFault(e.f) && isTime(e.at)
    default:
      return false
  }
}

/** Decodes one message; throws `BadRequest` on bytes that are not an envelope of a version we speak. */
export function decode(bytes: Uint8Array): Envelope {
  let value: unknown
  try {
    value = packr.unpack(bytes)
  } catch (cause) {
    throw new BatonError('BadRequest', 'the bytes are no message of ours', { cause })
  }
  if (!isEnvelope(value)) throw new BatonError('BadRequest', 'the message has an unknown type or a field of the wrong type')
  return value
}

/** The highest version both sides speak, or null. */
export function agree(theirs: readonly [number, number]): number | null {
  const version = Math.min(PROTOCOL.max, theirs[1])
  return version >= Math.max(PROTOCOL.min, theirs[0]) ? version : null
}
