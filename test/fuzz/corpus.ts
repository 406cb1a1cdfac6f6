/** The corpus: one file per target, one input per line, as JSON. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Json } from '../../actors/kernel/define.ts'

const fileOf = (target: string): string => resolve(import.meta.dirname, 'corpus', `${target}.jsonl`)

export function readCorpus(target: string): Json[] {
  const file = fileOf(target)
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line))
}

export const writeCorpus = (target: string, inputs: readonly Json[]): void =>
  writeFileSync(fileOf(target), inputs.map(input => `${JSON.stringify(input)}\n`).join(''))
