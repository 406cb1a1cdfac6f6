/** `npm run sim -- --planted`: every planted bug must be found by some checker, within a thousand seeds. */
import { PLANTED_BUGS } from './planted/index.ts'
import { runPool } from './pool.ts'

const MOST_SEEDS = 1000

export interface Proof {
  readonly bug: string
  readonly what: string
  /** Who found it; null when nobody did. */
  readonly checker: string | null
  readonly violation: string
  readonly seeds: number
  readonly seconds: number
}

/** `names`: some of the bugs; all when empty. */
export async function prove(names: readonly string[], jobs: number, report: (proof: Proof) => void): Promise<boolean> {
  const bugs = PLANTED_BUGS.filter(({ name }) => names.length === 0 || names.includes(name))
  const unknown = names.filter(name => !PLANTED_BUGS.some(bug => bug.name === name))
  if (unknown.length > 0) throw new Error(`no planted bug is called ${unknown}; there are ${PLANTED_BUGS.map(b => b.name).join(', ')}`)
  let allFound = true
  const open = bugs.values()
  const next = async (): Promise<void> => {
    for (const { name, what } of open) {
      const started = performance.now()
      let seeds = 0
      let violation = ''
      await runPool({
        first: 1,
        count: MOST_SEEDS,
        jobs: 1,
        planted: name,
        onResult(result) {
          seeds++
          violation = result.violations[0] ?? ''
          return violation === '' ? undefined : 'stop'
        },
      })
      const checker = violation === '' ? null : violation.slice(0, violation.indexOf(':'))
      if (checker === null) allFound = false
      report({ bug: name, what, checker, violation, seeds, seconds: (performance.now() - started) / 1000 })
    }
  }
  await Promise.all(Array.from({ length: jobs }, next))
  return allFound
}
