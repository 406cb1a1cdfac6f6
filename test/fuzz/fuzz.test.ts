/** Every target over its corpus and some changes of it, always the same; and the loop sees what it is there to see. `npm run fuzz` goes on. */
import { resolve } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createRandom } from '../sim/random.ts'
import { readCorpus } from './corpus.ts'
import { watchCoverage } from './coverage.ts'
import { type FuzzOptions, type FuzzResult, fuzz } from './loop.ts'
import { mutateHex, mutateJson } from './mutate.ts'
import { Finding, type Target, textOf } from './target.ts'
import { TARGETS } from './targets/index.ts'

const FOREVER = Number.POSITIVE_INFINITY
const MUTATIONS = 60

for (const [name, make] of TARGETS) {
  test(`${name}: nothing is found in the corpus and ${MUTATIONS} changes of it`, async () => {
    const target = make()
    const corpus = readCorpus(name)
    const executions = target.seeds.length + corpus.length + MUTATIONS
    const result = await fuzz({ target, corpus, seed: 7, executions, untilMs: FOREVER, coverage: null })
    assert.is(result.found.map(f => `${f.what}\ninput: ${JSON.stringify(f.input)}`).join('\n'), '')
    assert.is(result.executions, executions)
  })
}

const toy = (run: Target['run'], seeds: Target['seeds'] = ['a']): Target => ({ name: 'toy', seeds, mutate: mutateJson, run })

const over = (target: Target, more: Partial<FuzzOptions> = {}): Promise<FuzzResult> =>
  fuzz({ target, corpus: [], seed: 1, executions: 400, untilMs: FOREVER, coverage: null, ...more })

test('what an input does wrong is told once, with the input', async () => {
  const target = toy(async input => {
    if (textOf(input).includes('0')) throw new Finding('there is a nought')
  })
  const { found } = await over(target)
  assert.is(found.length, 1)
  assert.match(found[0]?.what ?? '', 'there is a nought')
  assert.match(textOf(found[0]?.input ?? null), '0')
})

test('a rejection that nobody catches, and an answer that never comes, are found', async () => {
  const stray = await over(
    toy(async () => {
      Promise.reject(new Error('forgotten'))
    }),
    { executions: 1 },
  )
  assert.match(stray.found[0]?.what ?? '', /^nobody caught: Error: forgotten/)
  const hanging = await over(
    toy(() => new Promise(() => {})),
    { executions: 1, inputLimitMs: 20 },
  )
  assert.match(hanging.found[0]?.what ?? '', 'not done within 20 ms')
})

test('what keeps something of every input is found', async () => {
  const kept: Float64Array[] = []
  const { found } = await over(
    toy(async () => void kept.push(new Float64Array(1))),
    { executions: 2000 },
  )
  assert.equal(found, [])
  const lists: unknown[] = []
  const grown = await over(
    toy(async () => void lists.push(Array.from({ length: 5000 }, (_, i) => ({ i })))),
    { executions: 2000 },
  )
  assert.match(grown.found[0]?.what ?? '', /^the heap grew by \d+ MB in 2000 executions/)
})

test('inputs that reach new code are kept, and the same seed draws the same inputs', async () => {
  const make = TARGETS.get('journal')
  if (!make) throw new Error('there is no such target')
  const coverage = watchCoverage(resolve(import.meta.dirname, '../..'), ['actors', 'supervisors'])
  const { kept, ways } = await over(make(), { coverage, executions: 300 })
  coverage.stop()
  assert.ok(kept.length > 0, 'something was kept')
  assert.ok(ways > 20, `${ways} ways`)
  const drawn = (): string[] => {
    const random = createRandom(5)
    return Array.from({ length: 200 }, () => JSON.stringify([mutateJson({ a: [1, 'b', null] }, random), mutateHex('00ff10', random)]))
  }
  assert.equal(drawn(), drawn())
  assert.ok(new Set(drawn()).size > 100)
})

test.run()
