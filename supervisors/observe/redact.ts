/**
 * What may leave a node to be read by people, without what is secret: by the name of a field, and by the look of a text. It is applied where
 * something leaves (the lines of `baton logs`, the bundle), so nobody has to think of it where something is logged.
 */
const SECRET_NAME =
  /pass(?:word|phrase|wd)?$|^admin_?pass|secret|token|credential|authorization|cookie|user_?data|private_?key|verifier|personality|^files$/i

export const REDACTED = '(redacted)'

const TEXTS: readonly (readonly [look: RegExp, instead: string])[] = [
  // The password of a URL, as of the database.
  [/\b([a-z][a-z0-9+.-]*:\/\/[^\s:/@"']*):[^\s@/"']*@/gi, `$1:${REDACTED}@`],
  // Tokens of Baton, and JSON Web Tokens.
  [/\bb1\.[\w-]{1,64}\.[\w-]{16,}(?:\.[\w-]*)?/g, REDACTED],
  [/\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?/g, REDACTED],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, REDACTED],
  [/\b(bearer|basic)\s+[\w+/=.~-]{8,}/gi, `$1 ${REDACTED}`],
  // As in a query, in JSON within a text, and in a command.
  [/\b(pass(?:word|wd|phrase)?|secret|token|api[_-]?key)(["']?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s"',;&}]+)/gi, `$1$2${REDACTED}`],
  [/(--?(?:pass(?:word|wd)?|secret|token|api-?key)\s+)("[^"]*"|'[^']*'|\S+)/gi, `$1${REDACTED}`],
]

export const redactText = (text: string): string => TEXTS.reduce((result, [look, instead]) => result.replace(look, instead), text)

/** Plain data, without what is secret by its name or by its look. Deeper than 20 levels there is nothing of ours. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value)
  if (typeof value !== 'object' || value === null) return value
  if (depth > 20) return REDACTED
  if (Array.isArray(value)) return value.map(item => redact(item, depth + 1))
  return Object.fromEntries(
    Object.entries(value).map(([name, held]) => [
      name,
      SECRET_NAME.test(name) && held !== null && typeof held !== 'number' && typeof held !== 'boolean' ? REDACTED : redact(held, depth + 1),
    ]),
  )
}
