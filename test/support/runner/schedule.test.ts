/** Which files run beside each other, and what is said of their cost; with files that exist only here. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { rulesOf, type TestFile } from './discover.ts'
import { costsByFolder } from './report.ts'
import { nextStart } from './schedule.ts'

const file = (path: string, limitS?: number): TestFile => rulesOf(path, limitS === undefined ? '' : `// time limit: ${limitS} s`)
const unit = (name: string, limitS?: number): TestFile => file(`test/unit/${name}.test.ts`, limitS)
const cluster = (name: string, limitS?: number): TestFile => file(`test/cluster/${name}.test.ts`, limitS)
const quiet = (name: string): TestFile => rulesOf(`test/chaos/${name}.test.ts`, '/** Its leases are short, so it needs quiet. */')
const nameOf = ({ path }: TestFile): string => path.replace(/.*\/(.*)\.test\.ts/, '$1')

/** Starts what may be started; then the one that was started first ends, and so on. Each line is what runs at one time, `-` at lower priority. */
function play(files: readonly TestFile[]): string[] {
  const left = [...files]
  const running: TestFile[] = []
  const lowered = new Map<string, boolean>()
  const lines: string[] = []
  while (left.length + running.length > 0) {
    for (let start = nextStart(left, running); start; start = nextStart(left, running)) {
      running.push(...left.splice(left.indexOf(start.file), 1))
      lowered.set(nameOf(start.file), start.niceness > 0)
    }
    assert.ok(running.length > 0, 'something runs')
    lines.push(running.map(file => `${nameOf(file)}${lowered.get(nameOf(file)) ? '-' : ''}`).join(' '))
    running.shift()
  }
  return lines
}

test('two that wait and one that computes; when only one kind is left, two of it', () => {
  const waiting = ['w1', 'w2', 'w3'].map(name => cluster(name))
  const computing = ['c1', 'c2', 'c3', 'c4'].map(name => unit(name))
  assert.equal(play([...computing, ...waiting]), ['w1 w2 c1-', 'w2 c1- w3', 'c1- w3 c2-', 'w3 c2- c3-', 'c2- c3-', 'c3- c4', 'c4'])
  assert.equal(play(waiting), ['w1 w2', 'w2 w3', 'w3'])
})

test('the longest limit first', () => {
  assert.equal(play([unit('a'), unit('b', 90), unit('c', 120)]), ['c b', 'b a', 'a'])
})

test('what needs quiet comes first, one after the other, each with one that computes beside it', () => {
  assert.equal(play([cluster('w'), quiet('x'), unit('a'), quiet('y'), unit('b'), unit('c')]), ['x a-', 'a- y', 'y b-', 'b- w c-', 'w c-', 'c-'])
  assert.equal(play([quiet('x'), cluster('w')]), ['x', 'w'])
})

test('what is said in the code of a file is no rule for it', () => {
  const { limitMs, needsQuiet } = rulesOf('test/unit/a.test.ts', "const text = 'time limit: 1 s, needs quiet'\n")
  assert.equal([limitMs, needsQuiet], [60_000, false])
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
