/**
 * `npm run sim -- --planted`: every planted bug must be found by some checker, within a thousand seeds. A seed proves something only when
 * it fails with the bug and is clean without it.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { PLANTED_BUGS } from './planted/index.ts'
import { runPool } from './pool.ts'

export const MOST_SEEDS = 1000
const PAGE = resolve(import.meta.dirname, '../../docs/planted-bugs.md')

export interface Proof {
  readonly bug: string
  readonly what: string
  /** Who found it; null when nobody did. */
  readonly checker: string | null
  readonly violation: string
  /** How many were run with the bug; the last is the proof. */
  readonly seeds: number
  readonly seconds: number
}

export interface ProveOptions {
  /** Some of the bugs; all when empty. */
  readonly names: readonly string[]
  readonly jobs: number
  readonly mostSeeds: number
  report(proof: Proof): void
}

/** Whether all were found. */
export async function prove({ names, jobs, mostSeeds, report }: ProveOptions): Promise<boolean> {
  const bugs = PLANTED_BUGS.filter(({ name }) => names.length === 0 || names.includes(name))
  const unknown = names.filter(name => !PLANTED_BUGS.some(bug => bug.name === name))
  if (unknown.length > 0) throw new Error(`no planted bug is called ${unknown}; there are ${PLANTED_BUGS.map(b => b.name).join(', ')}`)
  let allFound = true
  const open = bugs.values()
  const next = async (): Promise<void> => {
    for (const { name, what } of open) {
      const started = performance.now()
      let seeds = 0
      let found = ''
      await runPool({
        first: 1,
        count: mostSeeds,
        jobs: 1,
        planted: name,
        async onResult({ seed, violations }) {
          seeds++
          const [violation] = violations
          if (violation === undefined || !(await isClean(seed))) return undefined
          found = violation
          return 'stop'
        },
      })
      const checker = found === '' ? null : found.slice(0, found.indexOf(':'))
      if (checker === null) allFound = false
      report({ bug: name, what, checker, violation: found, seeds, seconds: (performance.now() - started) / 1000 })
    }
  }
  await Promise.all(Array.from({ length: jobs }, next))
  return allFound
}

const clean = new Map<number, Promise<boolean>>()

/** Whether nothing is found in this seed without a bug. */
function isClean(seed: number): Promise<boolean> {
  const known = clean.get(seed)
  if (known) return known
  const looked = (async () => {
    const seen: string[] = []
    await runPool({
      first: seed,
      count: 1,
      jobs: 1,
      async onResult({ violations }) {
        seen.push(...violations)
        return undefined
      },
    })
    return seen.length === 0
  })()
  clean.set(seed, looked)
  return looked
}

const HEAD = `# Planted bugs

Who finds nothing must show that it could have. Each bug below is planted into the running code on its way from the disk into the process
(\`test/sim/planted/\`; production code knows nothing of it), and the simulator must find it within ${MOST_SEEDS} seeds. A seed is a proof only
when it is clean without the bug. Where a second guard stands behind the first, the bug breaks both: an agent remembers the newest rank of each guest
beside its driver (stale-command-accepted). A bug behind three guards is not in the list: that a late release of room has no effect is shown by
\`test/unit/host.test.ts\`, for a conductor that has answered a call knows its copies, and a build leaves out a host where it has failed, so that
in 400 seeds with all but this guard broken no such copy came. Written by
\`npm run sim -- --planted --write\`, which replaces the rows of the bugs that it was asked about.

| bug | what goes wrong | found by | seeds | seconds |
|---|---|---|---|---|
`

/** Writes what was found into docs/planted-bugs.md, beside what earlier runs have found. */
export function writeProofs(proofs: readonly Proof[]): void {
  const before = existsSync(PAGE) ? readFileSync(PAGE, 'utf8').split('\n') : []
  const rows = PLANTED_BUGS.map(({ name, what }) => {
    const proof = proofs.find(({ bug }) => bug === name)
    if (proof) return `| ${name} | ${what} | ${proof.checker ?? 'NOBODY'} | ${proof.seeds} | ${proof.seconds.toFixed(1)} |`
    return before.find(line => line.startsWith(`| ${name} |`)) ?? `| ${name} | ${what} | not looked for yet | | |`
  })
  writeFileSync(PAGE, `${HEAD}${rows.join('\n')}\n`)
}
