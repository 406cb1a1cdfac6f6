/**
 * The lists of what passes, one line per test: `pass ID`, or `skip ID  # reason`, or `fail ID  # reason`. They are committed, so that
 * a test that passes no more is seen, and so is one that passes from now on.
 */
import type { Tally } from '../part.ts'
import type { Outcome } from './outcomes.ts'

export interface Line {
  readonly word: 'pass' | 'skip' | 'fail'
  readonly reason: string
}

export type Expected = ReadonlyMap<string, Line>

const LINE = /^(pass|skip|fail) (\S+)(?: {2}# (.*))?$/

/** Throws for a line it cannot read: a list that is misread would expect nothing. */
export function parseExpected(text: string): Expected {
  const lines = text.split('\n').filter(line => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map(line => {
      const [, word, id, reason = ''] = LINE.exec(line) ?? []
      if ((word !== 'pass' && word !== 'skip' && word !== 'fail') || id === undefined) throw new Error(`not a line of this list: ${line}`)
      if (word !== 'pass' && reason === '') throw new Error(`no reason: ${line}`)
      return [id, { word, reason }]
    }),
  )
}

const WORDS = { passed: 'pass', failed: 'fail', skipped: 'skip' } as const

/** Everything that is not as it was written down. */
export function compare(expected: Expected, outcomes: readonly Outcome[]): string[] {
  return outcomes.flatMap(({ id, status }) => {
    const known = expected.get(id)
    // What is in no list yet is free to pass.
    if (known === undefined) return status === 'failed' ? [`${id} failed, and is in no list`] : []
    return known.word === WORDS[status] ? [] : [`${id} ${status}, expected: ${known.word}${known.reason === '' ? '' : ` (${known.reason})`}`]
  })
}

/** Outcomes that are as they were written down, by kind; what is in no list is free to pass or to be skipped. */
export function tally(expected: Expected, outcomes: readonly Outcome[]): Omit<Tally, 'failed'> {
  const asWritten = outcomes.filter(outcome => compare(expected, [outcome]).length === 0)
  const count = (wanted: Outcome['status']): number => asWritten.filter(({ status }) => status === wanted).length
  return { passed: count('passed'), skipped: count('skipped'), notThere: count('failed') }
}

/** The reason in one line: the first of what Tempest gives for a skip, the last of a traceback. */
function reasonIn({ status, reason }: Outcome): string {
  const lines = reason.trim().split('\n')
  const text = (status === 'skipped' ? lines[0] : lines.at(-1)) ?? ''
  return (
    text
      .replace(/^.*SkipException: /, '')
      .trim()
      .slice(0, 200) || 'no reason was given'
  )
}

/** The list that expects these outcomes; tests that were not run stay as they were, and so does the reason of one that came out as before. */
export function writeExpected(before: Expected, outcomes: readonly Outcome[]): string {
  const after = new Map(before)
  for (const outcome of outcomes) {
    const word = WORDS[outcome.status]
    const known = before.get(outcome.id)
    const reason = word === 'pass' ? '' : known?.word === word ? known.reason : reasonIn(outcome)
    after.set(outcome.id, { word, reason })
  }
  const lines = [...after]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([id, { word, reason }]) => `${word} ${id}${reason === '' ? '' : `  # ${reason}`}\n`)
  return `# Made by BATON_GOLDEN=write npm run conformance -- --part tempest; reasons may be put better by hand.\n${lines.join('')}`
}
