/**
 * Checks of message arguments at the door of an actor: small functions that answer with what is wrong, or null. They are
 * on the path of every message, so they are plain comparisons; the API's richer schemas stand at the gateway.
 */
export type Check = (value: unknown) => string | null

export const text =
  (maxLength: number, minLength = 1): Check =>
  value =>
    typeof value === 'string' && value.length >= minLength && value.length <= maxLength
      ? null
      : `must be text of ${minLength} to ${maxLength} characters`

export const integer =
  (min: number, max: number): Check =>
  value =>
    Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max ? null : `must be a whole number from ${min} to ${max}`

export const anyOf =
  (...allowed: readonly string[]): Check =>
  value =>
    typeof value === 'string' && allowed.includes(value) ? null : `must be one of ${allowed.join(', ')}`

export const flag: Check = value => (typeof value === 'boolean' ? null : 'must be true or false')

export const optional =
  (check: Check): Check =>
  value =>
    value === undefined || value === null ? null : check(value)

export const record: Check = value => (typeof value === 'object' && value !== null && !Array.isArray(value) ? null : 'must be an object')

export const listOf =
  (check: Check, max: number): Check =>
  value => {
    if (!Array.isArray(value) || value.length > max) return `must be a list of at most ${max}`
    for (const [i, item] of value.entries()) {
      const wrong = check(item)
      if (wrong) return `[${i}] ${wrong}`
    }
    return null
  }

/** Checks the named fields of an object; others pass. The answer names the field. */
export const checkObject =
  (fields: Readonly<Record<string, Check>>): Check =>
  value => {
    const wrong = record(value)
    if (wrong) return wrong
    const object = value as Record<string, unknown>
    for (const name in fields) {
      const fault = fields[name]?.(object[name])
      if (fault) return `${name} ${fault}`
    }
    return null
  }
