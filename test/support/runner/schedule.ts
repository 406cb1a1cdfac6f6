/**
 * Which test file is started next, beside those that run, for a machine of two cores.
 *
 * Files are of two kinds. Most *compute*: one keeps a core busy to its end. Those with a cluster, a guest or a browser mostly *wait* for it,
 * and use less than half a core. So three run at a time, two of which may wait. Those that wait go first: they take longest, and what
 * computes fills the gaps, at a lower priority, so that a cluster is not slowed down by its neighbour. Within a kind it is the file with
 * the longest time limit, so that no long one is left for the end.
 *
 * What needs quiet comes before all, and has only one file that computes beside it.
 */
import type { TestFile } from './discover.ts'

const AT_ONCE = 3
/** Of either kind. */
const OF_A_KIND = 2
/** Of what computes beside what waits: it gets a third of what a process of a cluster gets when both want a core. */
const LOWER = 5

export interface Start {
  readonly file: TestFile
  /** As of `nice`: 0 or more. */
  readonly niceness: number
}

/** What to start now, or null when a file that runs must end first. */
export function nextStart(left: readonly TestFile[], running: readonly TestFile[]): Start | null {
  const file = left.filter(candidate => fits(candidate, left, running)).toSorted(inOrder)[0]
  const isBesideWaiting = running.some(({ kind }) => kind === 'waits')
  return file === undefined ? null : { file, niceness: file.kind === 'computes' && isBesideWaiting ? LOWER : 0 }
}

function fits(file: TestFile, left: readonly TestFile[], running: readonly TestFile[]): boolean {
  const ofItsKind = running.filter(({ kind }) => kind === file.kind).length
  const isQuietTime = [...left, ...running].some(({ needsQuiet }) => needsQuiet)
  if (isQuietTime) return ofItsKind < 1 && (file.needsQuiet || (file.kind === 'computes' && running.some(({ needsQuiet }) => needsQuiet)))
  return ofItsKind < OF_A_KIND && running.length < AT_ONCE
}

const inOrder = (a: TestFile, b: TestFile): number =>
  Number(b.needsQuiet) - Number(a.needsQuiet) ||
  Number(a.kind === 'computes') - Number(b.kind === 'computes') ||
  b.limitMs - a.limitMs ||
  (a.path < b.path ? -1 : 1)
