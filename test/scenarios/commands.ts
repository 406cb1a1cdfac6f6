/** What can be done to the cluster, and asked of it, in a scenario. */
import { FAULTS } from './faults.ts'
import { REQUESTS } from './requests.ts'
import type { Stage } from './stage.ts'
import type { Pattern } from './words.ts'

export interface Command extends Pattern {
  run(stage: Stage, values: readonly string[]): void
  /** What is wrong with the words, as far as it can be told without a cluster. */
  problem?(values: readonly string[]): string | null
}

export const COMMANDS: readonly Command[] = [...FAULTS, ...REQUESTS]
