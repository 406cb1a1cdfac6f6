/**
 * The simulator's command line; exit code 1 on a violation.
 *
 *     npm run sim -- --seed 7 [--trace] [--shrink]       one seed; its trace; the shortest schedule that still fails
 *     npm run sim -- --seeds 500 --from 1 [--jobs 2]     many, on all cores; the first that fails is shrunk
 *     npm run sim -- --seeds 200 --coverage              what they have reached, and what not
 *     npm run sim -- --planted [NAME ...] [--write]      every planted bug must be found, in 1,000 seeds or as many as --seeds says;
 *                                                        with --write docs/planted-bugs.md tells
 */
import { spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { readFlags } from '../support/flags.ts'
import { createReached, startCoverage, type Unreached } from './coverage.ts'
import { describePlan, drawPlan } from './plan.ts'
import { runPool } from './pool.ts'
import { MOST_SEEDS, type Proof, prove, writeProofs } from './prove.ts'
import { runPlan, runSeed, type SimResult } from './run.ts'
import { shrink } from './shrink.ts'

const { values, positionals } = readFlags(import.meta.filename, {
  allowPositionals: true,
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    from: { type: 'string', default: '1' },
    jobs: { type: 'string', default: String(availableParallelism()) },
    trace: { type: 'boolean', default: false },
    shrink: { type: 'boolean', default: false },
    coverage: { type: 'boolean', default: false },
    planted: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    worker: { type: 'boolean', default: false },
  },
})

/** How often a long run says how far it is, seeds. */
const TELL_EVERY = 500

/** Lines of the timeline that say what was done to the cluster, and what its nodes said of it. */
const TELLING = /FAULT|thaw|faults end|rejoins|database back| warn: | error: |^[\d.]+ operation /

function report({ seed, violations }: SimResult): void {
  for (const violation of violations) console.log(`seed ${seed}: ${violation}`)
}

async function explain(seed: number, violations: readonly string[]): Promise<void> {
  const { stdout } = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' })
  console.log(`seed ${seed} at commit ${stdout.trim() || 'unknown'}: looking for the shortest schedule that still fails`)
  const { plan, violations: left, runs } = await shrink(drawPlan(seed), violations)
  console.log(`after ${runs} runs: ${describePlan(plan)}, ${plan.mix.actions.join(' ') || 'no actions'}`)
  for (const { atMs, kind } of plan.strikes) console.log(`  ${(atMs / 1000).toFixed(3)} s ${kind}`)
  for (const violation of left) console.log(`  -> ${violation}`)
  console.log('timeline, ms:')
  await runPlan(plan, line => TELLING.test(line) && console.log(`  ${line.slice(0, 220)}`))
}

async function one(seed: number): Promise<boolean> {
  const result = await runSeed(seed, values.trace ? line => console.log(line) : undefined)
  report(result)
  const { violations, simulatedMs, moments, instances, commits, fenced, mix, digest } = result
  console.log(`seed ${seed}: ${violations.length} violations, ${(simulatedMs / 1000).toFixed(0)} s simulated, ${moments} moments`)
  console.log(`${instances} instances, ${commits} commits, ${fenced} refused; ${mix}`)
  console.log(`trace ${digest}`)
  if (violations.length > 0 && values.shrink) await explain(seed, violations)
  return violations.length === 0
}

async function worker(): Promise<void> {
  // Refusals are thrown by the thousand, and nobody reads where: the seed that fails is run again by itself.
  Error.stackTraceLimit = 0
  const unreached = values.coverage ? await startCoverage() : null
  for await (const line of process.stdin.setEncoding('utf8')) {
    for (const seed of String(line).trim().split('\n')) process.send?.({ result: await runSeed(Number(seed)), coverage: await unreached?.() })
  }
}

async function many(first: number, count: number): Promise<boolean> {
  const started = performance.now()
  const reached = createReached()
  const failed: SimResult[] = []
  let done = 0
  let simulatedMs = 0
  let overQuota = 0
  const { coverage } = values
  await runPool({
    first,
    count,
    jobs: Number(values.jobs),
    coverage,
    async onResult(result, lines) {
      report(result)
      done++
      simulatedMs += result.simulatedMs
      overQuota += result.overQuota
      reached.add(result)
      if (lines) reached.addLines(lines as Unreached)
      if (result.violations.length > 0) failed.push(result)
      if (done % TELL_EVERY === 0) console.log(`${done} of ${count} seeds, ${failed.length} with violations`)
      return undefined
    },
  })
  const seconds = (performance.now() - started) / 1000
  if (coverage) for (const line of reached.tables()) console.log(line)
  const perMinute = ((done / seconds) * 60).toFixed(0)
  const speed = `${seconds.toFixed(1)} s, ${(simulatedMs / 1000 / seconds).toFixed(0)}x real time, ${perMinute} seeds a minute`
  console.log(`${done} seeds from ${first}: ${failed.length} with violations, ${speed}; ${overQuota} requests over a quota`)
  const shortest = failed.toSorted((a, b) => a.commits - b.commits)[0]
  if (shortest && values.shrink) await explain(shortest.seed, shortest.violations)
  else if (shortest) console.log(`the shortest schedule that fails: npm run sim -- --seed ${shortest.seed} --shrink`)
  return failed.length === 0
}

async function planted(): Promise<boolean> {
  console.log('bug | found by | seeds | seconds | what goes wrong')
  const proofs: Proof[] = []
  const allFound = await prove({
    names: positionals,
    jobs: Number(values.jobs),
    mostSeeds: Number(values.seeds ?? MOST_SEEDS),
    report(proof) {
      const { bug, checker, seeds, seconds, what, violation } = proof
      console.log(`${bug} | ${checker ?? 'NOBODY'} | ${seeds} | ${seconds.toFixed(1)} | ${what}`)
      if (values.trace) console.log(`    ${violation}`)
      proofs.push(proof)
      if (values.write) writeProofs(proofs)
    },
  })
  return allFound
}

if (values.worker) await worker()
else {
  const run = values.planted ? planted() : values.seeds ? many(Number(values.from), Number(values.seeds)) : one(Number(values.seed ?? 1))
  process.exit((await run) ? 0 : 1)
}
