/**
 * `npm run sim -- --seed N [--trace]` runs one seed, `--seeds COUNT --from FIRST` many, on all cores. Exit code 1 and the seed on a
 * violation.
 */
import { fork } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { runSeed, type SimResult } from './run.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    from: { type: 'string', default: '1' },
    trace: { type: 'boolean', default: false },
    worker: { type: 'boolean', default: false },
  },
})

function report(result: SimResult): void {
  for (const violation of result.violations) console.log(`seed ${result.seed}: ${violation}`)
}

async function one(seed: number): Promise<boolean> {
  const result = await runSeed(seed, values.trace ? line => console.log(line) : undefined)
  report(result)
  const { violations, simulatedMs, steps, instances, commits, fenced, mix, digest } = result
  console.log(`seed ${seed}: ${violations.length} violations, ${(simulatedMs / 1000).toFixed(0)} s simulated, ${steps} steps`)
  console.log(`${instances} instances, ${commits} commits, ${fenced} refused, faults: ${mix}`)
  console.log(`trace ${digest}`)
  return result.violations.length === 0
}

async function worker(): Promise<void> {
  for await (const line of process.stdin.setEncoding('utf8')) {
    for (const seed of String(line).trim().split('\n')) process.send?.(await runSeed(Number(seed)))
  }
}

/** Hands out seeds to one process per core, each when it has finished the one before. */
async function many(first: number, count: number): Promise<boolean> {
  const started = performance.now()
  let next = first
  let violated = 0
  let done = 0
  let simulatedMs = 0
  let overQuota = 0
  const ended = new Map<string, number>()
  await Promise.all(
    Array.from({ length: Math.min(availableParallelism(), count) }, async () => {
      const child = fork(import.meta.filename, ['--worker'], { stdio: ['pipe', 'inherit', 'inherit', 'ipc'] })
      await new Promise<void>((resolve, reject) => {
        const hand = (): void => {
          if (next < first + count) child.stdin?.write(`${next++}\n`)
          else child.stdin?.end()
        }
        child.on('message', message => {
          const result = message as SimResult
          report(result)
          done++
          simulatedMs += result.simulatedMs
          overQuota += result.overQuota
          for (const [what, count] of Object.entries(result.ended)) ended.set(what, (ended.get(what) ?? 0) + count)
          if (result.violations.length > 0) violated++
          hand()
        })
        child.on('error', reject)
        child.on('exit', code => (code === 0 ? resolve() : reject(new Error(`a worker ended with ${code}`))))
        hand()
      })
    }),
  )
  const seconds = (performance.now() - started) / 1000
  console.log(
    `${done} seeds from ${first}: ${violated} with violations, ${seconds.toFixed(1)} s, ${(simulatedMs / 1000 / seconds).toFixed(0)}x real time`,
  )
  console.log(
    [...ended]
      .sort()
      .map(([what, count]) => `${what} ${count}`)
      .join(', '),
  )
  console.log(`${overQuota} requests over a quota`)
  return violated === 0
}

if (values.worker) await worker()
else {
  const ok = values.seeds ? await many(Number(values.from), Number(values.seeds)) : await one(Number(values.seed ?? 1))
  process.exit(ok ? 0 : 1)
}
