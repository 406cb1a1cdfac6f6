/** What a client says, as a message of the protocol. Pure. */
import { Value } from 'typebox/value'
import { BatonError } from '../../actors/kernel/errors.ts'
import { AnyClientMessage, ClientMessage } from './messages.ts'

/** Throws `BadRequest`. */
export function parse(text: string): AnyClientMessage {
  let message: unknown
  try {
    message = JSON.parse(text)
  } catch {
    throw new BatonError('BadRequest', 'a message is one JSON object')
  }
  if (Value.Check(AnyClientMessage, message)) return message
  throw new BatonError('BadRequest', problemOf(message))
}

/** What is wrong with a message, by the schema of its type. */
function problemOf(message: unknown): string {
  const type: unknown = typeof message === 'object' && message !== null ? Reflect.get(message, 'type') : undefined
  const schema = Object.entries(ClientMessage).find(([name]) => name === type)?.[1]
  if (!schema) return `type must be one of ${Object.keys(ClientMessage).join(', ')}`
  const [first] = Value.Errors(schema, message)
  return first ? `${String(type)}${first.instancePath.replaceAll('/', '.')}: ${first.message}` : `${String(type)}: it is not valid`
}

/** The subscription that a refused message was about, if that can be told. */
export function idIn(text: string): string | undefined {
  try {
    const message: unknown = JSON.parse(text)
    const id: unknown = typeof message === 'object' && message !== null ? Reflect.get(message, 'id') : undefined
    return typeof id === 'string' && id.length <= 64 ? id : undefined
  } catch {
    return undefined
  }
}
