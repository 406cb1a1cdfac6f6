/**
 * `npm run fuzz -- --minutes N [--only NAME] [--seed N] [--keep]`: every target in turn, N minutes each. Ends with exit code 1 when anything
 * was found, each finding with its input on one line; `--input JSON` with `--only` runs that again. `--keep` writes the corpus anew: the
 * fewest inputs that reach what all of them reach.
 */
import { resolve } from 'node:path'
import type { Json } from '../../actors/kernel/define.ts'
import { readFlags } from '../support/flags.ts'
import { readCorpus, writeCorpus } from './corpus.ts'
import { type Coverage, watchCoverage } from './coverage.ts'
import { watchHangs } from './hang.ts'
import { type FuzzResult, fuzz } from './loop.ts'
import type { Target } from './target.ts'
import { TARGETS } from './targets/index.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const FOLDERS = ['actors', 'bin', 'persistence', 'supervisors', 'transport']
/** The corpus is for reading, too. */
const MAX_INPUT_CHARS = 3000

const { values } = readFlags(import.meta.filename, {
  options: {
    minutes: { type: 'string', default: '1' },
    only: { type: 'string' },
    seed: { type: 'string', default: '1' },
    input: { type: 'string' },
    keep: { type: 'boolean', default: false },
  },
})

function tell(target: Target, corpus: number, { executions, seconds, kept, ways, found, growthBytes }: FuzzResult): void {
  const speed = Math.round(executions / seconds)
  console.log(
    `${target.name}: ${executions} executions, ${seconds.toFixed(0)} s, ${speed}/s, corpus ${corpus} + ${kept.length}, ${ways} ways, ` +
      `heap ${growthBytes >= 0 ? '+' : ''}${(growthBytes / 1e6).toFixed(1)} MB, ${found.length} findings`,
  )
  for (const { what, input } of found) console.log(`  ${what.replaceAll('\n', '\n  ')}\n  input: ${JSON.stringify(input)}`)
}

/** Inputs in order of size, each only if it reaches what no smaller one does. */
async function fewest(make: () => Target, inputs: readonly Json[], coverage: Coverage): Promise<Json[]> {
  const target = make()
  const seen = new Set<string>()
  const kept: Json[] = []
  for (const input of target.seeds) await target.run(input).catch(() => {})
  for (const way of coverage.take()) seen.add(way)
  const small = inputs.filter(input => JSON.stringify(input).length <= MAX_INPUT_CHARS)
  for (const input of small.toSorted((a, b) => JSON.stringify(a).length - JSON.stringify(b).length)) {
    await target.run(input).catch(() => {})
    const fresh = [...coverage.take()].filter(way => !seen.has(way))
    for (const way of fresh) seen.add(way)
    if (fresh.length > 0) kept.push(input)
  }
  await target.close?.()
  return kept
}

async function explore(name: string, make: () => Target): Promise<boolean> {
  const coverage = watchCoverage(ROOT, FOLDERS)
  const hangs = watchHangs()
  const corpus = readCorpus(name)
  const target = make()
  const untilMs = performance.now() + Number(values.minutes) * 60_000
  const result = await fuzz({
    target,
    corpus,
    seed: Number(values.seed),
    executions: Number.POSITIVE_INFINITY,
    untilMs,
    coverage,
    before: input => hangs.begin(`${name} ${JSON.stringify(input)}`),
  })
  hangs.stop()
  tell(target, corpus.length, result)
  if (values.keep) {
    const kept = await fewest(make, [...corpus, ...result.kept], coverage)
    writeCorpus(name, kept)
    console.log(`${name}: the corpus has ${kept.length} inputs now`)
  }
  coverage.stop()
  return result.found.length === 0
}

async function once(make: () => Target, text: string): Promise<boolean> {
  const target = make()
  await target.run(JSON.parse(text))
  await target.close?.()
  console.log(`${target.name}: nothing wrong`)
  return true
}

const chosen = [...TARGETS].filter(([name]) => values.only === undefined || values.only.split(',').includes(name))
if (chosen.length === 0) console.log(`no target is called ${values.only}; there are ${[...TARGETS.keys()].join(', ')}`)
let clean = chosen.length > 0
for (const [name, make] of chosen) clean = (await (values.input === undefined ? explore(name, make) : once(make, values.input))) && clean
process.exit(clean ? 0 : 1)
