/** The protocols hold within small bounds, and the explorer sees when they do not. `npm run model` explores further. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { PLANTED, SMALL } from './checks.ts'
import { explore, type Model, timeline } from './explore.ts'

for (const { name, run } of SMALL) {
  test(`${name}: holds in every state`, async () => {
    const { exhaustive, violation, states } = await run()
    assert.is(violation ? timeline(violation) : '', '')
    assert.ok(exhaustive && states > 100, `${states} states`)
  })
}

/** Cheap ones, of every model. */
const SEEN: readonly (readonly [bug: string, steps: number, what: RegExp])[] = [
  ['skip the fence', 11, /can both commit/],
  ['no margin for clocks', 7, /runs elsewhere too/],
  ['spawn before claim', 5, /no room is held/],
  ['evacuate without fence', 7, /i1 runs on h1 and h2/],
]

for (const [name, steps, what] of SEEN) {
  test(`planted: ${name} is found, on the shortest way`, async () => {
    const found = await PLANTED.find(bug => bug.name === name)?.find()
    assert.ok(found?.violation, 'it is found')
    if (!found?.violation) return
    assert.match(found.violation.what, what)
    assert.is(found.violation.steps.length, steps, timeline(found.violation))
  })
}

/** Counts up by one or two; nine is forbidden. */
const counting = (forbidden: number): Model<number> => ({
  name: 'counting',
  initial: 0,
  steps: n => (n < 20 ? [1, 2].map(by => ({ who: 'counter', what: `+${by}`, next: n + by })) : []),
  key: String,
  violated: n => (n === forbidden ? `it is ${n}` : null),
})

test('the explorer visits each state once, and says how far it came', async () => {
  const { states, transitions, depth, exhaustive, violation } = await explore(counting(-1), { maxStates: 1000 })
  assert.equal({ states, transitions, depth, exhaustive, violation }, { states: 22, transitions: 40, depth: 11, exhaustive: true, violation: null })
})

test('a counterexample is as short as can be, and reads like a story', async () => {
  const { violation } = await explore(counting(9), { maxStates: 1000 })
  assert.is(violation?.steps.length, 5)
  if (violation) assert.match(timeline(violation), /^ {2}1 {2}counter {2}\+[12]\n(?:.*\n)* {2}=> it is 9$/)
})

test('an exploration that is cut short says so', async () => {
  assert.is((await explore(counting(-1), { maxStates: 5 })).exhaustive, false)
  assert.is((await explore(counting(-1), { maxStates: 1000, maxDepth: 3 })).exhaustive, false)
})

test.run()
