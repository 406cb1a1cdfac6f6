import { type Planted, placesOf } from './planted.ts'

/** This file's source with the bug in it. Throws when a place it belongs to is not there, or not only once: then it proves nothing any more. */
export function plantInto(bug: Planted, file: string, source: string): string {
  let planted = source
  for (const { find, replace } of placesOf(bug).filter(place => place.file === file)) {
    const [before, after, ...more] = planted.split(find)
    if (before === undefined || after === undefined || more.length > 0) throw new Error(`${bug.name}: ${file} does not hold this once: ${find}`)
    planted = before + replace + after
  }
  return planted
}
