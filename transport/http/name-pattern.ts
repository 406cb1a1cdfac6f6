/**
 * The name filter of lists: Nova hands it to its database as a regular expression. Anybody may send one, so here it is a part of that
 * language which never backtracks for long: `^` and `$` at the ends, `.`, `.*`, a backslash before what is to be taken as it is, and text. It
 * need not match the whole name.
 */
import { badRequest, printable } from './errors.ts'

type Token = { readonly kind: 'text'; readonly char: string } | { readonly kind: 'any' } | { readonly kind: 'run' }

const SPECIAL = new Set(['*', '+', '?', '(', ')', '[', ']', '{', '}', '|'])

/** Throws 400 for what is not in this part of the language. */
function tokensOf(pattern: string): Token[] {
  const tokens: Token[] = []
  const chars = [...pattern]
  for (let i = 0; i < chars.length; i++) {
    const char = chars[i] ?? ''
    if (char === '.') {
      const run = chars[i + 1] === '*'
      tokens.push({ kind: run ? 'run' : 'any' })
      if (run) i++
    } else if (char === '\\' && i + 1 < chars.length) tokens.push({ kind: 'text', char: chars[++i] ?? '' })
    else if (SPECIAL.has(char)) {
      throw badRequest(`Invalid input for name: ${printable(pattern)} is no pattern known here; use ^, $, ., .* and text, and \\ before others.`)
    } else tokens.push({ kind: 'text', char })
  }
  return tokens
}

/** The one name that a pattern such as `^web\\.1$` stands for, or null. The cluster finds it without looking at the others. */
export function exactName(pattern: string): string | null {
  if (!pattern.startsWith('^') || !isToEnd(pattern)) return null
  const chars = tokensOf(pattern.slice(1, -1)).map(token => (token.kind === 'text' ? token.char : null))
  return chars.includes(null) ? null : chars.join('')
}

/** Whether a dollar sign at the end is one; after an odd number of backslashes it is text. */
const isToEnd = (pattern: string): boolean => pattern.endsWith('$') && (/\\*\$$/.exec(pattern)?.[0].length ?? 0) % 2 === 1

/** A test of names. Runs are matched greedily with one place to go back to, so it takes at most length times length steps. */
export function nameTest(pattern: string): (name: string) => boolean {
  const fromStart = pattern.startsWith('^')
  const toEnd = isToEnd(pattern)
  const middle = tokensOf(pattern.slice(fromStart ? 1 : 0, toEnd ? -1 : undefined))
  const run: Token = { kind: 'run' }
  const tokens = [...(fromStart ? [] : [run]), ...middle, ...(toEnd ? [] : [run])]
  return name => matchesAll(tokens, [...name])
}

function matchesAll(tokens: readonly Token[], chars: readonly string[]): boolean {
  let [t, c] = [0, 0]
  /** The newest run, and where what is behind it is tried next. */
  let [runAt, retryAt] = [-1, 0]
  while (c < chars.length) {
    const token = tokens[t]
    if (token?.kind === 'run') {
      runAt = t++
      retryAt = c
    } else if (token && (token.kind === 'any' || token.char === chars[c])) {
      t++
      c++
    } else if (runAt >= 0) {
      t = runAt + 1
      c = ++retryAt
    } else return false
  }
  while (tokens[t]?.kind === 'run') t++
  return t === tokens.length
}
