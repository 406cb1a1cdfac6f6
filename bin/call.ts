/** What a command gets from the command line, and typed access to it. */
import { BatonError } from '../actors/kernel/errors.ts'

/** Options by their long name in camel case, as texts; `true` for a switch; absent when not given. */
export type Options = Readonly<Record<string, string | boolean | undefined>>

export interface Call {
  readonly args: readonly string[]
  readonly options: Options
}

export type Handler = (call: Call) => Promise<void>

/** The text of an option, or undefined when it was not given. */
export function text(options: Options, name: string): string | undefined {
  const value = options[name]
  return typeof value === 'string' ? value : undefined
}

/** The text of an option that must be given. Throws `BadRequest`. */
export function required(options: Options, name: string): string {
  const value = text(options, name)
  if (value === undefined || value === '') throw new BatonError('BadRequest', `--${dashed(name)} is needed`)
  return value
}

/** True when the switch was given. */
export const given = (options: Options, name: string): boolean => options[name] === true

/** An option that is a whole number of at least `min`; undefined when not given. Throws `BadRequest`. */
export function integer(options: Options, name: string, min: number): number | undefined {
  const value = text(options, name)
  if (value === undefined) return undefined
  const number = /^\d+$/.test(value) ? Number(value) : Number.NaN
  if (!Number.isSafeInteger(number) || number < min)
    throw new BatonError('BadRequest', `--${dashed(name)} must be a whole number of at least ${min}, not ${JSON.stringify(value)}`)
  return number
}

/** The argument at `index`. Throws `BadRequest` when it is empty. */
export function argument(call: Call, index: number): string {
  const value = call.args[index]
  if (value === undefined || value === '') throw new BatonError('BadRequest', `argument ${index + 1} is missing or empty`)
  return value
}

const dashed = (name: string): string => name.replace(/[A-Z]/g, c => `-${c.toLowerCase()}`)
