/**
 * The loop of the fuzzer: take an input of the corpus, change it a little, run it; keep it when it reached code in a way no input before
 * it did. What an input does wrong is reported with the input, which is all that is needed to see it again. Runs with the same seed, number of
 * executions and corpus draw the same inputs, as long as coverage is the same.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Json } from '../../actors/kernel/define.ts'
import { createRandom } from '../sim/random.ts'
import type { Coverage } from './coverage.ts'
import { INPUT_LIMIT_MS, type Target } from './target.ts'

export interface FuzzOptions {
  readonly target: Target
  readonly corpus: readonly Json[]
  readonly seed: number
  /** Ends after so many executions, or at this time of the monotonic clock, ms. */
  readonly executions: number
  readonly untilMs: number
  /** Without it nothing is kept. */
  readonly coverage: Coverage | null
  /** Time one input may take, ms. */
  readonly inputLimitMs?: number
  /** Told of every input before it runs, so that somebody can say which one hangs. */
  before?(input: Json): void
}

export interface Found {
  readonly what: string
  readonly input: Json
}

export interface FuzzResult {
  readonly executions: number
  readonly seconds: number
  /** Inputs that reached something new, without those given. */
  readonly kept: readonly Json[]
  readonly ways: number
  readonly found: readonly Found[]
  /** Growth of the heap and of buffers after collection, from the first tenth of the run to its end, bytes. */
  readonly growthBytes: number
}

/** Inputs between two looks at the coverage. */
const BATCH = 40
const MAX_FOUND = 10
/** Over this the code keeps something of every input. */
const MAX_GROWTH_BYTES = 48 * 1024 * 1024
const MIN_EXECUTIONS_FOR_GROWTH = 2000

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

/** With buffers, which are outside of the heap. */
function heapBytes(): number {
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

export async function fuzz(options: FuzzOptions): Promise<FuzzResult> {
  const stray: unknown[] = []
  const onStray = (error: unknown): void => void stray.push(error)
  process.on('unhandledRejection', onStray)
  process.on('uncaughtException', onStray)
  try {
    return await fuzzWatched(options, stray)
  } finally {
    // Or a defect of the fuzzer itself would end it without a word.
    process.off('unhandledRejection', onStray)
    process.off('uncaughtException', onStray)
    await options.target.close?.()
  }
}

/** `stray`: errors that nobody caught arrive there. */
async function fuzzWatched(options: FuzzOptions, stray: unknown[]): Promise<FuzzResult> {
  const { target, coverage, seed } = options
  const random = createRandom(seed)
  const pool = [...target.seeds, ...options.corpus]
  const given = pool.length
  const found: Found[] = []
  const startedMs = performance.now()
  let executions = 0
  let firstHeap: number | null = null

  async function execute(input: Json): Promise<boolean> {
    executions++
    options.before?.(input)
    const what =
      (await misdeed(target, input, options.inputLimitMs ?? INPUT_LIMIT_MS)) ??
      (stray.length > 0 ? `nobody caught: ${describe(stray.shift())}` : null)
    if (what !== null && found.length < MAX_FOUND && !found.some(f => firstLine(f.what) === firstLine(what))) found.push({ what, input })
    return what === null
  }

  const over = (): boolean => executions >= options.executions || performance.now() >= options.untilMs || found.length >= MAX_FOUND

  for (const input of pool) await execute(input)
  const seen = new Set(coverage?.take())
  while (!over()) {
    const batch: Json[] = []
    while (batch.length < BATCH && !over()) {
      let input = random.pick(pool)
      for (let n = random.pick([1, 1, 2, 4]); n > 0; n--) input = target.mutate(input, random)
      if (await execute(input)) batch.push(input)
    }
    if (coverage) pool.push(...(await newcomers(batch, coverage)))
    if (firstHeap === null && executions >= MIN_EXECUTIONS_FOR_GROWTH / 10) firstHeap = heapBytes()
  }
  await settle()
  const growthBytes = firstHeap === null ? 0 : heapBytes() - firstHeap
  if (executions >= MIN_EXECUTIONS_FOR_GROWTH && growthBytes > MAX_GROWTH_BYTES)
    found.push({ what: `the heap grew by ${(growthBytes / 1e6).toFixed(0)} MB in ${executions} executions`, input: null })
  return {
    executions,
    seconds: (performance.now() - startedMs) / 1000,
    kept: pool.slice(given),
    ways: seen.size,
    found,
    growthBytes,
  }

  /** Those of the batch that reach something new, each by itself. */
  async function newcomers(batch: readonly Json[], from: Coverage): Promise<Json[]> {
    const fresh = new Set([...from.take()].filter(way => !seen.has(way)))
    const kept: Json[] = []
    for (const input of batch) {
      if (fresh.size === 0) break
      await execute(input)
      const reached = [...from.take()].filter(way => fresh.has(way))
      for (const way of reached) {
        fresh.delete(way)
        seen.add(way)
      }
      if (reached.length > 0) kept.push(input)
    }
    // What only the whole batch reaches (state that gathered, a timer) is not asked about again.
    for (const way of fresh) seen.add(way)
    return kept
  }
}

/** Runs one input; what it did wrong, or null. */
async function misdeed(target: Target, input: Json, limitMs: number): Promise<string | null> {
  const startedMs = performance.now()
  try {
    await withinTime(target.run(input), limitMs)
    // Late rejections belong to this input.
    await settle()
  } catch (error) {
    return describe(error)
  }
  const tookMs = performance.now() - startedMs
  return tookMs > limitMs ? `took ${Math.round(tookMs)} ms` : null
}

const settle = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

function withinTime(run: Promise<void>, limitMs: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const timer = setTimeout(() => reject(new Error(`not done within ${limitMs} ms`)), limitMs)
  run.then(resolve, reject).finally(() => clearTimeout(timer))
  return promise
}

const describe = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error))

const firstLine = (text: string): string => text.split('\n', 1)[0] ?? ''
