/**
 * The words of a scenario: patterns such as `partition NODE from NODE`, in which small words stand for themselves and capital ones
 * for a value of that kind. Pure; what is wrong with a line is said in words.
 */

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** `2s`, `500ms`, `-1h` as ms; null when it is no time. */
export function timeMs(word: string): number | null {
  const [, amount, unit = ''] = word.match(/^(-?\d+(?:\.\d+)?)(ms|s|m|h)$/) ?? []
  return amount === undefined ? null : Number(amount) * (UNITS_MS[unit] ?? 0)
}

const NODE = /^((conductor|compute|gateway)-\d+|conductors|hosts|it|owner-of-[a-z][a-z0-9-]*)$/

/** What a capital word of a pattern stands for. `REST` takes all words that are left, also none. */
const KINDS: Readonly<Record<string, { readonly what: string; fits(word: string): boolean }>> = {
  TIME: { what: 'a time such as 2s, 500ms or 1h', fits: word => timeMs(word) !== null },
  NODE: { what: 'a node: compute-1, conductors, hosts, it, owner-of-NAME', fits: word => NODE.test(word) },
  NAME: {
    what: 'a name of small letters, digits and hyphens, or several: web-1..web-3',
    fits: word => namesOf(word).every(name => /^[a-z][a-z0-9-]*$/.test(name)),
  },
  NUMBER: { what: 'a number', fits: word => /^-?\d+(\.\d+)?%?$/.test(word) },
  WORD: { what: 'a word', fits: () => true },
}

export interface Pattern {
  readonly usage: string
}

export type Match<P> = { readonly pattern: P; readonly values: readonly string[] }

/** The first pattern that fits all words; or what is wrong, with the pattern that comes nearest. */
export function matchWords<P extends Pattern>(patterns: readonly P[], words: readonly string[]): Match<P> | { readonly problem: string } {
  let nearest = { fitted: 0, problem: `there is no "${words.join(' ')}"; there are: ${patterns.map(p => p.usage).join(' | ')}` }
  for (const pattern of patterns) {
    const tried = matchOne(pattern.usage.split(' '), words)
    if ('values' in tried) return { pattern, values: tried.values }
    if (tried.fitted > nearest.fitted) nearest = { fitted: tried.fitted, problem: `"${pattern.usage}": ${tried.problem}` }
  }
  return { problem: nearest.problem }
}

type Tried = { readonly values: readonly string[] } | { readonly fitted: number; readonly problem: string }

function matchOne(wanted: readonly string[], words: readonly string[]): Tried {
  const values: string[] = []
  for (const [i, want] of wanted.entries()) {
    if (want === 'REST') return { values: [...values, ...words.slice(i)] }
    const word = words[i]
    const kind = KINDS[want]
    if (word === undefined) return { fitted: i, problem: `${kind?.what ?? `"${want}"`} is missing at the end` }
    if (kind ? !kind.fits(word) : word !== want) return { fitted: i, problem: `"${word}" is not ${kind?.what ?? `"${want}"`}` }
    if (kind) values.push(word)
  }
  const extra = words[wanted.length]
  return extra === undefined ? { values } : { fitted: wanted.length, problem: `"${extra}" is too much` }
}

/** `web-1..web-3` is three names, anything else is one. */
export function namesOf(word: string): string[] {
  const [, stem, from, same, to] = word.match(/^([a-z][a-z0-9-]*-)(\d+)\.\.([a-z][a-z0-9-]*-)(\d+)$/) ?? []
  if (stem === undefined || stem !== same) return [word]
  return Array.from({ length: Number(to) - Number(from) + 1 }, (_, i) => `${stem}${Number(from) + i}`)
}
