/**
 * Text that the journal can keep. NUL and half a surrogate pair are valid in JavaScript and JSON, and PostgreSQL takes neither. Whoever
 * sends such text is told so at the door of the actor, because an event that cannot be stored is a defect of the actor that made it; in
 * what comes back from other nodes (the output of a driver, for instance) it is replaced.
 */
const MAX_DEPTH = 100

const isStorableText = (text: string): boolean => !text.includes('\0') && text.isWellFormed()

/** True when all texts of a value, names of fields included, can be stored, and it is not nested without measure. */
export function isStorable(value: unknown, depth = 0): boolean {
  if (typeof value === 'string') return isStorableText(value)
  if (typeof value !== 'object' || value === null) return true
  if (depth > MAX_DEPTH) return false
  if (Array.isArray(value)) return value.every(item => isStorable(item, depth + 1))
  for (const [name, item] of Object.entries(value)) if (!isStorableText(name) || !isStorable(item, depth + 1)) return false
  return true
}

const storableText = (text: string): string => text.replaceAll('\0', '\ufffd').toWellFormed()

/** The same value with U+FFFD in place of what cannot be stored; what is nested too deeply is null. */
export function storable(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return storableText(value)
  if (typeof value !== 'object' || value === null) return value
  if (depth > MAX_DEPTH) return null
  if (Array.isArray(value)) return value.map(item => storable(item, depth + 1))
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [storableText(name), storable(item, depth + 1)]))
}
