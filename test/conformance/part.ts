/** A part of the conformance run: clients of one kind, let loose on the cluster of the run. */
import type { Subject } from './cluster.ts'

export interface Tally {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  /** Failed as it is written down that they do, each with its reason: what is not there. */
  readonly notThere: number
}

export const NOTHING: Tally = { passed: 0, failed: 0, skipped: 0, notThere: 0 }

export const total = (tallies: readonly Tally[]): Tally =>
  tallies.reduce(
    (a, b) => ({
      passed: a.passed + b.passed,
      failed: a.failed + b.failed,
      skipped: a.skipped + b.skipped,
      notThere: a.notThere + b.notThere,
    }),
    NOTHING,
  )

export const inWords = ({ passed, failed, skipped, notThere }: Tally): string =>
  `${passed} passed, ${failed} failed, ${skipped} skipped, ${notThere} not there`

export interface Asked {
  /** Only what takes little time. */
  readonly selection: boolean
  /** Whether a conductor is killed every few seconds meanwhile. */
  readonly kill: boolean
  /** Only tests whose name matches. */
  readonly only: RegExp | null
  /** How many tests run at once, where the part does not know better. */
  readonly concurrency: number | null
}

export interface Part {
  readonly name: string
  /** The program it needs, and the Debian package that has it. */
  readonly needs: { readonly program: string; readonly package: string }
  run(subject: Subject, asked: Asked, say: (line: string) => void): Promise<Tally>
}
