/** Lists and items as they are typed: separated by commas, `key=value`. */
import { BatonError } from '../actors/kernel/errors.ts'

export const listed = (words: string): string[] =>
  words
    .split(',')
    .map(word => word.trim())
    .filter(Boolean)

/** Throws `BadRequest` naming the option. */
export function itemsOf(words: string, option: string): [key: string, value: string][] {
  return listed(words).map(item => {
    const at = item.indexOf('=')
    if (at < 1) throw new BatonError('BadRequest', `--${option}: ${JSON.stringify(item)} is no key=value`)
    return [item.slice(0, at), item.slice(at + 1)]
  })
}
