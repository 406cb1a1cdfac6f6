/**
 * What QEMU's control socket says (QMP), one JSON object to a line. Whoever sits at the other end may be broken or hostile, since a guest may
 * have taken its QEMU over: lines are bounded, and whatever is not one of four known shapes is nonsense. Pure.
 */
import type { Json } from '../../../kernel/define.ts'

/** The longest answer of ours (a list of disks) is some ten kB. */
export const MAX_LINE_BYTES = 1024 * 1024

export type QmpMessage =
  | { readonly type: 'greeting'; readonly version: string }
  | { readonly type: 'answer'; readonly id: number; readonly value: Json }
  | { readonly type: 'fault'; readonly id: number | null; readonly message: string }
  | { readonly type: 'event'; readonly name: string; readonly data: Readonly<Record<string, Json>> }

/** Null for what is no message. */
export function parseMessage(line: string): QmpMessage | null {
  const value = parseJson(line)
  if (!isObject(value)) return null
  const { QMP: greeting, event, data, error, id } = value
  if (isObject(greeting)) return { type: 'greeting', version: versionOf(greeting) }
  if (typeof event === 'string') return { type: 'event', name: event, data: isObject(data) ? data : {} }
  if (isObject(error))
    return { type: 'fault', id: typeof id === 'number' ? id : null, message: String(error.desc ?? error.class ?? 'no reason given') }
  if (typeof id === 'number' && value.return !== undefined) return { type: 'answer', id, value: value.return }
  return null
}

function versionOf({ version }: Readonly<Record<string, Json>>): string {
  const numbers = isObject(version) && isObject(version.qemu) ? version.qemu : {}
  return [numbers.major, numbers.minor, numbers.micro].map(part => (typeof part === 'number' ? part : '?')).join('.')
}

export const isObject = (value: Json | undefined): value is { readonly [key: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function parseJson(text: string): Json | undefined {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
