/** The folder of scenarios: which there are, and what becomes of each. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { differencesOf } from './compare.ts'
import { parseScenario, type Scenario } from './parse.ts'
import { type PlayOptions, play } from './play.ts'

const FOLDER = import.meta.dirname

export const scenarioNames = (): string[] =>
  readdirSync(FOLDER, { withFileTypes: true })
    .filter(entry => entry.isDirectory())
    .map(entry => entry.name)
    .toSorted()

const fileOf = (name: string, file: 'scenario' | 'expected'): string => join(FOLDER, name, file)

/** Throws a `ScenarioError` that names file and line. */
export const readScenario = (name: string): Scenario =>
  parseScenario(`test/scenarios/${name}/scenario`, readFileSync(fileOf(name, 'scenario'), 'utf8'))

export interface Verdict {
  readonly about: string
  readonly log: string
  /** What is wrong, in lines for people; empty when nothing is. */
  readonly problems: readonly string[]
  readonly simulatedMs: number
}

/** Plays it and compares. `update` writes what was seen, but never a broken promise. */
export async function judgeScenario(
  name: string,
  { update = false, ...options }: PlayOptions & { readonly update?: boolean } = {},
): Promise<Verdict> {
  const scenario = readScenario(name)
  const { about } = scenario
  try {
    const { log, violations, simulatedMs } = await play(name, scenario, options)
    const broken = violations.map(v => `broken: ${v}`)
    if (update && broken.length === 0) writeFileSync(fileOf(name, 'expected'), log)
    const expected = existsSync(fileOf(name, 'expected')) ? readFileSync(fileOf(name, 'expected'), 'utf8') : ''
    return { about, log, problems: [...broken, ...differencesOf(expected, log)], simulatedMs }
  } catch (error) {
    return { about, log: '', problems: [`test/scenarios/${name}/scenario, ${error instanceof Error ? error.message : error}`], simulatedMs: 0 }
  }
}
