/** The interpreter itself: what it understands, what it says of what it does not, and how two logs are compared. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { differencesOf } from './compare.ts'
import { parseScenario } from './parse.ts'
import { play } from './play.ts'
import { linesOf, withoutChance } from './text.ts'
import { namesOf, timeMs } from './words.ts'

const interpreter = suite('the interpreter of scenarios')

const parse = (...lines: string[]) => parseScenario('x/scenario', ['# why', ...lines].join('\n'))

interpreter('times and names', () => {
  assert.equal(['2s', '500ms', '1.5m', '-1h', 's', '2', '2 s'].map(timeMs), [2000, 500, 90_000, -3_600_000, null, null, null])
  assert.equal(namesOf('web-2..web-4'), ['web-2', 'web-3', 'web-4'])
  assert.equal(namesOf('web-2'), ['web-2'])
})

interpreter('a story is a list of steps', () => {
  const { about, givens, steps } = parse(
    'given 3 hosts, soft delete for 10s',
    '',
    'at 2s create web on compute-1',
    'within 5s web active',
    'and stop web',
  )
  assert.is(about, 'why')
  assert.is(givens.length, 2)
  assert.equal(
    steps.map(({ line, text }) => `${line} ${text}`),
    ['4 at 2s create web on compute-1', '5 within 5s web active', '6 and stop web'],
  )
})

const WRONG: readonly (readonly [lines: readonly string[], problem: RegExp])[] = [
  [['at 2s kil conductor-1'], /^x\/scenario:2: there is no "kil conductor-1"; there are: kill NODE/],
  [['at 2s kill host-1'], /^x\/scenario:2: "kill NODE": "host-1" is not a node/],
  [['at 2s power off'], /^x\/scenario:2: "power off NODE": a node.* is missing/],
  [['at 2s kill compute-1 now'], /^x\/scenario:2: "kill NODE": "now" is too much/],
  [['at soon kill compute-1'], /^x\/scenario:2: "at" needs a time such as 2s, not "soon"/],
  [['', 'kill compute-1'], /^x\/scenario:3: a line begins with given, at, /],
  [['when web active kill compute-1'], /^x\/scenario:2: "when CONDITION: COMMAND" has a colon/],
  [['within 2s web happy'], /^x\/scenario:2: "NAME .*"happy" is not/],
  [['at 0s create web on'], /^x\/scenario:2: "on" has no such value/],
  [['at 0s create web colour red'], /^x\/scenario:2: create knows no "colour", only flavor, /],
  [['at 0s create web', 'given 3 hosts'], /^x\/scenario:3: what is given stands before the first command/],
  [[], /^x\/scenario: nothing happens/],
]

for (const [lines, problem] of WRONG) {
  interpreter(`${lines.join(' / ') || 'no line'}: what is wrong, and where`, () => assert.throws(() => parse(...lines), problem))
}

interpreter('without a first line that says why there is no scenario', () => {
  assert.throws(() => parseScenario('x/scenario', 'at 0s create web\n'), /^x\/scenario:1: the first line says/)
})

interpreter('a broken promise and a node that is not there name their line', async () => {
  const failure = (...lines: string[]) => play('x', parse(...lines)).catch(error => error.message)
  assert.match(
    await failure('at 0s create web', 'within 100ms web deleted'),
    /^line 3, "within 100ms web deleted": it has not come to be so in 0.1 s\. .*\n.*web: building/,
  )
  assert.match(await failure('at 0s kill compute-9'), /^line 2, "at 0s kill compute-9": there is no compute-9/)
  assert.match(await failure('at 2s create web', 'at 1s stop web'), /^line 3, "at 1s stop web": it is 2 s already/)
})

interpreter('the checkers see what a scenario breaks', async () => {
  const { violations, log } = await play('x', parse('at 0s create web on compute-1', 'within 10s web active', 'and quota of shop 1 instances'))
  assert.equal(violations, [])
  assert.match(log, /^at 0s create web on compute-1 -> accepted\n {2}guest of web on compute-1: running\n {2}web: building/)
})

interpreter('a difference is shown with what stands around it', () => {
  assert.equal(differencesOf('a\nb\nc\n', 'a\nb\nc\n'), [])
  assert.equal(differencesOf('1\n2\n3\n4\n5\n6\n7\n', '1\n2\n3\n4\nfive\n6\n7\n'), ['  3', '  4', '- 5', '+ five', '  6', '  7'])
  assert.equal(differencesOf('', 'a\n'), ['+ a'])
})

interpreter('what is chance is not in the log', () => {
  const seen: [string, string][] = [
    ['web-2', 'active on compute-3'],
    ['web-1', 'active on compute-3'],
    ['db', 'active on compute-2'],
    ['compute-1', 'down'],
  ]
  const lines = linesOf(seen)
  assert.is(lines, ['  compute-1: down', '  db: active on compute-2', '  web-* (2): active on compute-3'].join('\n'))
  assert.is(withoutChance(lines, 'at 0s kill compute-1'), ['  compute-1: down', '  db: active on host-a', '  web-* (2): active on host-b'].join('\n'))
})

interpreter.run()
