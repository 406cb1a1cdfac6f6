/** From the end of a console, looked at again and again, to what was written in between. */
import type { ConsoleItem } from '../console-client/topics.ts'

/** So much of what was shown is looked for in what is there now. */
const OVERLAP = 1024

/** Answers with what is new in each look; null for nothing. What scrolled out between two looks is lost, and said to be (`reset`). */
export function createConsoleTail(): (output: string) => ConsoleItem | null {
  let shown: string | null = null
  return output => {
    const before = shown
    shown = output
    if (before === null) return { text: output, reset: true }
    if (output === before) return null
    if (output.startsWith(before)) return { text: output.slice(before.length) }
    const end = before.slice(-OVERLAP)
    const at = end === '' ? -1 : output.lastIndexOf(end)
    return at < 0 ? { text: output, reset: true } : { text: output.slice(at + end.length) }
  }
}
