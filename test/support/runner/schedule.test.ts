/** Which files run beside each other, and what is said of their cost; with files that exist only here. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { rulesOf, type TestFile } from './discover.ts'
import { costsByFolder } from './report.ts'
import { nextFile } from './schedule.ts'

const file = (path: string, limitS?: number): TestFile => rulesOf(path, limitS === undefined ? '' : `// time limit: ${limitS} s`)
const unit = (name: string, limitS?: number): TestFile => file(`test/unit/${name}.test.ts`, limitS)
const cluster = (name: string, limitS?: number): TestFile => file(`test/cluster/${name}.test.ts`, limitS)
const alone = (name: string): TestFile => rulesOf(`test/chaos/${name}.test.ts`, '/** Its leases are short, so it runs alone. */')

/** Starts what may be started; then the one that was started first ends, and so on. Each line is what runs at one time. */
function play(files: readonly TestFile[]): string[] {
  const left = [...files]
  const running: TestFile[] = []
  const lines: string[] = []
  while (left.length + running.length > 0) {
    for (let next = nextFile(left, running); next; next = nextFile(left, running)) running.push(...left.splice(left.indexOf(next), 1))
    assert.ok(running.length > 0, 'something runs')
    lines.push(running.map(({ path }) => path.replace(/.*\/(.*)\.test\.ts/, '$1')).join(' '))
    running.shift()
  }
  return lines
}

test('two that wait and one that computes; when only one kind is left, two of it', () => {
  const waiting = ['w1', 'w2', 'w3'].map(name => cluster(name))
  const computing = ['c1', 'c2', 'c3', 'c4'].map(name => unit(name))
  assert.equal(play([...computing, ...waiting]), ['w1 w2 c1', 'w2 c1 w3', 'c1 w3 c2', 'w3 c2 c3', 'c2 c3', 'c3 c4', 'c4'])
  assert.equal(play(waiting), ['w1 w2', 'w2 w3', 'w3'])
})

test('the longest limit first', () => {
  assert.equal(play([unit('a'), unit('b', 90), unit('c', 120)]), ['c b', 'b a', 'a'])
})

test('what must be alone comes last and has nobody beside it', () => {
  assert.equal(play([alone('x'), unit('a'), alone('y'), cluster('w')]), ['w a', 'a', 'x', 'y'])
})

test('what is said in the code of a file is no rule for it', () => {
  const { limitMs, alone: isAlone } = rulesOf('test/unit/a.test.ts', "const text = 'time limit: 1 s, runs alone'\n")
  assert.equal([limitMs, isAlone], [60_000, false])
})

test('costs are summed by folder, the longest first', () => {
  const costs = new Map([
    [unit('a'), { tookMs: 1000, cpuMs: 900 }],
    [cluster('w'), { tookMs: 5000, cpuMs: null }],
    [unit('b'), { tookMs: 500, cpuMs: 350 }],
  ])
  const [first, second] = costsByFolder(costs).trim().split('\n')
  assert.is(first, 'test/cluster: 1 files, 5.0 s one after the other, cpu 0.0 s')
  assert.is(second, 'test/unit: 2 files, 1.5 s one after the other, cpu 1.3 s')
})

test.run()
