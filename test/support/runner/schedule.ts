/**
 * Which test file is started next, beside those that run.
 *
 * Files are of two kinds. Most *compute*: one keeps a core busy to its end. Those with a cluster, a guest or a browser mostly *wait* for it,
 * and use a third of a core. Two of each kind at a time would be too many for the two cores of a small machine when it matters, two files
 * of which one waits would leave a core idle; so three run at a time, two of which may wait. Those that wait go first: they take longest,
 * and what computes fills the gaps. Within a kind it is the file with the longest time limit, so that no long one is left for the end.
 */
import type { TestFile } from './discover.ts'

const AT_ONCE = 3
/** Of either kind. */
const OF_A_KIND = 2

/** The file to start now, or null when one that runs must end first. */
export function nextFile(left: readonly TestFile[], running: readonly TestFile[]): TestFile | null {
  if (running.some(file => file.alone) || running.length >= AT_ONCE) return null
  const shared = left.filter(file => !file.alone)
  const isFree = (file: TestFile): boolean => running.filter(({ kind }) => kind === file.kind).length < OF_A_KIND
  // What must be alone comes last: the others would have to wait for it.
  const candidates = shared.length > 0 ? shared.filter(isFree) : running.length > 0 ? [] : left
  return candidates.toSorted(inOrder)[0] ?? null
}

const inOrder = (a: TestFile, b: TestFile): number =>
  Number(a.kind === 'computes') - Number(b.kind === 'computes') || b.limitMs - a.limitMs || (a.path < b.path ? -1 : 1)
