/**
 * The name filter of lists: Nova hands it to its database as a regular expression. Anybody may send one, so here it is a part of that
 * language which never backtracks: `^` and `$` at the ends, `.`, classes such as `[0-9]`, a backslash before what is to be taken as it is,
 * text, and `*`, `+`, `?` behind one of these. There are no groups and no alternatives. It need not match the whole name.
 */
import { badRequest, printable } from './errors.ts'

interface Atom {
  /** The character itself where it stands for one only, else null. */
  readonly char: string | null
  fits(char: string): boolean
  readonly optional: boolean
  readonly repeats: boolean
}

const GROUPING = new Set(['(', ')', ']', '{', '}', '|', '*', '+', '?'])
const QUANTIFIERS: Readonly<Record<string, Pick<Atom, 'optional' | 'repeats'>>> = {
  '*': { optional: true, repeats: true },
  '+': { optional: false, repeats: true },
  '?': { optional: true, repeats: false },
}
const ONCE = { optional: false, repeats: false }
const ANY_RUN: Atom = { char: null, fits: () => true, optional: true, repeats: true }

/** Throws 400 for what is not in this part of the language. */
function atomsOf(pattern: string): Atom[] {
  const unknown = () =>
    badRequest(`Invalid input for name: ${printable(pattern)} is no pattern known here; use ^, $, ., [a-z], *, +, ? and text, and \\ before others.`)
  const atoms: Atom[] = []
  const chars = [...pattern]
  let at = 0
  const one = (): Pick<Atom, 'char' | 'fits'> => {
    const char = chars[at++] ?? ''
    if (char === '.') return { char: null, fits: () => true }
    if (char === '[') {
      const end = chars.indexOf(']', at + (chars[at] === '^' ? 2 : 1))
      if (end < 0) throw unknown()
      const inside = chars.slice(at, end)
      at = end + 1
      return { char: null, fits: classOf(inside) }
    }
    if (GROUPING.has(char)) throw unknown()
    const text = char === '\\' && at < chars.length ? (chars[at++] ?? '') : char
    return { char: text, fits: other => other === text }
  }
  while (at < chars.length) {
    const atom = one()
    const quantifier = QUANTIFIERS[chars[at] ?? '']
    if (quantifier) at++
    atoms.push({ ...atom, ...(quantifier ?? ONCE) })
  }
  return atoms
}

/** What stands between brackets: characters and ranges of them, or all others. */
function classOf(inside: readonly string[]): (char: string) => boolean {
  const negated = inside[0] === '^'
  const chars = inside.slice(negated ? 1 : 0)
  const ranges: [string, string][] = []
  for (let i = 0; i < chars.length; i++) {
    const from = chars[i] ?? ''
    const isRange = chars[i + 1] === '-' && i + 2 < chars.length
    ranges.push([from, isRange ? (chars[i + 2] ?? '') : from])
    if (isRange) i += 2
  }
  const code = (char: string): number => char.codePointAt(0) ?? 0
  return char => ranges.some(([from, to]) => code(from) <= code(char) && code(char) <= code(to)) !== negated
}

/** The one name that a pattern such as `^web\\.1$` stands for, or null. The cluster finds it without looking at the others. */
export function exactName(pattern: string): string | null {
  if (!pattern.startsWith('^') || !isToEnd(pattern)) return null
  const chars = atomsOf(pattern.slice(1, -1)).map(({ char, optional, repeats }) => (optional || repeats ? null : char))
  return chars.includes(null) ? null : chars.join('')
}

/** Whether a dollar sign at the end is one; after an odd number of backslashes it is text. */
const isToEnd = (pattern: string): boolean => pattern.endsWith('$') && (/\\*\$$/.exec(pattern)?.[0].length ?? 0) % 2 === 1

/** A test of names. It takes at most length times length steps. */
export function nameTest(pattern: string): (name: string) => boolean {
  const fromStart = pattern.startsWith('^')
  const toEnd = isToEnd(pattern)
  const middle = atomsOf(pattern.slice(fromStart ? 1 : 0, toEnd ? -1 : undefined))
  const atoms = [...(fromStart ? [] : [ANY_RUN]), ...middle, ...(toEnd ? [] : [ANY_RUN])]
  return name => matchesAll(atoms, [...name])
}

/** Goes through the name once, with every atom that may be next. */
function matchesAll(atoms: readonly Atom[], chars: readonly string[]): boolean {
  let next = closed(atoms, new Set([0]))
  for (const char of chars) {
    const after = new Set<number>()
    for (const at of next) {
      const atom = atoms[at]
      if (!atom?.fits(char)) continue
      after.add(at + 1)
      if (atom.repeats) after.add(at)
    }
    if (after.size === 0) return false
    next = closed(atoms, after)
  }
  return next.has(atoms.length)
}

/** With what comes behind atoms that may be left out; a set is gone through in the order of adding, so also what is added meanwhile. */
function closed(atoms: readonly Atom[], places: Set<number>): Set<number> {
  for (const at of places) if (atoms[at]?.optional) places.add(at + 1)
  return places
}
