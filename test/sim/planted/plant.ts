import type { Planted } from './planted.ts'

/** The source with the bug in it. Throws when the place it belongs to is not there, or not only once: then it proves nothing any more. */
export function plantInto({ name, file, find, replace }: Planted, source: string): string {
  const [before, after, ...more] = source.split(find)
  if (before === undefined || after === undefined || more.length > 0) throw new Error(`${name}: ${file} does not hold this once: ${find}`)
  return before + replace + after
}
