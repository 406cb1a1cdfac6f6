/**
 * How an agent outside of a guest comes to a gateway: what is said before the contract of `actors/guest/` begins. The key of the connection lets it
 * in; here it shows whose key that is, because ZeroMQ tells nobody.
 *
 *     agent:  knock                     who it says it is, and its public key
 *     door:   prove                     a number that was never used before
 *     agent:  proof                     a MAC over it, which only the holder of the secret key can make
 *     door:   who …                     from here on as in a guest; or `refused`, with the reason
 *
 * The door also says `alive` from time to time, so that an agent whose gateway stands still goes on to another.
 */
import { type Check, checkObject, integer, text } from '../../actors/kernel/check.ts'
import { hexKey } from './keys.ts'

export const DOOR_VERSION = 1

/** Ids of agents are UUIDs: whatever else somebody says, no actor is woken for it. */
const AGENT_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
export const agentId: Check = value => (typeof value === 'string' && AGENT_ID.test(value) ? null : 'must be the id of an agent, a UUID')

export type Greeting =
  | { readonly type: 'knock'; readonly version: number; readonly agent: string; readonly key: string }
  | { readonly type: 'proof'; readonly mac: string }

/** `again`: whether it makes sense to come again with the same key, and after how long. */
export type DoorSaid =
  | { readonly type: 'prove'; readonly version: number; readonly nonce: string }
  | { readonly type: 'refused'; readonly code: string; readonly why: string; readonly again: boolean; readonly afterMs: number }
  | { readonly type: 'alive'; readonly everyMs: number }

const GREETINGS: Readonly<Record<Greeting['type'], Check>> = {
  knock: checkObject({ version: integer(1, 1000), agent: agentId, key: hexKey }),
  proof: checkObject({ mac: text(64, 64) }),
}

/** No greeting is longer, bytes. */
const GREETING_MAX_BYTES = 512

export function parseGreeting(line: string): Greeting | null {
  if (line.length > GREETING_MAX_BYTES) return null
  const value = parsed(line)
  const type = typeof value === 'object' && value !== null && 'type' in value ? value.type : null
  if ((type !== 'knock' && type !== 'proof') || GREETINGS[type](value) !== null) return null
  return value as Greeting
}

const SAID: Readonly<Record<DoorSaid['type'], Check>> = {
  prove: checkObject({ version: integer(1, 1000), nonce: text(128) }),
  refused: checkObject({ code: text(64), why: text(2000, 0), afterMs: integer(0, 86_400_000) }),
  alive: checkObject({ everyMs: integer(1, 86_400_000) }),
}

/** What a door says of itself; null for what it hands on, which is for the agent. */
export function parseDoorSaid(line: string): DoorSaid | null {
  const value = parsed(line)
  const type = typeof value === 'object' && value !== null && 'type' in value ? value.type : null
  if (typeof type !== 'string' || !Object.hasOwn(SAID, type)) return null
  return SAID[type as DoorSaid['type']](value) === null ? (value as DoorSaid) : null
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return null
  }
}
