/** A scenario's text as a list of steps. Whatever is wrong names the file and the line. Pure. */
import { COMMANDS, type Command } from './commands.ts'
import { CONDITIONS, type Condition } from './conditions.ts'
import { GIVENS, type Given } from './givens.ts'
import { type Match, matchWords, type Pattern, timeMs } from './words.ts'

/** When a step is due: at a time since the start, some time after the step before, at once, or as soon as something is so. */
export type Due =
  | { readonly when: 'at' | 'after'; readonly ms: number }
  | { readonly when: 'now' }
  | { readonly when: 'condition'; readonly condition: Match<Condition> }

export interface Step {
  /** As it was written. */
  readonly text: string
  readonly line: number
  readonly due: Due
  readonly command: Match<Command>
}

/** Something that must come to be so within a time after the step before. */
export interface Promised {
  readonly text: string
  readonly line: number
  readonly withinMs: number
  readonly condition: Match<Condition>
}

export interface Scenario {
  /** The class of incident, and what became of it elsewhere. */
  readonly about: string
  readonly givens: readonly Match<Given>[]
  readonly steps: readonly (Step | Promised)[]
}

export class ScenarioError extends Error {}

/** `file` is only for what is said. Throws a `ScenarioError`. */
export function parseScenario(file: string, text: string): Scenario {
  const givens: Match<Given>[] = []
  const steps: (Step | Promised)[] = []
  const lines = text.split('\n').map((line, i) => ({ line: i + 1, text: line.trim() }))
  const about = lines[0]?.text ?? ''
  if (!about.startsWith('# ')) throw new ScenarioError(`${file}:1: the first line says which class of incident it is: # …`)
  for (const { line, text } of lines) {
    if (text === '' || text.startsWith('#')) continue
    const wrong = (problem: string): ScenarioError => new ScenarioError(`${file}:${line}: ${problem}`)
    const match = <P extends Pattern>(patterns: readonly P[], words: readonly string[]): Match<P> => {
      const found = matchWords(patterns, words)
      if ('problem' in found) throw wrong(found.problem)
      return found
    }
    const command = (words: readonly string[]): Match<Command> => {
      const found = match(COMMANDS, words)
      const problem = found.pattern.problem?.(found.values)
      if (problem) throw wrong(problem)
      return found
    }
    const [first = '', ...rest] = text.split(/\s+/)
    const time = (): number => {
      const ms = timeMs(rest[0] ?? '')
      if (ms === null || ms < 0) throw wrong(`"${first}" needs a time such as 2s, not "${rest[0] ?? ''}"`)
      return ms
    }
    if (first === 'given') {
      if (steps.length > 0) throw wrong('what is given stands before the first command')
      for (const part of rest.join(' ').split(/,\s*/)) givens.push(match(GIVENS, part.split(' ')))
    } else if (first === 'at' || first === 'after') {
      steps.push({ text, line, due: { when: first, ms: time() }, command: command(rest.slice(1)) })
    } else if (first === 'within') {
      steps.push({ text, line, withinMs: time(), condition: match(CONDITIONS, rest.slice(1)) })
    } else if (first === 'when') {
      const [condition = '', then] = rest.join(' ').split(/:\s+/)
      if (then === undefined) throw wrong('"when CONDITION: COMMAND" has a colon')
      steps.push({
        ...{ text, line },
        due: { when: 'condition', condition: match(CONDITIONS, condition.split(' ')) },
        command: command(then.split(' ')),
      })
    } else if (first === 'and') {
      steps.push({ text, line, due: { when: 'now' }, command: command(rest) })
    } else {
      throw wrong(`a line begins with given, at, after, when, within, and, or #, not with "${first}"`)
    }
  }
  if (steps.length === 0) throw new ScenarioError(`${file}: nothing happens`)
  return { about: about.slice(2), givens, steps }
}
