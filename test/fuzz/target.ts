/** What can be fuzzed. An input is plain JSON, so that a corpus can be kept, read and mended by people. */
import type { Json } from '../../actors/kernel/define.ts'
import type { Random } from '../sim/random.ts'

export interface Target {
  readonly name: string
  /** Inputs to begin with, beside the corpus. */
  readonly seeds: readonly Json[]
  /** An input a little different from the given one. Must take any JSON. */
  mutate(input: Json, random: Random): Json
  /** Feeds the input to the code. Rejects when the code did what it must never do; refusing bad input is what it should do. */
  run(input: Json): Promise<void>
  close?(): Promise<void>
}

/** Time one input may take, ms: far more than the slowest takes on a busy machine. */
export const INPUT_LIMIT_MS = 5000

/** What the code must never do. */
export class Finding extends Error {}

export const isRecord = (value: unknown): value is { readonly [name: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The field of an input, or null: a mutated input may have lost it. */
export const field = (input: Json, name: string): Json => (isRecord(input) ? (input[name] ?? null) : null)

export const textOf = (value: Json): string => (typeof value === 'string' ? value : JSON.stringify(value))

export const listOf = (value: Json): readonly Json[] => (Array.isArray(value) ? value : [])
